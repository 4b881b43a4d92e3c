"""Values as the scripts take and give them: words, and flat lists of fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from uuid import UUID

from pydantic_core import from_json

from nexmo_twisted.domain.ids import bytes_of_key, item_name
from nexmo_twisted.domain.links import LinkCommit, LinkState, thread_of, thread_of_entry
from nexmo_twisted.domain.model import AutoReply, Notification, Reply, Status, Thread
from nexmo_twisted.domain.rate_limits import Limit

_STATUSES = {int(status): status for status in Status}


def queue_of(item: Notification | Reply) -> str:
    return "out" if isinstance(item, Notification) else "in"


def ranks(report: Collection[Status]) -> str:
    return "".join(str(int(status)) for status in report)


def limits_words(limits: Sequence[Limit]) -> str:
    return " ".join(f"{limit.name} {limit.interval} {limit.tolerance}" for limit in limits)


def int_or_none(text: str) -> int | None:
    return int(float(text)) if text else None


def pairs(flat: list[str]) -> dict[str, str]:
    it: Iterator[str] = iter(flat)
    return dict(zip(it, it, strict=True))


def commit_words(commit: LinkCommit) -> tuple[str | int, ...]:
    state = commit.state
    return (
        commit.user_id,
        state.user_map,
        commit.handset,
        state.handset.get("v", ""),
        state.owner,
        state.owner_map,
        commit.raw,
        commit.number,
        commit.entry,
        commit.ttl,
        *chain.from_iterable(commit.adopted.items()),
    )


class Records:
    """The messages that one claim tells of: mid, sender, packed, why it is gone, ranks as JSON, and so on.

    Each is there once, and read once, however many of its notifications were claimed.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = {words[at]: words[at + 1 : at + 5] for at in range(0, len(words), 5)}
        self._statuses: dict[str, Mapping[str, Status]] = {}

    def __getitem__(self, mid: str) -> tuple[str, str, str, Mapping[str, Status]]:
        """Sender, packed, why it is gone, statuses. Raises LookupError or ValueError for what nobody of ours wrote."""
        sender, packed, gone, ranked = self._words[mid]
        if mid not in self._statuses:
            self._statuses[mid] = {user: _STATUSES[rank] for user, rank in from_json(ranked).items()}
        return sender, packed, gone, self._statuses[mid]


def notification(records: Records, nid: str, token: str, waited: str, fields: list[str]) -> Notification:
    item: Mapping[str, str] = pairs(fields)
    sender, packed, gone, statuses = records[item["m"]] if "m" in item else ("", "", "", {})
    notice = AutoReply(item["h"], item["n"], item["x"]) if "x" in item else None
    return Notification(
        id=nid,
        token=token,
        message_id=item_name(nid),
        user_id=item["l"],
        sender=sender,
        packed=packed,
        statuses=statuses,
        gone=gone,
        attempts=int(item.get("t", 0)),
        introduction_failures=int(item.get("f", 0)),
        due=int(item["d"]),
        waited=int(waited),
        suspect=item["suspect"] == "1",
        notice=notice,
        aside_since=int(item["aside"]) if "aside" in item else None,
        reason=item.get("e", ""),
    )


def reply(_records: Records, rid: str, token: str, waited: str, fields: list[str]) -> Reply:
    item: Mapping[str, str] = pairs(fields)
    return Reply(
        id=rid,
        token=token,
        handset=item["h"],
        number=item["n"],
        text=item["x"],
        once=UUID(bytes=bytes_of_key(rid)),
        thread=thread_of_entry(item["b"]) or _before_us(item),
        attempts=int(item.get("t", 0)),
        waited=int(waited),
        suspect=item["suspect"] == "1",
        open="wait" in item,
        doubt="doubt" in item,
        reason=item.get("e", ""),
    )


def _before_us(item: Mapping[str, str]) -> Thread | None:
    """The thread that the Node service's keys gave to the number when the reply came; of ours it carried none."""
    if "owner" not in item:
        return None
    state = LinkState(int(item["d"]), "", {}, owner=item["owner"], owner_map=item.get("map", ""))
    return thread_of(state, item["n"])

"""Which number carries a conversation to a handset: a pure rule over what was read, and what to write if that stands.

A link joins (user, conversation) to one of our numbers. Two places hold it: the user's map, in the Node service's
format ``{conversation id: {"phone": number, "expires": ms}}``, and the handset's entries, one a number, which say what
that SMS thread stands for. Two users may share a handset, so only both together tell whether a number is free.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nexmo_twisted.durations import milliseconds
from nexmo_twisted.model import Thread
from nexmo_twisted.rules.compact import dump

WEEK = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class LinkState:
    """Everything a choice is based on, as read at ``now`` (ms). Maps and entries are JSON as it stands in Redis.

    ``handset`` holds ``<number>`` -> entry, ``i:<number>`` -> introduced thread and ``v`` -> version; it is empty for
    a handset we never texted. Then (and for a reply to a number we know nothing of) ``owner`` is the user the Node
    service last texted there, with their map.
    """

    now: int
    user_map: str
    handset: Mapping[str, str]
    owner: str = ""
    owner_map: str = ""
    unowned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LinkCommit:
    """What to write, and the state it is based on.

    ``ttl`` is in ms; ``handset`` in digits, ``raw`` as its owner wrote it; ``mark`` is the introduced thread, or blank
    when it was not introduced yet. ``adopted`` are further fields for a handset that only the Node service texted.
    """

    state: LinkState
    user_id: str
    handset: str
    raw: str
    number: str
    user_map: str
    entry: str
    ttl: int
    mark: str
    adopted: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """The number chosen. ``introduced``: the handset was told there what this conversation is."""

    number: str
    introduced: bool
    commit: LinkCommit


@dataclass(frozen=True, slots=True)
class _Entry:
    number: str
    expires: int
    used: int = 0
    thread: Thread | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def choose(
    state: LinkState,
    thread: Thread,
    handset: str,
    raw: str,
    numbers: Sequence[str],
    lifetime: int,
    keep: int,
) -> Choice | None:
    """The number for this thread on this handset, or None when all are taken.

    An existing link is kept as long as its number may be used; otherwise a number that is free for the handset is
    taken, least recently used by it first. ``lifetime`` is how long a link lives unused and ``keep`` how long it still
    finds its conversation after that, both in ms.
    """
    usable = [number for number in numbers if number not in state.unowned]
    links = _user_links(state.user_map, state.now)
    threads = handset_entries(state)
    own = links.get(thread.conversation_id)
    others = {
        conversation: link
        for conversation, link in links.items()
        if conversation != thread.conversation_id and link.expires > state.now
    }
    busy = {link.number for link in others.values()}
    busy |= {n for n, e in threads.items() if e.thread != thread and e.expires > state.now}
    if own is not None and own.number in usable and own.number not in busy:
        number = own.number
    else:
        free = [n for n in usable if n not in busy]
        if not free:
            return None
        number = min(free, key=lambda n: threads[n].used if n in threads else 0)
    introduced = _introduced(state, thread, own, number)
    return Choice(number, introduced, _commit(state, thread, handset, raw, number, lifetime, keep, introduced))


def renew(state: LinkState, thread: Thread, handset: str, number: str, lifetime: int, keep: int) -> LinkCommit | None:
    """A reply came over ``number``: its link lives on. None when the number carries something else by now."""
    own = _user_links(state.user_map, state.now).get(thread.conversation_id)
    entry = handset_entries(state).get(number)
    if own is None or own.number != number or (entry is not None and entry.thread != thread):
        return None
    return _commit(state, thread, handset, "", number, lifetime, keep, _introduced(state, thread, own, number))


def thread_of(state: LinkState, number: str) -> Thread | None:
    """What ``number`` last carried on this handset, expired or not."""
    entry = handset_entries(state).get(number)
    return entry.thread if entry else None


def handset_entries(state: LinkState) -> dict[str, _Entry]:
    """What each number carries on the handset; where only the Node service texted it, what its keys say."""
    entries: dict[str, _Entry] = {}
    if state.owner:
        for conversation, link in _user_links(state.owner_map, state.now).items():
            known = entries.get(link.number)
            if known is None or known.expires < link.expires:
                entries[link.number] = _Entry(link.number, link.expires, 0, Thread(state.owner, conversation))
    for number, raw in state.handset.items():
        if number.isdigit():
            user_id, conversation_id, expires, used = json.loads(raw)
            entries[number] = _Entry(number, expires, used, Thread(user_id, conversation_id))
    return entries


def thread_of_entry(entry: str) -> Thread | None:
    """The thread of one handset entry as it stands in Redis; None for a blank one."""
    if not entry:
        return None
    user_id, conversation_id, *_ = json.loads(entry)
    return Thread(user_id, conversation_id)


def introduction_mark(thread: Thread) -> str:
    """What is kept beside a handset's entry once its introduction was accepted."""
    return dump([thread.user_id, thread.conversation_id])


def _introduced(state: LinkState, thread: Thread, own: _Entry | None, number: str) -> bool:
    if own is None or own.number != number:
        return False
    if number in state.handset:
        return state.handset.get(f"i:{number}") == introduction_mark(thread)
    return state.owner == thread.user_id  # the Node service introduced it on this handset


def _commit(
    state: LinkState,
    thread: Thread,
    handset: str,
    raw: str,
    number: str,
    lifetime: int,
    keep: int,
    introduced: bool,
) -> LinkCommit:
    expires = latest = state.now + lifetime
    mapping = _load_map(state.user_map)
    for conversation, link in _user_links(state.user_map, state.now).items():
        if conversation == thread.conversation_id:
            continue
        if link.expires <= state.now:
            del mapping[conversation]
        else:
            mapping[conversation] = {**link.rest, "expires": link.expires}
            latest = max(latest, link.expires)
    own = mapping.get(thread.conversation_id)
    mapping[thread.conversation_id] = {
        **(own if isinstance(own, dict) else {}),
        "phone": number,
        "expires": expires,
    }
    entry = dump([thread.user_id, thread.conversation_id, expires, state.now])
    mark = introduction_mark(thread) if introduced else ""
    ttl = latest - state.now + keep
    adopted = {} if state.handset else _adopted(state, thread, number)
    return LinkCommit(state, thread.user_id, handset, raw, number, dump(mapping), entry, ttl, mark, adopted)


def _adopted(state: LinkState, thread: Thread, number: str) -> dict[str, str]:
    """What the Node service linked on this handset besides ``number``: once the handset has an entry of ours, its keys
    are not consulted any more. Links of the user himself count as links on this handset, as they did there."""
    entries = handset_entries(state)
    for conversation, link in _user_links(state.user_map, state.now).items():
        own = _Entry(link.number, link.expires, 0, Thread(thread.user_id, conversation))
        entries.setdefault(link.number, own)
    fields = {}
    for entry in entries.values():
        if entry.thread is not None and entry.number != number:
            linked = entry.thread
            fields[entry.number] = dump([linked.user_id, linked.conversation_id, entry.expires, entry.used])
            fields[f"i:{entry.number}"] = introduction_mark(linked)
    return fields


def _user_links(raw: str, now: int) -> dict[str, _Entry]:
    links = {}
    for conversation, value in _load_map(raw).items():
        if isinstance(value, dict) and isinstance(value.get("phone"), str | int):
            number = re.sub(r"\D", "", str(value["phone"]))
            links[conversation] = _Entry(number, expiry(value.get("expires"), now), rest=value)
    return links


def expiry(value: object, now: int) -> int:
    """When a link ends, ms since the epoch, from the forms real deployments of the Node service hold.

    It wrote a number; ``null`` where its own default of a week was not understood; and, where a setting in
    milliseconds was formatted instead of parsed, the time with a duration behind it: ``"17954372123457d"``.
    What cannot be read is taken for a week from now, since dropping a link in use loses replies.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return int(value)
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{13})(.*)", value.strip(), re.DOTALL)):
        rest = match[2].strip()
        try:
            return int(match[1]) + (milliseconds(rest) if rest else 0)
        except ValueError:
            pass
    return now + WEEK


def _load_map(raw: str) -> dict[str, Any]:
    try:
        value = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

"""Which number carries a conversation to a handset: a pure rule over what was read, and what to write if that stands.

A link joins (user, conversation) to one of our numbers. Two places hold it: the user's map, in the Node service's
format ``{conversation id: {"phone": number, "expires": ms}}``, and the handset's entries, one a number, which say what
that SMS thread stands for. Two users may share a handset, so only both together tell whether a number is free.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nexmo_twisted.model import Thread
from nexmo_twisted.rules.compact import dump
from nexmo_twisted.rules.link_map import Linked, load_map, user_links
from nexmo_twisted.rules.phones import region_of


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
    """The number chosen. ``introduced``: the handset was told there what this conversation is. ``taken_over``: it was
    another conversation's until now."""

    number: str
    introduced: bool
    commit: LinkCommit
    taken_over: bool


def choose(
    state: LinkState,
    thread: Thread,
    handset: str,
    raw: str,
    numbers: Sequence[str],
    lifetime: int,
    keep: int,
    *,
    take_over: bool = False,
) -> Choice | None:
    """The number for this thread on this handset, or None when there is none for it.

    An existing link is kept as long as its number may be used. Else one of the numbers that are free for the handset is
    taken: those of the handset's own country first, then the one least recently used by it. Which of several that it
    never used comes first differs from handset to handset, so that all numbers share the work: one alone may send an
    SMS a second. When none is free, ``take_over`` takes the one whose conversation has been idle longest.

    ``lifetime`` is how long a link lives unused and ``keep`` how long it still finds its conversation after that, both
    in ms.
    """
    usable = [number for number in numbers if number not in state.unowned]
    entries = handset_entries(state)
    links = user_links(state.user_map, state.now)
    own = links.get(thread.conversation_id)
    busy = _busy(state.now, thread, links, entries, lifetime)
    free = [number for number in usable if number not in busy]
    if own is not None and own.number in free:
        number = own.number
    elif free:
        home, first = region_of(handset), int(handset) % len(free)
        in_turn = free[first:] + free[:first]
        number = min(in_turn, key=lambda n: (region_of(n) != home, entries[n].used if n in entries else 0))
    elif take_over and usable:
        number = min(usable, key=busy.__getitem__)
    else:
        return None
    taken_over = number in busy
    introduced = not taken_over and _introduced(state, thread, own, number)
    commit = _commit(state, thread, handset, raw, number, lifetime, keep, introduced)
    return Choice(number, introduced, commit, taken_over)


def renew(state: LinkState, thread: Thread, handset: str, number: str, lifetime: int, keep: int) -> LinkCommit | None:
    """A reply came over ``number``: its link lives on. None when the number carries something else by now."""
    own = user_links(state.user_map, state.now).get(thread.conversation_id)
    entry = handset_entries(state).get(number)
    if own is None or own.number != number or (entry is not None and entry.thread != thread):
        return None
    return _commit(state, thread, handset, "", number, lifetime, keep, _introduced(state, thread, own, number))


def thread_of(state: LinkState, number: str) -> Thread | None:
    """What ``number`` last carried on this handset, expired or not."""
    entry = handset_entries(state).get(number)
    return entry.thread if entry else None


def handset_entries(state: LinkState) -> dict[str, Linked]:
    """What each number carries on the handset; where only the Node service texted it, what its keys say."""
    entries: dict[str, Linked] = {}
    if state.owner:
        for conversation, link in user_links(state.owner_map, state.now).items():
            known = entries.get(link.number)
            if known is None or known.expires < link.expires:
                entries[link.number] = Linked(link.number, link.expires, 0, Thread(state.owner, conversation))
    for number, raw in state.handset.items():
        if number.isdigit():
            user_id, conversation_id, expires, used = json.loads(raw)
            entries[number] = Linked(number, expires, used, Thread(user_id, conversation_id))
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


def _busy(
    now: int, thread: Thread, links: Mapping[str, Linked], entries: Mapping[str, Linked], lifetime: int
) -> dict[str, int]:
    """The numbers that carry something else, to this handset or for this user, and when that was last used (ms)."""
    busy = {n: e.last_use(lifetime) for n, e in entries.items() if e.thread != thread and e.expires > now}
    for conversation, link in links.items():
        if conversation != thread.conversation_id and link.expires > now:
            entry = entries.get(link.number)
            if entry is None or entry.thread != Thread(thread.user_id, conversation):
                entry = link  # linked on another handset, or taken over by another user
            used = entry.last_use(lifetime)
            busy[link.number] = max(busy.get(link.number, used), used)
    return busy


def _introduced(state: LinkState, thread: Thread, own: Linked | None, number: str) -> bool:
    if own is None or own.number != number:
        return False
    if number in state.handset:  # the mark may be older than what the number carries now
        current = thread_of_entry(state.handset[number]) == thread
        return current and state.handset.get(f"i:{number}") == introduction_mark(thread)
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
    mapping = load_map(state.user_map)
    for conversation, link in user_links(state.user_map, state.now).items():
        if conversation == thread.conversation_id:
            continue
        if link.expires <= state.now or link.number == number:  # it ended, or its number is taken over
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
    are not consulted any more. Of a handset that it did text the user's own links count as links there, as they did for
    it; any other handset has never heard of them."""
    if not state.owner:
        return {}
    entries = handset_entries(state)
    for conversation, link in user_links(state.user_map, state.now).items():
        own = Linked(link.number, link.expires, 0, Thread(thread.user_id, conversation))
        entries.setdefault(link.number, own)
    fields = {}
    for entry in entries.values():
        if entry.thread is not None and entry.number != number:
            linked = entry.thread
            fields[entry.number] = dump([linked.user_id, linked.conversation_id, entry.expires, entry.used])
            fields[f"i:{entry.number}"] = introduction_mark(linked)
    return fields

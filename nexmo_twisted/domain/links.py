"""Which number carries a conversation to a handset: a pure rule over what was read (see link_state), and what to write
if that stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nexmo_twisted.domain.compact_json import dump
from nexmo_twisted.domain.legacy_links import Linked
from nexmo_twisted.domain.link_state import (
    INTRODUCED,
    LinkCommit,
    LinkState,
    introduction_mark,
    thread_of_entry,
)
from nexmo_twisted.domain.model import Thread
from nexmo_twisted.domain.phones import region_of


@dataclass(frozen=True, slots=True)
class Choice:
    """The number chosen. ``introduced``: the handset was told there what this conversation is. ``taken_over``: it was
    another conversation's until now."""

    number: str
    introduced: bool
    commit: LinkCommit
    taken_over: bool


@dataclass(frozen=True, slots=True)
class NoNumber:
    """There is no number for the thread. ``for_now``: one is in use by an attempt of another thread, and may be free
    when that is over."""

    for_now: bool


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
) -> Choice | NoNumber:
    """The number for this thread on this handset.

    A number on which an attempt of another thread is under way, or of unknown outcome, is left alone. An existing link
    is kept as long as its number may be used, and so is the number of another attempt at the thread. Else one of the
    numbers that are free for the handset is taken: those of the handset's own country first, then the one least
    recently used by it. Which of several that it never used comes first differs from handset to handset, so that all
    numbers share the work: one alone may send an SMS a second.

    When none is free, ``take_over`` takes the number of the user's own conversation that has been idle longest. A user
    who shares the handset and has no number there takes one of a user who has two or more, in any case: any user may
    enter the phone of another in a profile, and no user is to lose the last number to that.

    ``lifetime`` is how long a link lives unused and ``keep`` how long it still finds its conversation after that, both
    in ms.
    """
    entries = state.entries
    links = _links_there(state, handset)
    ours = [number for number in numbers if number not in state.unowned]
    usable = [number for number in ours if state.tried.get(number, thread) == thread]
    busy = _busy(state.now, thread, links, entries, lifetime)
    free = [number for number in usable if number not in busy]
    taken_over = False
    own = _own(state, thread, links, free)
    if own is None:
        own = next((number for number in usable if number in state.tried), None)
    if own is not None:
        number = own
    elif free:
        home, first = region_of(handset), int(handset) % len(free)
        in_turn = free[first:] + free[:first]
        number = min(in_turn, key=lambda n: (region_of(n) != home, entries[n].used if n in entries else 0))
    else:
        idle = _idle_longest(state, thread, ours, usable, busy, own=take_over)
        if idle is None:
            return NoNumber(for_now=len(usable) < len(ours))
        number, taken_over = idle, True
    introduced = not taken_over and _introduced(state, thread, number)
    return Choice(number, introduced, _commit(state, thread, handset, raw, number, lifetime, keep), taken_over)


def _links_there(state: LinkState, handset: str) -> Mapping[str, Linked]:
    """The links in the user's map, unless those are of another handset: they ended with it."""
    return state.links if state.texted in ("", handset) else {}


def renew(state: LinkState, thread: Thread, handset: str, number: str, lifetime: int, keep: int) -> LinkCommit | None:
    """A reply came over ``number``: its link lives on. None when the number carries something else by now."""
    entry = state.entries.get(number)
    own = state.links.get(thread.conversation_id)
    if entry is None or entry.thread != thread or (own is not None and own.number != number):
        return None
    return _commit(state, thread, handset, "", number, lifetime, keep)


def _own(state: LinkState, thread: Thread, links: Mapping[str, Linked], free: Sequence[str]) -> str | None:
    """The number that carries the thread already: as the user's map says, else as the handset's entries do, which are
    ahead of it for a moment."""
    own = links.get(thread.conversation_id)
    carrying = [n for n in free if (entry := state.entries.get(n)) is not None and entry.thread == thread]
    newest = max(carrying, key=lambda n: state.entries[n].used, default=None)
    if own is not None and own.number in free and (newest is None or own.number in carrying):
        return own.number
    return newest


def _idle_longest(
    state: LinkState,
    thread: Thread,
    ours: Sequence[str],
    usable: Sequence[str],
    busy: Mapping[str, int],
    *,
    own: bool,
) -> str | None:
    """The number that may be taken over from another conversation, or None. A number that is not ``ours`` any more is
    of no use."""
    owners: dict[str, list[str]] = {}
    for number in ours:
        entry = state.entries.get(number)
        if entry is None or entry.thread is None or entry.expires <= state.now:
            continue
        user = entry.thread.user_id
        if state.tried.get(number, entry.thread).user_id == user:  # else it may be another user's in a moment
            owners.setdefault(user, []).append(number)
    mine = owners.pop(thread.user_id, [])
    mine += [number for number in ours if number in state.tried and state.tried[number].user_id == thread.user_id]
    if own:
        others = [number for numbers in owners.values() for number in numbers]
        candidates = [number for number in usable if number not in others]
        if mine or candidates:
            return min(candidates, key=busy.__getitem__, default=None)
    if mine:
        return None
    spare = [number for numbers in owners.values() if len(numbers) > 1 for number in numbers if number in usable]
    return min(spare, key=lambda number: busy.get(number, 0), default=None)


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


def _introduced(state: LinkState, thread: Thread, number: str) -> bool:
    if number in state.handset:  # the mark may be older than what the number carries now
        current = thread_of_entry(state.handset[number]) == thread
        return current and state.handset.get(INTRODUCED + number) == introduction_mark(thread)
    own = state.entries.get(number)
    return own is not None and own.thread == thread  # the Node service introduced it on this handset


def _commit(
    state: LinkState, thread: Thread, handset: str, raw: str, number: str, lifetime: int, keep: int
) -> LinkCommit:
    expires = state.now + lifetime
    mapping, latest = _mapped(state, thread, handset, number, expires)
    entry = dump([thread.user_id, thread.conversation_id, expires, state.now])
    ttl = latest - state.now + keep
    adopted = {} if state.handset else _adopted(state, thread)
    return LinkCommit(
        state=state,
        user_id=thread.user_id,
        handset=handset,
        raw=raw,
        number=number,
        user_map=mapping,
        entry=entry,
        ttl=ttl,
        adopted=adopted,
    )


def remapped(state: LinkState, thread: Thread, handset: str, number: str, lifetime: int, keep: int) -> tuple[str, int]:
    """The user's map with a link that the handset has already, and its time to live (ms)."""
    mapping, latest = _mapped(state, thread, handset, number, state.now + lifetime)
    return mapping, latest - state.now + keep


def _mapped(state: LinkState, thread: Thread, handset: str, number: str, expires: int) -> tuple[str, int]:
    """The user's map with this link, and when the last link in it ends (ms)."""
    latest = expires
    mapping = dict(state.read_map)
    there = _links_there(state, handset)
    for conversation, link in state.links.items():
        if conversation == thread.conversation_id:
            continue
        # It ended, or its number is taken over.
        if conversation not in there or link.expires <= state.now or link.number == number:
            del mapping[conversation]
        else:
            mapping[conversation] = {**link.rest, "expires": link.expires}
            latest = max(latest, link.expires)
    own = mapping.get(thread.conversation_id)
    rest = own if isinstance(own, dict) else {}
    mapping[thread.conversation_id] = {**rest, "phone": number, "expires": expires}
    return dump(mapping), latest


def _adopted(state: LinkState, thread: Thread) -> dict[str, str]:
    """What the Node service linked on this handset: once the handset has an entry of ours, its keys are not consulted
    any more. Of a handset that it did text the user's own links count as links there, as they did for it; any other
    handset never got an SMS of them."""
    if not state.owner:
        return {}
    entries = dict(state.entries)
    for conversation, link in state.links.items():
        own = Linked(link.number, link.expires, 0, Thread(thread.user_id, conversation))
        entries.setdefault(link.number, own)
    fields = {}
    for entry in entries.values():
        if entry.thread is not None:
            linked = entry.thread
            fields[entry.number] = dump([linked.user_id, linked.conversation_id, entry.expires, entry.used])
            fields[INTRODUCED + entry.number] = introduction_mark(linked)
    return fields

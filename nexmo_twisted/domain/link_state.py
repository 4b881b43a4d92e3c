"""What was read of links, and what is to be written.

A link joins (user, conversation) to one of our numbers. Two places hold it: the handset's entries, one a number, which
say what that SMS thread stands for, and the user's map, in the Node service's format ``{conversation id: {"phone":
number, "expires": ms}}``. Both say what was accepted; what is being tried stands beside the entries. Two users may
share a handset, so only both places together tell whether a number is free.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nexmo_twisted.domain.compact_json import dump
from nexmo_twisted.domain.legacy_links import Linked, links_in, load_map, user_links
from nexmo_twisted.domain.model import Thread

#: What the names of two fields of a handset begin with: the thread that was introduced at a number, and the attempts
#: from there whose outcome is unknown.
INTRODUCED, UNSETTLED = "i:", "u:"


@dataclass(frozen=True, kw_only=True)
class LinkState:
    """Everything a choice is based on, as read at ``now`` (ms). Maps and entries are JSON as it stands in Redis.

    ``handset`` is the handset's hash (see store/scripts/shared/links.lua), empty for a handset we never texted. Then
    (and for a reply to a number we know nothing of) ``owner`` is the user the Node service last texted there, with
    their map. ``texted`` is the handset, in digits, that the user was texted on last, or blank.
    """

    now: int
    user_map: str
    handset: Mapping[str, str]
    owner: str = ""
    owner_map: str = ""
    unowned: frozenset[str] = frozenset()
    texted: str = ""

    @cached_property
    def read_map(self) -> Mapping[str, Any]:
        """The user's map."""
        return load_map(self.user_map)

    @cached_property
    def links(self) -> Mapping[str, Linked]:
        """The links in it, by conversation."""
        return links_in(self.read_map, self.now)

    @cached_property
    def entries(self) -> dict[str, Linked]:
        """What each number carries on the handset; where only the Node service texted it, what its keys say."""
        entries: dict[str, Linked] = {}
        if self.owner:
            for conversation, link in user_links(self.owner_map, self.now).items():
                known = entries.get(link.number)
                if known is None or known.expires < link.expires:
                    entries[link.number] = Linked(link.number, link.expires, 0, Thread(self.owner, conversation))
        for number, raw in self.handset.items():
            if number.isdigit():
                user_id, conversation_id, expires, used = json.loads(raw)
                entries[number] = Linked(number, expires, used, Thread(user_id, conversation_id))
        return entries

    @cached_property
    def tried(self) -> dict[str, Thread]:
        """The threads of attempts whose outcome is unknown, by number."""
        threads = {}
        for field, raw in self.handset.items():
            if field.startswith(UNSETTLED):
                user_id, conversation_id, *_ = json.loads(raw.partition("\n")[0])
                threads[field.removeprefix(UNSETTLED)] = Thread(user_id, conversation_id)
        return threads


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCommit:
    """What to write, and the state it is based on.

    ``ttl`` is in ms; ``handset`` in digits, ``raw`` as its owner wrote it; ``user_map`` is to be written once the SMS
    was accepted. ``adopted`` are further fields for a handset that only the Node service texted.
    """

    state: LinkState
    user_id: str
    handset: str
    raw: str
    number: str
    user_map: str
    entry: str
    ttl: int
    adopted: Mapping[str, str]


def thread_of(state: LinkState, number: str) -> Thread | None:
    """What ``number`` last carried on this handset, expired or not."""
    entry = state.entries.get(number)
    return entry.thread if entry else None


def thread_of_entry(entry: str) -> Thread | None:
    """The thread of one handset entry as it stands in Redis; None for a blank one."""
    if not entry:
        return None
    user_id, conversation_id, *_ = json.loads(entry)
    return Thread(user_id, conversation_id)


def introduction_mark(thread: Thread) -> str:
    """What is kept beside a handset's entry once its introduction was accepted."""
    return dump([thread.user_id, thread.conversation_id])

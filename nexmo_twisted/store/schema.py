"""Every key in Redis, the fields of its records, and how long it is kept. In scripts ``K.name`` is a key, ``F.name`` a
field and ``KEEP.name`` a time.

The two ``nexmo-layer-integration-`` families are those of the Node service of 2016 and keep its format.
All times are milliseconds since the epoch by Redis' clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nexmo_twisted.domain.link_state import (
    INTRODUCED,
    UNSETTLED,
)

#: The number of the form of all this. It rises when an older process would misread what a newer one writes: a key or a
#: field with another meaning, a name or type that changed, a state that was not there before. It stays when a key is
#: added that older processes need not know, or a field that may be missing.
VERSION = 2

#: What every key begins with unless `server.redis_prefix` says otherwise.
PREFIX = "nx:"

KEYS = {
    "schema": "nx:schema",  # STRING, VERSION of the process that came first; others touch nothing
    "message": "nx:m:",  # + mid: STRING, cmsgpack record of one message (see record_event.lua)
    "outcomes": "nx:o:",  # + mid: HASH, what became of the many recipients of one message (see shared/messages.lua)
    "due": "nx:due",  # ZSET mid -> when an unread message is checked
    "seq": "nx:seq",  # counter: lease tokens and the order of replies
    "suspended": "nx:suspended",  # HASH: sending is suspended (see shared/suspension.lua)
    "suspended_ms": "nx:suspended-ms",  # milliseconds that all past suspensions lasted
    "handset": "nx:handset:",  # + digits: HASH of what each number carries on that handset (see shared/links.lua)
    "unowned": "nx:unowned",  # SET of configured numbers that the account does not own
    "quarantine": "nx:quarantine",  # LIST of unreadable webhooks that are signed, newest first, bounded
    "unsigned": "nx:quarantine:unsigned",  # LIST of those that are not signed, likewise
    "lock": "nx:lock:",  # + name: STRING, until when a periodic job is one process's alone
    "beat": "nx:beat:",  # + name of a process: STRING, the number of its last beat
    "map": "nexmo-layer-integration-",  # + user id: STRING, JSON {conversation id: {phone, expires}}
    "owner": "nexmo-layer-integration-phone-",  # + handset: STRING, user id
    "escaped": "nx:links:",  # + user id: as "map", for user ids that would reach an "owner" key
    "opted_out": "nx:optout:",  # + handset: STRING, since when and why nothing is sent there; stays until taken back
    "blocked_strangers": "nx:optout-strangers",  # how many of those blocks are of handsets that we never texted
    "turned_away": "nx:sms-503",  # when a webhook of an inbound SMS was last answered 503, ms
    "auto_replies": "nx:auto-replies:",  # + handset: HASH kind of answer -> when it got one (shared/auto_replies.lua)
    "auto_replies_all": "nx:auto-replies-all",  # HASH since, n: those to handsets that we never texted
    "texted": "nx:texted:",  # + user id: STRING, where the user was texted last (see texted() in shared/links.lua)
    "named": "nx:phone:",  # + user id: STRING, when the chat platform itself named the user's phone (ms), and the phone
    "attempts": "nx:attempts:",  # + nid: HASH, attempts that are over (see shared/attempts.lua)
    "stepped_aside": "nx:aside:",  # + handset: ZSET nid -> until when, of texts that wait for a number there
    "receipts_seen": "nx:receipts",  # HASH country -> when a receipt came of an SMS to there
    # the two queues: notifications go out, replies come in
    "out_queue": "nx:queue:out",  # ZSET lane (user id) -> when to look next
    "out_lane": "nx:lane:out:",  # + user id: ZSET nid -> due
    "out_item": "nx:n:",  # + nid: HASH, one notification
    "out_uncertain": "nx:uncertain:out",  # ZSET nid -> since when its outcome is unknown
    "out_dead": "nx:dead:out",  # ZSET nid -> when it was given up
    # how fast notifications go out (see shared/rate_limits.lua)
    "rate": "nx:rate:",  # + "key" or one of our numbers: HASH, when the next SMS may go out
    "rate_wait": "nx:rate-wait:",  # + the same: ZSET nid -> its place among those that wait for it
    "rate_turns": "nx:rate-turns",  # ZSET lane -> when its turn comes, of those that wait for a limit
    # delivery receipts (see shared/receipts.lua)
    "sms": "nx:sms:",  # + hour:byte: HASH, digest of the provider's id of a part -> nid, packed
    "early_receipts": "nx:early-receipts",  # HASH, such a digest -> receipts of an SMS that is not known yet
    "in_queue": "nx:queue:in",  # ZSET lane (handset:number) -> when to look next
    "in_lane": "nx:lane:in:",  # + handset:number: ZSET rid -> arrival
    "in_item": "nx:i:",  # + rid: HASH, one reply; STRING once it is done, or a part of one
    "in_uncertain": "nx:uncertain:in",  # stays empty: posting twice is harmless
    "in_dead": "nx:dead:in",  # ZSET rid -> when it was given up
    # long replies of which parts are missing (see shared/long_replies.lua)
    "long_reply": "nx:long:",  # + handset:number:reference:total: HASH, what has come of one
    "long_due": "nx:long-due",  # ZSET handset:number:reference:total -> until when the others are waited for
}

MINUTE = 60_000
DAY = 24 * 60 * MINUTE

#: How long data is kept after it is done, in milliseconds.
KEEP = {
    "statuses": DAY,  # statuses that came before their message
    "pending": 30 * DAY,  # a message, or parts of one, beyond their due time, should no process ever run again
    "closed": 4 * DAY,  # what became of a message or reply: events and webhooks repeat for up to three days
    "late_parts": DAY + 60 * MINUTE,  # that parts of a reply were missing: Nexmo repeats a webhook for a day
    "early_receipts": 10 * MINUTE,  # receipts that come before the answer that contains their id
    "receipts_seen": DAY,  # that receipts come of SMS to a country: without one for so long it is not known
    "auto_replies": DAY,  # that a handset had an answer of one kind
    "aside": 30 * DAY,  # uncertain items and dead letters
    "links": 30 * DAY,  # a link beyond its expiry: replies still find their conversation
    "quarantine": 7 * DAY,  # webhooks that could not be used
    "rate": 60 * MINUTE,  # a limit, and the line before it: longer than any pause, and than any interval
    "slot": 16 * MINUTE,  # nothing: no slot of a limit is further ahead, neither for a pause nor for an interval
    "lock": 60 * MINUTE,  # a lock, or a beat, that has lost its end
}


class F:
    """The fields of records. Their names in Redis are short, since it stores them in each record. A name here that
    several records have stands for the same name in Redis in all of them."""

    # A notification (`nx:n:`, HASH) or a reply (`nx:i:`, HASH)
    lane = "l"  # its lane: the user id, `+<handset>` for an automatic reply, `<handset>:<number>` for a reply
    state = "s"  # `R` ready, `C` claimed, `S` sending, `U` uncertain, `D` dead; a reply is never `S` or `U`
    due = "d"  # when it fell due; when a reply arrived
    token = "k"  # token of the current claim; empty if there is none
    process = "v"  # name of the process that claimed it
    lease_ends = "u"  # end of the lease
    crashes = "c"  # number of claims of which the lease ran out without a result
    failures = "t"  # number of failed attempts that are certain to have had no effect
    reason = "e"  # reason of the last failure, or of `U` and `D`
    aside_at = "z"  # when it became uncertain or dead
    passed_until = "q"  # until when it lets others of its lane go first
    suspended_before = "g"  # total time of suspension when it fell due: the rest since then is no delay of its own
    probes = "p"  # `1` if it is the one SMS that is tried while sending is suspended, else empty
    handset = "h"  # handset of the attempt, or that the reply came from
    number = "n"  # our number of the attempt, or that the reply came to
    text = "x"  # text of an automatic reply, or of a reply
    # Of a notification only
    message = "m"  # mid of its message; missing for an automatic reply
    attempts = "a"  # number of recorded attempts
    introduces = "i"  # thread that the SMS introduces
    failed_introductions = "f"  # number of failed introductions
    resent = "w"  # `1` if it was sent again because its outcome was unknown
    suspensions = "y"  # how often a suspension began with it
    seen_version = "j"  # for one of many recipients: the version of the message record that its claim saw
    request_sent = "out"  # when the request of an uncertain attempt was sent
    waits_since = "aside"  # since when it waits for a number of its handset
    limit = "on"  # the rate limit that it waits for
    limit_before = "by"  # the limit before that, or empty
    place = "place"  # its place in the line before these limits
    turn = "at"  # when its turn comes
    # Of a reply only
    message_id = "i"  # the provider's id of it; of a message the platform's, if that is no UUID
    order = "o"  # its place in the lane
    entry = "b"  # entry that the number carried when the reply arrived, or that it was decided to belong to
    other_entry = "new"  # the other possible entry
    open_attempts = "wait"  # the attempts that decide between the two
    ambiguous = "doubt"  # `1` if nothing decides between the two
    owner = "owner"  # user that the Node service stored, if there was no entry of ours
    owner_map = "map"  # links of that user
    # A long reply of which parts are missing (`nx:long:`, HASH), besides fields of a reply
    first_rid = "f"  # rid of the part that came first, which will be that of the reply
    total = "z"  # number of its parts
    waits_until = "u"  # until when the others are waited for
    incomplete = "c"  # `1` once it was posted incomplete; then the texts are gone
    part_id = "i"  # + number of a part: its messageId
    part_text = "x"  # + number of a part: its text
    # A message (`nx:m:`, MessagePack)
    delay = "y"  # the delay that led to `due`, ms
    sender = "s"  # user id of the sender
    payload = "b"  # the message in a form that only the chat platform reads
    statuses = "r"  # user id to status: 0 sent, 1 delivered, 2 read
    open = "n"  # number of open notifications; missing before the message is due
    outcomes = "o"  # user id to what happened to the notification
    closed = "x"  # why it is closed: `done`, `read`, `deleted` ...
    closed_at = "t"  # when it was closed
    conversation = "c"  # the conversation: 22 characters for a UUID, 16 bytes once closed; else a list of its id
    # The outcomes of the many recipients of one message (`nx:o:`, HASH), by the second half of a nid
    open_of_many = ""  # number of open notifications
    version = "v"  # how often the message record was written since
    # A handset (`nx:handset:`, HASH), besides the entry of each number and `version`
    introduced = INTRODUCED  # + number: the thread that was introduced there
    accepted_at = "s:"  # + number: when the last SMS from there was accepted
    changes = "t:"  # + number: when an SMS changed the entry, how long its request took (ms), and the entry before
    unsettled = UNSETTLED  # + number: attempts from there with unknown outcome
    awaited = "w:"  # + number: `1` if a reply waits for the outcome of such an attempt
    disputed = "q:"  # + number: the entry of an SMS that turned out to be accepted after the number changed
    # Attempts that are over (`nx:attempts:`, HASH), by token
    attempt_entry = "e"  # + token: the entry that an unproven one would have made
    attempt_introduces = "m"  # + token: the thread that it introduces
    attempt_before = "b"  # + token: what the number carried when it was taken back
    attempt_accepted_at = "s"  # + token: when the last SMS from there was accepted then
    # A rate limit (`nx:rate:`, HASH)
    next_slot = "t"  # when the next SMS may go out
    interval = "i"  # the interval between two
    tolerance = "e"  # by how much a single one may be early
    # Suspended sending (`nx:suspended`, HASH)
    since = "since"  # since when; missing as long as it is undecided
    why = "reason"  # why the provider refused
    probe = "probe"  # when the next SMS may be tried
    first_refused = "by"  # nid of the item that was refused first
    free = "free"  # who may be tried before the time of the probe (see shared/suspension.lua)
    undecided = "doubt"  # `1` until another item has been tried
    refused = "m:"  # + mid: `1` for a message that was refused meanwhile
    # Automatic replies to handsets that were never texted (`nx:auto-replies-all`, HASH), besides `since`
    count = "n"  # how many since then


#: The same by name.
FIELDS: Mapping[str, str] = {name: value for name, value in vars(F).items() if not name.startswith("_")}


def keys(prefix: str) -> Mapping[str, str]:
    """Every key by name, where all of ours begin with ``prefix``.

    With another prefix than the default the links that the Node service keeps are not ours: they are neither read nor
    written, and what would be in them is in keys of our own.
    """
    if prefix == PREFIX:
        return KEYS
    own = {name: prefix + key.removeprefix(PREFIX) for name, key in KEYS.items()}
    return {**own, "map": own["escaped"], "owner": f"{prefix}owner:"}


def with_constants(lua: str, prefix: str = PREFIX) -> str:
    """A script with the names of keys, fields and times replaced by what they stand for. Raises LookupError for one
    that is not in the tables."""
    tables = {
        "K": _quoted({"prefix": prefix, **keys(prefix)}),
        "F": _quoted(FIELDS),
        "KEEP": {name: str(ms) for name, ms in KEEP.items()},
    }
    return re.sub(r"\b(K|F|KEEP)\.(\w+)", lambda found: tables[found[1]][found[2]], lua)


def _quoted(table: Mapping[str, str]) -> Mapping[str, str]:
    return {name: f"'{value}'" for name, value in table.items()}

"""Every key in Redis, in one table. The scripts name its entries ``K.name``, and the times below ``KEEP.name``.

The two ``nexmo-layer-integration-`` families are those of the Node service of 2016 and keep its format.
All times are milliseconds since the epoch by Redis' clock.
"""

from __future__ import annotations

import re

KEYS = {
    "message": "nx:m:",  # + mid: STRING, cmsgpack record of one message (see record_event.lua)
    "outcomes": "nx:o:",  # + mid: HASH, what became of the many recipients of one message (see shared/messages.lua)
    "due": "nx:due",  # ZSET mid -> when an unread message is checked
    "fence": "nx:fence",  # counter: lease tokens and the order of replies
    "hold": "nx:hold",  # HASH: the outgoing side is held (see shared/suspension.lua)
    "held": "nx:held",  # milliseconds that all past holds lasted
    "handset": "nx:h:",  # + digits: HASH of what each number carries on that handset (see shared/links.lua)
    "unowned": "nx:unowned",  # SET of configured numbers that the account does not own
    "quarantine": "nx:quarantine",  # LIST of unreadable webhooks that are signed, newest first, bounded
    "unsigned": "nx:quarantine:unsigned",  # LIST of those that anybody may have posted, likewise
    "lock": "nx:lock:",  # + name: STRING, until when a periodic job is one process's alone
    "beat": "nx:beat:",  # + name of a process: STRING, the number of its last beat
    "map": "nexmo-layer-integration-",  # + user id: STRING, JSON {conversation id: {phone, expires}}
    "owner": "nexmo-layer-integration-phone-",  # + handset: STRING, user id
    "escaped": "nx:links:",  # + user id: as "map", for user ids that would reach an "owner" key
    "opted_out": "nx:opt:",  # + handset: STRING, since when and why nothing is sent there; stays until taken back
    "blocked_strangers": "nx:opt-strangers",  # how many of those blocks are of handsets that we never texted
    "turned_away": "nx:sms-503",  # when a webhook of an inbound SMS was last answered 503, ms
    "notices": "nx:notices:",  # + handset: HASH kind of notice -> when it got one (see shared/auto_replies.lua)
    "notices_total": "nx:notices",  # HASH since, n: those to handsets that we never texted
    "texted": "nx:texted:",  # + user id: STRING, where the user was texted last (see texted() in shared/links.lua)
    "attempts": "nx:attempts:",  # + nid: HASH, attempts that are over (see shared/attempts.lua)
    "stepped_aside": "nx:aside:",  # + handset: ZSET nid -> until when, of texts that wait for a number there
    "receipts_seen": "nx:receipts",  # HASH country -> when a receipt came of an SMS to there
    # the two queues: notifications go out, replies come in
    "out_queue": "nx:out",  # ZSET lane (user id) -> when to look next
    "out_lane": "nx:lane:out:",  # + user id: ZSET nid -> due
    "out_item": "nx:n:",  # + nid: HASH, one notification
    "out_uncertain": "nx:uncertain:out",  # ZSET nid -> since when its outcome is unknown
    "out_buried": "nx:buried:out",  # ZSET nid -> when it was given up
    # how fast notifications go out (see shared/rate_limits.lua)
    "pace": "nx:pace:",  # + "key" or one of our numbers: HASH, when the next SMS may go out
    "waiting": "nx:waiting:",  # + the same: ZSET nid -> its place among those that wait for it
    "turns": "nx:turns",  # ZSET lane -> when its turn comes, of those that wait for a limit
    # delivery receipts (see shared/receipts.lua)
    "accepted": "nx:d:",  # + hour:byte: HASH, digest of the provider's id of a part -> nid, packed
    "parked": "nx:parked",  # HASH, such a digest -> receipts of an SMS that is not known yet
    "in_queue": "nx:in",  # ZSET lane (handset:number) -> when to look next
    "in_lane": "nx:lane:in:",  # + handset:number: ZSET rid -> arrival
    "in_item": "nx:i:",  # + rid: HASH, one reply; STRING once it is done, or a part of one
    "in_uncertain": "nx:uncertain:in",  # stays empty: posting twice is harmless
    "in_buried": "nx:buried:in",  # ZSET rid -> when it was given up
    # long replies of which parts are missing (see shared/long_replies.lua)
    "parts": "nx:cc:",  # + handset:number:reference:total: HASH, what has come of one
    "parts_due": "nx:ccd",  # ZSET handset:number:reference:total -> until when the others are waited for
}

MINUTE = 60_000
DAY = 24 * 60 * MINUTE

#: How long things that nobody waits for any more are kept, in milliseconds.
KEEP = {
    "statuses": DAY,  # statuses that came before their message
    "pending": 30 * DAY,  # a message, or parts of one, beyond their due time, should no process ever run again
    "closed": 4 * DAY,  # what became of a message or reply: events and webhooks repeat for up to three days
    "late_parts": DAY + 60 * MINUTE,  # that parts of a reply were missing: Nexmo repeats a webhook for a day
    "parked": 10 * MINUTE,  # receipts that are faster than the answer which tells their id
    "receipts_seen": DAY,  # that receipts come of SMS to a country: without one for so long nobody knows
    "notices": DAY,  # that a handset had an answer of one kind
    "aside": 30 * DAY,  # uncertain and buried items
    "links": 30 * DAY,  # a link beyond its expiry: replies still find their conversation
    "quarantine": 7 * DAY,  # webhooks that could not be used
    "pace": 60 * MINUTE,  # a limit, and the line before it: longer than any pause, and than any interval
    "slot": 16 * MINUTE,  # nothing: no slot of a limit is further ahead, neither for a pause nor for an interval
    "lock": 60 * MINUTE,  # a lock, or a beat, that has lost its end
}


def with_constants(lua: str) -> str:
    """A script with its ``K.name`` and ``KEEP.name`` replaced by what they stand for."""
    lua = re.sub(r"\bK\.(\w+)", lambda found: f"'{KEYS[found[1]]}'", lua)
    return re.sub(r"\bKEEP\.(\w+)", lambda found: str(KEEP[found[1]]), lua)

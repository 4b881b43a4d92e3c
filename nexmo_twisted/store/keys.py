"""Every key in Redis, in one table. The scripts name its entries ``K.name``, and the times below ``KEEP.name``.

The two ``nexmo-layer-integration-`` families are those of the Node service of 2016 and keep its format.
All times are milliseconds since the epoch by Redis' clock.
"""

from __future__ import annotations

import re

KEYS = {
    "message": "nx:m:",  # + mid: STRING, cmsgpack record of one message (see record_event.lua)
    "due": "nx:due",  # ZSET mid -> when an unread message is checked
    "fence": "nx:fence",  # counter: lease tokens and the order of replies
    "hold": "nx:hold",  # HASH since, reason, probe: the outgoing side is held
    "held": "nx:held",  # milliseconds that all past holds lasted
    "handset": "nx:h:",  # + digits: HASH of what each number carries on that handset (see shared/links.lua)
    "unowned": "nx:unowned",  # SET of configured numbers that the account does not own
    "quarantine": "nx:quarantine",  # LIST of unreadable webhooks, newest first, bounded
    "lock": "nx:lock:",  # + name: STRING, until when a periodic job is one process's alone
    "beat": "nx:beat:",  # + name of a process: STRING, the number of its last beat
    "map": "nexmo-layer-integration-",  # + user id: STRING, JSON {conversation id: {phone, expires}}
    "owner": "nexmo-layer-integration-phone-",  # + handset: STRING, user id
    "escaped": "nx:links:",  # + user id: as "map", for user ids that would reach an "owner" key
    # the two queues: notifications go out, replies come in
    "out_queue": "nx:out",  # ZSET lane (user id) -> when to look next
    "out_lane": "nx:lane:out:",  # + user id: ZSET nid -> due
    "out_item": "nx:n:",  # + nid: HASH, one notification
    "out_uncertain": "nx:uncertain:out",  # ZSET nid -> since when its outcome is unknown
    "out_buried": "nx:buried:out",  # ZSET nid -> when it was given up
    "in_queue": "nx:in",  # ZSET lane (handset) -> when to look next
    "in_lane": "nx:lane:in:",  # + handset: ZSET rid -> arrival
    "in_item": "nx:i:",  # + rid: HASH, one reply; STRING once it is done
    "in_uncertain": "nx:uncertain:in",  # stays empty: posting twice is harmless
    "in_buried": "nx:buried:in",  # ZSET rid -> when it was given up
}

MINUTE = 60_000
DAY = 24 * 60 * MINUTE

#: How long things that nobody waits for any more are kept, in milliseconds.
KEEP = {
    "statuses": DAY,  # statuses that came before their message
    "pending": 30 * DAY,  # a message beyond its due time, should no process ever run again
    "closed": 4 * DAY,  # what became of a message or reply: events and webhooks repeat for up to three days
    "aside": 30 * DAY,  # uncertain and buried items
    "links": 30 * DAY,  # a link beyond its expiry: replies still find their conversation
    "quarantine": 7 * DAY,
    "lock": 60 * MINUTE,  # a lock, or a beat, that has lost its end
}


def with_constants(lua: str) -> str:
    """A script with its ``K.name`` and ``KEEP.name`` replaced by what they stand for."""
    lua = re.sub(r"\bK\.(\w+)", lambda found: f"'{KEYS[found[1]]}'", lua)
    return re.sub(r"\bKEEP\.(\w+)", lambda found: str(KEEP[found[1]]), lua)

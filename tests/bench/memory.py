"""Redis bytes per message: pending, and after it is done."""

from __future__ import annotations

import uuid
from typing import Any

from nexmo_twisted.domain.ids import short_sms_id
from nexmo_twisted.domain.links import (
    Choice,
    choose,
)
from nexmo_twisted.domain.model import ChatEvent, Status, Thread
from nexmo_twisted.platforms.layer.message_codec import pack
from nexmo_twisted.store.redis_store import RedisStore
from tests.factories import delivery_report
from tests.inspector import K
from tests.support import attempted, in_words, sent

ROOT = "https://api.layer.com/apps/082d4684-0992-11e5-a6c0-1697f925ec7b"
TEXT = "A message of one hundred characters, as people write them when they ask where to meet, when and why. "[:100]
REPORT = (Status.SENT, Status.DELIVERED)


def document(message_id: str, sender: str, conversation: str, users: tuple[str, ...]) -> dict[str, Any]:
    """A message as Layer posts it."""
    return {
        "id": f"layer:///messages/{message_id}",
        "url": f"{ROOT}/messages/{message_id}",
        "conversation": {
            "id": f"layer:///conversations/{conversation}",
            "url": f"{ROOT}/conversations/{conversation}",
        },
        "parts": [{"id": f"layer:///messages/{message_id}/parts/0", "mime_type": "text/plain", "body": TEXT}],
        "sent_at": "2026-01-01T12:00:00.000Z",
        "sender": {"user_id": sender, "name": None},
        "recipient_status": dict.fromkeys(users, "sent") | {sender: "read"},
    }


def message(message_id: str, sender: str, conversation: str, users: tuple[str, ...]) -> ChatEvent:
    """What is read from its ``message.sent``."""
    body = document(message_id, sender, conversation, users)
    statuses = dict.fromkeys(users, Status.SENT) | {sender: Status.READ}
    return ChatEvent(
        kind="sent",
        message_id=message_id,
        sender=sender,
        statuses=statuses,
        conversation_id=body["conversation"]["id"],
        payload=pack(body, ROOT),
    )


async def memory(store: RedisStore, redis: Any, messages: int) -> dict[str, float]:
    """Bytes of Redis per message with two recipients, pending and done (both SMS delivered), links not counted."""

    async def used() -> int:
        info: str = await redis.command("INFO", "memory")
        return int(info.partition("used_memory:")[2].split()[0])

    await redis.command("FLUSHALL", "SYNC")
    conversation = str(uuid.uuid4())
    before = await used()
    for number in range(messages):
        users = (f"user-{number % 997:05d}", f"user-{number % 997 + 1000:05d}")
        event = message(str(uuid.uuid4()), f"user-{number % 997 + 2000:05d}", conversation, users)
        await store.record_event(event, 0)
    pending = (await used() - before) / messages
    while (await store.promote(200, REPORT)).messages:
        pass
    while True:
        items = (await store.claim_notifications(200, 90_000)).items
        if not items:
            break
        for item in items:
            handset = f"1201555{int(item.user_id[5:]):04d}"
            state = await store.read_links(item.user_id, handset)
            thread = Thread(item.user_id, f"layer:///conversations/{conversation}")
            choice = choose(state, thread, handset, "", ("12015550101",), 604_800_000, 0)
            assert isinstance(choice, Choice)
            assert in_words(await store.begin_attempt(item, REPORT, choice.commit, "", 90_000)) == "OK"
            sms = str(uuid.uuid4())
            outcome = f"sent {choice.number} {short_sms_id(sms)}"
            await store.record_accepted(item, attempted(choice), outcome, sent(sms))
            await store.record_receipt(delivery_report(item.id, sms, handset, choice.number, "delivered", "0"))
    with_closed = await used()
    for family in (f"{K.message}*", f"{K.sms}*"):  # the messages, and by which ids their SMS are found
        cursor = "0"
        while True:
            cursor, keys = await redis.command("SCAN", cursor, "MATCH", family, "COUNT", 1000)
            if keys:
                await redis.command("DEL", *keys)
            if cursor == "0":
                break
    return {"pending": pending, "done": (with_closed - await used()) / messages}

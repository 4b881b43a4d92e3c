"""``why``: what became of one message or reply."""

from __future__ import annotations

from collections.abc import Callable

from nexmo_twisted.rules.plain import message_uuid, printable
from nexmo_twisted.rules.story import Policy, message_story, reply_story, sms_story
from nexmo_twisted.store.operator import Operator


async def why(operator: Operator, message_id: str, policy: Policy, out: Callable[[str], None]) -> bool:
    """Prints what is known of it. An id may be Layer's or Nexmo's, which look alike: all of them are looked up.

    Returns whether anything is known.
    """
    uuid = message_uuid(message_id)
    message = await operator.message(uuid) if uuid else None
    if message:
        for line in message_story(message, policy):
            out(line)
    reply = await operator.reply(message_id)
    if reply:
        for line in reply_story(message_id, *reply):
            out(line)
    sms = await operator.sms(message_id)
    if sms:
        of = None if sms.notice else await operator.message(sms.message_id)
        for line in sms_story(message_id, sms, of, policy):
            out(line)
    if not message and not reply and not sms:
        out(f"Nothing is known of {printable(message_id)}: it never came, or it was closed more than four days ago.")
    return bool(message or reply or sms)

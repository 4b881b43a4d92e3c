"""``explain`` (or ``why``): what happened to one message, reply or SMS."""

from __future__ import annotations

from collections.abc import Callable

from nexmo_twisted.domain.delivery import Describe
from nexmo_twisted.domain.explain import Policy, message_story, reply_story, sms_story
from nexmo_twisted.domain.ids import uuid_in
from nexmo_twisted.domain.quarantine import known_as, set_aside_story
from nexmo_twisted.domain.wording import printable
from nexmo_twisted.store.admin import QueueAdmin


async def explain(
    operator: QueueAdmin, message_id: str, policy: Policy, describe: Describe, out: Callable[[str], None]
) -> bool:
    """Print what is known. The id may be one of the chat platform or of the SMS provider, which look alike: all are
    looked up, quarantined webhooks, too, which may also be known by the id of their event.

    Returns whether anything is known.
    """
    message = None
    for known_by in filter(None, (uuid_in(message_id), message_id)):
        message = message or await operator.inspect_message(known_by)
    if message:
        for line in message_story(message, policy, describe):
            out(line)
    reply = await operator.inspect_reply(message_id)
    if reply:
        for line in reply_story(message_id, *reply):
            out(line)
    sms = await operator.inspect_sms(message_id)
    if sms:
        of = None if sms.auto_reply else await operator.inspect_message(sms.message_id)
        for line in sms_story(message_id, sms, of, policy, describe):
            out(line)
    aside = await operator.quarantined(known_as(message_id))
    for each in aside:
        for line in set_aside_story(each):
            out(line)
    if not message and not reply and not sms and not aside:
        out(
            f"Nothing is known of {printable(message_id)}: it never arrived, was closed more than four days ago, or "
            "was quarantined before the last hundred webhooks."
        )
    return bool(message or reply or sms or aside)

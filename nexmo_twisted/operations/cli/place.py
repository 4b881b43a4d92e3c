"""``place``: post an ambiguous reply into one of its two conversations."""

from __future__ import annotations

from collections.abc import Callable

from nexmo_twisted.domain.wording import printable, span
from nexmo_twisted.store.admin import Place, QueueAdmin


async def place_reply(
    operator: QueueAdmin, item: str, conversation: str, user: str, out: Callable[[str], None]
) -> bool:
    """Queue the reply with that id for that conversation and print the result. Returns whether it was queued."""
    placed = await operator.place_reply(item, conversation, user)
    name = printable(item)
    match placed.answer:
        case Place.DONE:
            out(f"{name}: queued, will be posted {f'in {span(placed.wait)}' if placed.wait else 'now'}")
            return True
        case Place.UNKNOWN:
            out(f"{name}: no reply with this id; `dead-letters list` shows the ambiguous ones")
        case Place.PLACED:
            out(f"{name}: not ambiguous, or placed already; `explain` shows what happened to it")
        case Place.BOTH:
            out(f"{name}: two users are in that conversation; name the one who wrote it with --user:")
        case Place.OTHER:
            out(f"{name}: cannot belong to {printable(conversation)}; choose one of these:")
    for thread in placed.candidates:
        out(f"  {printable(thread.conversation_id)} as {printable(thread.user_id)}")
    return False

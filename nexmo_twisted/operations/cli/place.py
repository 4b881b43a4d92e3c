"""``place``: an operator says to which of two conversations a reply belongs."""

from __future__ import annotations

from collections.abc import Callable

from nexmo_twisted.domain.wording import printable, span
from nexmo_twisted.store.admin import QueueAdmin


async def place_reply(
    operator: QueueAdmin, item: str, conversation: str, user: str, out: Callable[[str], None]
) -> bool:
    """Has the reply with that id posted into that conversation, and prints what became of it. Returns whether it
    was."""
    placed = await operator.place_reply(item, conversation, user)
    name = printable(item)
    match placed.answer:
        case "DONE":
            out(f"{name}: it is posted there {f'in {span(placed.wait)}' if placed.wait else 'now'}")
            return True
        case "UNKNOWN":
            out(f"{name}: no reply has this id; `buried` shows those that are ambiguous")
        case "PLACED":
            out(f"{name}: it is not ambiguous, or was placed before; `why` tells what became of it")
        case "BOTH":
            out(f"{name}: two users take part in that conversation; say with --user which of them wrote it:")
        case _:
            out(f"{name}: it cannot belong to {printable(conversation)}, but to one of these:")
    for thread in placed.candidates:
        out(f"  {printable(thread.conversation_id)} as {printable(thread.user_id)}")
    return False

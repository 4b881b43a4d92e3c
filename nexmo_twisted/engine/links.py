"""What is written of links beside an SMS: they live on when a reply comes, and the Node service's format follows."""

from __future__ import annotations

from nexmo_twisted.domain.link_state import (
    LinkState,
)
from nexmo_twisted.domain.links import (
    remapped,
    renew,
)
from nexmo_twisted.domain.model import (
    Thread,
)
from nexmo_twisted.domain.results import (
    Relink,
)
from nexmo_twisted.ports.store import Links

#: How often a change is made again because another process was faster.
TRIES = 20


class LinkUpdates:
    """``lifetime`` is how long a link lives unused and ``keep`` how long it still finds its conversation, both in ms.

    Every method raises StoreUnavailable only, and may be called again.
    """

    def __init__(self, links: Links, lifetime: int, keep: int) -> None:
        self._links = links
        self._lifetime = lifetime
        self._keep = keep

    async def read(self, thread: Thread, handset: str, number: str) -> LinkState:
        """What is known of the user and the handset that a reply came from."""
        return await self._links.read_links(thread.user_id, handset, number=number)

    async def renew(self, state: LinkState, thread: Thread, handset: str, number: str) -> None:
        """A reply came: the link it came over lives on, if the number still carries that thread. ``state`` is what was
        read before it was posted."""
        for _ in range(TRIES):
            commit = renew(state, thread, handset, number, self._lifetime, self._keep)
            if commit is None or await self._links.renew_links(commit):
                return
            state = await self.read(thread, handset, number)

    async def rewrite_map(self, relink: Relink) -> None:
        """Let the user's map say what the handset's entry says, if that is still the user's, and the handset, too."""
        for _ in range(TRIES):
            state = await self._links.read_links(relink.user_id, relink.handset)
            if state.texted not in ("", relink.handset):
                return
            entry = state.entries.get(relink.number)
            thread = entry.thread if entry else None
            if thread is None or thread.user_id != relink.user_id:
                return
            user_map, ttl = remapped(state, thread, relink.handset, relink.number, self._lifetime, self._keep)
            if await self._links.write_map(state, relink.user_id, user_map, ttl):
                return

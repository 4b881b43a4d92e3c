"""The quarantine: malformed webhooks are kept for an operator."""

from __future__ import annotations

from nexmo_twisted.domain.quarantine import entry
from nexmo_twisted.ports.store import QuarantineLog


class Quarantine:
    """The webhooks of one ``source``, the name of a platform or provider in lower case. ``signed``: it signs them."""

    def __init__(self, port: QuarantineLog, source: str, *, signed: bool) -> None:
        self._port = port
        self._source = source
        self._signed = signed

    async def keep(self, reason: str, raw: bytes) -> None:
        """Raises StoreUnavailable only."""
        kept = entry(self._source, reason, raw, signed=self._signed)
        await self._port.quarantine(kept, signed=self._signed)

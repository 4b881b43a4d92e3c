"""The phones that the chat platform itself names."""

from __future__ import annotations

from tests.inspector import K
from tests.support import StoreCase

DAY = 86_400_000


class NamedPhonesTests(StoreCase):
    async def test_the_newest(self) -> None:
        """Of each user the newest one counts, whatever the order; of the same time the last one."""
        now = round(self.clock.seconds() * 1000)
        self.assertEqual(await self.store.named_phone("bob"), "")
        await self.store.name_phones({"bob": "+1 201 555-0112", "ann": "1"}, now - 1000, DAY)
        await self.store.name_phones({"bob": "older"}, now - 1001, DAY)
        self.assertEqual(await self.store.named_phone("bob"), "+1 201 555-0112")
        await self.store.name_phones({"bob": "same"}, now - 1000, DAY)
        self.assertEqual(await self.store.named_phone("bob"), "same")
        await self.store.name_phones({"bob": "now"}, None, DAY)
        self.assertEqual((await self.store.named_phone("bob"), await self.store.named_phone("ann")), ("now", "1"))

    async def test_the_future(self) -> None:
        """A sender whose clock is ahead does not hold up the next phone."""
        await self.store.name_phones({"bob": "future"}, round(self.clock.seconds() * 1000) + DAY, DAY)
        await self.store.name_phones({"bob": "next"}, None, DAY)
        self.assertEqual(await self.store.named_phone("bob"), "next")

    async def test_kept(self) -> None:
        """For so long, and no longer; any user id has a key of its own."""
        for user in ("bob", "", "a:b", "ü\n", "x" * 255):
            await self.store.name_phones({user: "1"}, None, DAY)
            left = await self.redis("PTTL", f"{K.named}{user}")
            self.assertTrue(DAY - 10_000 < left <= DAY, left)

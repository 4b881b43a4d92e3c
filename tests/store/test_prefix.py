"""What the keys begin with: applications with different prefixes share one Redis and do not meet."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.schema import KEYS, PREFIX
from nexmo_twisted.store.url import parse
from tests.factories import HANDSET, NUMBERS
from tests.inspector import K
from tests.store.application import Application
from tests.support import PATIENCE, Server, StoreCase

NODE = "nexmo-layer-integration-"


class PrefixTests(StoreCase):
    async def application(self, prefix: str) -> Application:
        connection = Connection(reactor, parse(Server.shared().url), Scripts(prefix), reply_timeout=PATIENCE)
        self.addCleanup(lambda: Deferred.fromCoroutine(connection.close()))
        await connection.open()
        return Application(connection, self.now)

    async def keys(self, prefix: str = "") -> dict[str, Any]:
        """The keys that begin with it, and what is in them."""
        keys = [key for key in await self.redis("KEYS", "*") if key.startswith(prefix)]
        return {key: await self.redis("DUMP", key) for key in keys}

    async def test_side_by_side(self) -> None:
        """Three applications do the same work on one database: none sees or touches what is another one's, and a sweep
        finds nothing that is not as it should be."""
        prefixes = ("chat1:", "{chat1}:", PREFIX)
        for number, prefix in enumerate(prefixes):
            application = await self.application(prefix)
            before = await self.keys()
            await application.work()
            after = await self.keys()
            self.assertEqual(
                {key: value for key, value in after.items() if key in before and not key.startswith(K.lock)}, before
            )
            own = set(after) - set(before)
            self.assertGreater(len(own), 20)
            others = {key for key in own if not key.startswith((prefix, NODE) if prefix == PREFIX else prefix)}
            self.assertEqual(others, set(), number)
            self.assertEqual(await application.sweep(), {})
            self.assertEqual(await self.keys(), after)
            self.assertEqual(len(await application.admin.aside("out")), 1)

    async def test_the_node_service(self) -> None:
        """With a prefix of one's own, the links that the Node service keeps are neither read nor written."""
        await self.redis("SET", f"{NODE}phone-{HANDSET}", "somebody")
        await self.redis("SET", f"{NODE}somebody", f'{{"c": {{"phone": "{NUMBERS[0]}", "expires": 9999999999999}}}}')
        before = await self.keys(NODE)
        application = await self.application("a:")
        state = await application.store.read_links("somebody", HANDSET, raw=HANDSET, number=NUMBERS[0])
        self.assertEqual((state.user_map, state.owner, state.owner_map), ("", "", ""))
        await application.work()
        self.assertEqual(await self.keys(NODE), before)
        default = await self.application(PREFIX)
        state = await default.store.read_links("somebody", HANDSET, raw=HANDSET, number=NUMBERS[0])
        self.assertEqual(state.owner, "somebody")

    def test_no_other_keys(self) -> None:
        """No script has a key that does not begin with the prefix."""
        for name, (_, source) in Scripts("{x}:").by_name().items():
            code = "\n".join(line.partition("--")[0] for line in source.decode().splitlines())
            self.assertEqual(re.findall(f"{PREFIX}|{NODE}", code), [], name)
        self.assertEqual([key for key in Scripts("{x}:").keys.values() if not key.startswith("{x}:")], [])
        self.assertEqual(Scripts().keys, KEYS)

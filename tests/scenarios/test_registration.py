"""The companies are told where we are, and told again when they forget."""

from __future__ import annotations

from tests.inspector import K
from tests.scenarios.world import BOB, DELAY, ONE, TALK, TWO, World


class RegistrationTests(World):
    def hooks(self) -> list[tuple[str, str, str]]:
        return [(h.config["name"], h.target_url, h.status) for h in self.layer.webhooks]

    @property
    def ours(self) -> tuple[str, str, str]:
        return ("Nexmo Integration", f"http://127.0.0.1:{self.port}/nexmo-new-message", "active")

    async def test_registered(self) -> None:
        """At start the webhook is registered and verified, and every number's inbound URL is set."""
        self.assertEqual(self.hooks(), [self.ours])
        url = f"http://127.0.0.1:{self.port}/nexmo-new-sms"
        self.assertEqual([n.inbound_url for n in self.nexmo.numbers.values()], [url, url])

    async def test_activated(self) -> None:
        """A webhook that Layer turned off is active again within a minute."""
        (hook,) = self.layer.webhooks
        self.layer.webhooks.deactivate(hook.id)
        await self.pass_time(60)
        self.assertEqual(self.hooks(), [self.ours])

    async def test_deleted(self) -> None:
        """One that was deleted is registered again."""
        (hook,) = self.layer.webhooks
        self.layer.webhooks.delete(hook.id)
        await self.pass_time(60)
        self.assertEqual(self.hooks(), [self.ours])

    async def test_one_of_several(self) -> None:
        """Of several of the same name and URL one is kept; others are not touched."""
        (hook,) = self.layer.webhooks
        for name in ("Nexmo Integration", "Somebody else"):
            self.layer.webhooks.register(
                version="1.0", target_url=hook.target_url, events=list(hook.events), secret="s", config={"name": name}
            )
        await self.pass_time(60)
        self.assertEqual(sorted(h[0] for h in self.hooks()), ["Nexmo Integration", "Somebody else"])

    async def test_inbound_url_changed(self) -> None:
        """An inbound URL that somebody changed is set again."""
        self.nexmo.route_inbound(ONE, "https://elsewhere.example.com/")
        await self.pass_time(60)
        self.assertIn(str(self.port), self.nexmo.numbers[ONE].inbound_url)

    async def test_never_active(self) -> None:
        """A webhook that does not stay active is a fault that is counted, not a line a minute that says all is well."""
        for _ in range(3):
            (hook,) = self.layer.webhooks
            self.layer.webhooks.deactivate(hook.id)
            await self.pass_time(60)
        self.assertGreater(self.counted("registration_failures"), 0)

    async def test_one_number_refused(self) -> None:
        """A number that Nexmo will not route keeps no other from being routed."""
        for number in (ONE, TWO):
            self.nexmo.route_inbound(number, "https://elsewhere.example.com/")
        self.fault(path="/number/update", number=ONE, status=420, times=0)
        await self.pass_time(60)
        self.assertIn(str(self.port), self.nexmo.numbers[TWO].inbound_url)
        self.assertIn("elsewhere", self.nexmo.numbers[ONE].inbound_url)

    async def test_quick_restart(self) -> None:
        """A process that was stopped lets the next one look at once."""
        (hook,) = self.layer.webhooks
        await self.stop(self.service)
        self.layer.webhooks.delete(hook.id)
        self.service = await self.start()
        self.assertEqual(self.hooks(), [self.ours])

    async def test_layer_down(self) -> None:
        """Layer or Nexmo down only delays it."""
        (hook,) = self.layer.webhooks
        self.layer.webhooks.delete(hook.id)
        self.fault(path="/webhooks", status=503, times=2)
        self.fault(path="/account/numbers", status=503, times=2)
        await self.pass_time(60)
        self.assertEqual(self.hooks(), [])
        await self.pass_time(60)
        await self.pass_time(60)
        self.assertEqual(self.hooks(), [self.ours])
        self.assertGreater(self.counted("registration_failures"), 0)

    async def test_one_process_at_a_time(self) -> None:
        """Of several processes one looks."""
        await self.start()
        self.assertEqual(len(self.hooks()), 1)


class SecretRotationTests(World):
    async def test_rotation(self) -> None:
        """A new first secret becomes the one that Layer signs with, and then the old one can be taken out: what was
        written before, between and after, also while no process was there, is texted once."""
        written = ["Before"]
        await self.send(written[-1])
        for secrets in (["brand-new", self.credentials.layer_secret], ["brand-new"]):
            await self.stop(self.service)
            written += [f"Nobody has {secrets}", f"At start with {secrets}", f"With {secrets}", f"Later with {secrets}"]
            self.layer.send(TALK, "ann", written[-4])
            self.service = await self.start(layer={"secret": secrets})
            await self.send(written[-3])
            await self.pass_time(60)
            await self.send(written[-2])
            await self.pass_time(60)
            await self.send(written[-1])
            self.assertEqual(self.counted("webhooks", "layer", "unsigned"), 0)
            self.assertEqual(self.counted("registration_failures"), 0)
            for _ in range(40):  # so long Layer repeats what it could not deliver
                await self.pass_time(60)
            self.assertEqual([hook.secret for hook in self.layer.webhooks], ["brand-new"])
        self.assertCountEqual(self.texts(), [f"Ann: {text}" for text in written])

    async def test_after_a_while(self) -> None:
        """What Layer could not deliver while no process was there comes also when the secret was changed meanwhile."""
        await self.stop(self.service)
        self.layer.send(TALK, "ann", "Nobody there")
        await self.pass_time(150)
        self.service = await self.start(layer={"secret": ["brand-new", self.credentials.layer_secret]})
        for _ in range(20):
            await self.pass_time(60)
        self.assertEqual(self.texts(), ["Ann: Nobody there"])


class NotRegisteredTests(World):
    settings = {"layer": {"register": False}}

    async def test_nothing_is_registered(self) -> None:
        """No webhook is registered through Layer's API, and nothing is amiss."""
        for _ in range(3):
            await self.pass_time(60)
        self.assertEqual(list(self.layer.webhooks), [])
        self.assertEqual(self.service.pipeline.registration.issues(), [])
        self.assertEqual(self.counted("registration_failures"), 0)


class UnownedNumberTests(World):
    settings = {"nexmo": {"phone_numbers": ["12015550177", TWO]}}

    async def test_unowned(self) -> None:
        """A number that the account does not own gets no new link; the others do the work."""
        self.assertEqual(await self.redis("SMEMBERS", K.unowned), ["12015550177"])
        await self.text_unread()
        self.assertEqual(self.numbers(BOB), [TWO])

    async def test_nothing_listed(self) -> None:
        """When Nexmo for once lists none of our numbers, texts wait until it does again; nobody goes without."""
        await self.send()
        self.fault(path="/account/numbers", body=b"{}", times=3)
        await self.pass_time(60)
        await self.pass_time(DELAY - 60)
        self.assertEqual(self.numbers(BOB), [])
        for _ in range(20):
            await self.pass_time(60)
        self.assertEqual(self.numbers(BOB), [TWO])


class NoOwnedNumberTests(World):
    settings = {"nexmo": {"phone_numbers": ["12015550177", "12015550178"]}}

    async def test_none(self) -> None:
        """An account that owns none of the numbers: texts wait until it does, and are not given up."""
        await self.text_unread()
        self.assertEqual(self.nexmo.sent, [])
        self.nexmo.add_number("12015550178")
        for _ in range(20):
            await self.pass_time(60)
        self.assertEqual(self.numbers(BOB), ["12015550178"])

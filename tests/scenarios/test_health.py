"""What an operator's monitoring asks: ``GET /health`` says what is missing, since when and why."""

from __future__ import annotations

import shutil
import threading

from tests.inspector import K
from tests.scenarios.health_world import HealthWorld
from tests.scenarios.outside import Caller
from tests.scenarios.world import ANN, BOB, CLEO, DELAY, LUNCH, ONE, TWO, free_port
from tests.support import counted, until

#: Turns of the reactor in which a server that was started may be found, or a thread come back.
TURNS = 1_000_000


class HealthEndpointTests(HealthWorld):
    async def test_names(self) -> None:
        """On loopback it answers to no other name, elsewhere to any address, and to what operator.hosts names."""
        statuses = []
        for where in ("interface=127.0.0.1", "interface=0.0.0.0"):
            port = free_port()
            await self.start(operator={"listen": f"tcp:{port}:{where}", "hosts": ["ops.example.com"]})
            caller = Caller(f"http://127.0.0.1:{port}")
            for host in ("127.0.0.1:1", "ops.example.com", "192.0.2.1", "evil.example"):
                for page in ("/health", "/metrics"):
                    statuses.append((await caller.ask("GET", page, host=host)).code)
        self.assertEqual(statuses, [200] * 4 + [403] * 4 + [200] * 6 + [403] * 2)

    async def test_well(self) -> None:
        """When nothing is missing it says so, also after work was done and time passed."""
        await self.assert_well()
        await self.text_unread()
        await self.assert_well()

    async def test_format(self) -> None:
        """It is JSON, which nobody keeps."""
        heard = await self.monitor.ask("GET", "/health")
        self.assertEqual(heard.headers.getRawHeaders("content-type"), ["application/json"])
        self.assertEqual(heard.headers.getRawHeaders("cache-control"), ["no-store"])

    async def test_other_requests(self) -> None:
        """Another method is answered 405 with the one that is allowed, another path 404."""
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            heard = await self.monitor.ask(method, "/health")
            self.assertEqual((heard.code, heard.body), (405, b""), method)
            self.assertIn("GET", heard.headers.getRawHeaders("allow", [""])[0])
        for path in ("/", "/health/all", "/healthz", "/nexmo-new-message", "/%ff"):
            heard = await self.monitor.ask("GET", path)
            self.assertEqual((heard.code, heard.body), (404, b""), path)

    async def test_not_in_public(self) -> None:
        """The public port does not show it."""
        self.assertEqual((await self.caller.ask("GET", "/health")).code, 404)


class OutageTests(HealthWorld):
    async def assert_down(self, reason: str) -> None:
        """503, as the webhooks, since this second."""
        await self.turned_away()
        await self.pass_time(1)
        told = await self.missing("down", 503)
        self.assertEqual(list(told), ["Redis"])
        self.assertEqual(told["Redis"][0], self.time())
        self.assertRegex(told["Redis"][1], reason)
        since = self.time()
        await self.pass_time(100)
        self.assertEqual((await self.missing("down", 503))["Redis"][0], since)

    async def test_killed(self) -> None:
        """Redis is not there: it cannot do its job, until Redis comes again."""
        self.server.kill()
        await self.assert_down("not connected|away")
        self.server.start()
        await self.back()
        await self.assert_well()

    async def test_full(self) -> None:
        """Redis is full: webhooks cannot be stored, whatever else still works."""
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        await self.assert_down("OOM")
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        await self.back()
        await self.assert_well()

    async def test_read_only(self) -> None:
        """Redis takes no writes."""
        self.server.ask("REPLICAOF", "127.0.0.1", "1")
        await self.assert_down("READONLY|replica")
        self.server.ask("REPLICAOF", "NO", "ONE")
        await self.back()
        await self.assert_well()

    async def test_hung(self) -> None:
        """Redis says nothing; what it carries out late is not taken for a loss."""
        self.server.pause()
        await self.pass_time(1)
        since = self.time()
        await self.pass_time(1)
        self.assertEqual((await self.missing("down", 503))["Redis"][0], since)
        self.server.go_on()
        await self.back()
        await self.assert_well()

    async def test_never_came(self) -> None:
        """Started without Redis it tells what it waits for, from the beginning."""
        await self.stop_all()
        self.server.kill()
        self.begin()
        since = self.time()
        self.clock.advance(60)
        told = await self.missing("down", 503)
        self.assertEqual([(what, at) for what, (at, _) in told.items()], [("Redis", since)])
        self.assertTrue(told["Redis"][1].startswith("not connected to Redis: Connection was refused"), told)
        self.server.start()
        await until(lambda: self.service.ready, TURNS)
        await self.pass_time(1)
        await self.assert_well()

    async def test_unknown_schema(self) -> None:
        """On what another version stored it does not work: webhooks are answered 503, nothing is touched, and the log
        and this page say what was found and what to do. When that is done it begins to work."""
        await self.stop_all()
        self.server.ask("SET", K.schema, "3")
        before = {key: self.server.ask("DUMP", key) for key in self.server.ask("KEYS", "*")}
        self.begin()
        await self.turned_away()
        await until(lambda: bool(self.service.connections[0].why_away), TURNS)
        for _ in range(10):
            await self.pass_time(1)
        told = await self.missing("down", 503)
        self.assertIn(f"{K.schema} is '3', and this version reads 2: nothing is touched; run the", told["Redis"][1])
        found = [line for line in self.lines.ours if K.schema in line]
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"Redis is not used, webhooks are answered 503: {K.schema} is '3'"), found)
        self.assertEqual({key: self.server.ask("DUMP", key) for key in self.server.ask("KEYS", "*")}, before)
        self.server.ask("SET", K.schema, "2")
        await until(lambda: self.service.ready, TURNS)
        await self.pass_time(1)
        await self.assert_well()


class DegradedTests(HealthWorld):
    async def test_held(self) -> None:
        """While the account holds the outgoing side that is told; it does the rest of its job."""
        self.fault(path="/sms/json", nexmo_status="9")
        await self.text_unread()
        since = self.time()
        await self.pass_time(2)
        told = await self.missing("degraded", 200)
        self.assertEqual([(what, began) for what, (began, _) in told.items()], [("outgoing SMS", since)])
        self.assertRegex(told["outgoing SMS"][1], "suspended: .")
        await self.pass_time(60)
        await self.pass_time(1)
        await self.assert_well()
        self.assertEqual(len(self.texts()), 1)

    async def test_remote(self) -> None:
        """A remote that fails again and again is named."""
        self.fault(path="/sms/json", nexmo_status="10", times=0)
        await self.send()
        await self.send("And another?")
        await self.pass_time(DELAY)
        while not (told := (await self.health())["missing"]):
            await self.pass_time(30)
        self.assertEqual([each["what"] for each in told], ["Nexmo"])
        self.assertEqual(told[0]["since"], self.time())
        self.sandbox.faults.clear()
        for _ in range(40):
            await self.pass_time(30)
        await self.assert_well()
        self.assertEqual(len(self.texts()), 2)

    async def test_registration(self) -> None:
        """Layer or Nexmo cannot be looked after: each is told since then, until it can be."""
        await self.pass_time(1)
        self.fault(path="/webhooks", status=503)
        self.fault(path="/account/numbers", status=401)
        await self.pass_time(60)
        told = await self.missing("degraded", 200)
        self.assertEqual(set(told), {"chat webhook", "SMS numbers"})
        self.assertEqual({since for since, _ in told.values()}, {self.time()})
        await self.pass_time(60)
        await self.assert_well()

    async def test_number_not_routed(self) -> None:
        """A number that Nexmo will not route to us is told until it is, whoever does it."""
        self.nexmo.route_inbound(ONE, "https://elsewhere.example.com/")
        self.fault(path="/number/update", status=420, times=0)
        await self.pass_time(60)
        self.assertEqual(list(await self.missing("degraded", 200)), ["inbound URL of …0101"])
        self.nexmo.route_inbound(ONE, f"http://127.0.0.1:{self.port}/nexmo-new-sms")
        await self.pass_time(60)
        await self.assert_well()

    async def test_webhook_inactive(self) -> None:
        """Layer turns our webhook off again and again."""
        for _ in range(2):
            (hook,) = self.layer.webhooks
            self.layer.webhooks.deactivate(hook.id)
            await self.pass_time(60)
        self.assertEqual(list(await self.missing("degraded", 200)), ["active chat webhook"])
        await self.pass_time(60)
        await self.assert_well()

    async def test_who_looks(self) -> None:
        """A process that does not look any more has no complaints: another one has, if there is something amiss."""
        self.fault(path="/webhooks", status=503)
        await self.pass_time(60)
        await self.missing("degraded", 200)
        self.server.ask("SET", f"{K.lock}registration", str(int(self.clock.seconds() * 1000) + 600_000))
        await self.pass_time(60)
        await self.assert_well()

    async def test_discreet(self) -> None:
        """No phone, no text and no secret is told, whatever is missing."""
        self.fault(path="/sms/json", nexmo_status="9", times=0)
        await self.text_unread("A tangerine?")
        await self.pass_time(2)
        self.server.ask("SET", K.due, f"a tangerine for {BOB}")
        await self.pass_time(5)
        heard = await self.monitor.ask("GET", "/health")
        self.assertEqual(heard.code, 503)
        self.assertIn(b"outgoing SMS", heard.body)
        for secret in (b"tangerine", BOB[1:].encode(), *(s.encode() for s in self.secrets())):
            self.assertNotIn(secret, heard.body)

    def secrets(self) -> tuple[str, ...]:
        credentials = self.sandbox.credentials
        return credentials.layer_token, credentials.layer_secret, credentials.nexmo_secret


class UnownedNumberTests(HealthWorld):
    settings = {"nexmo": {"phone_numbers": ["12015550177", TWO]}}

    async def test_unowned(self) -> None:
        """A number that the account does not own is told, its last four digits only."""
        told = await self.missing("degraded", 200)
        reason = "the account does not own …0177"
        self.assertEqual(told, {"configured numbers": (self.time(), reason)})


class StuckFunctionTests(HealthWorld):
    async def test_stuck(self) -> None:
        """A function that does not return is named; it costs its own message only, and is told until it returns."""
        release, reached = threading.Event(), threading.Event()
        self.addCleanup(release.set)

        def identities(user_id: str) -> object:
            if user_id == "bob" and not release.is_set():
                reached.set()
                release.wait()
            return {"name": user_id.title(), "phone": {"ann": ANN, "bob": BOB, "cleo": CLEO}[user_id]}

        await self.stop(self.service)
        self.service = await self.start(identities=identities)
        await self.send("For both", conversation=LUNCH)
        self.clock.advance(DELAY)
        await self.tick_until(lambda: self.texts(CLEO), turns=TURNS)
        await until(reached.is_set, TURNS)
        since = self.time()
        self.clock.advance(10)
        await self.pass_time(1)
        told = await self.missing("degraded", 200)
        ((what, (began, reason)),) = told.items()
        self.assertEqual(began, since)
        self.assertRegex(what, r"^function .*identities$")
        self.assertRegex(reason, "has not returned in 1 of 20 threads")
        for _ in range(30):
            await self.pass_time(60)
        self.assertEqual(list(await self.missing("degraded", 200)), [what])
        await self.text_unread("For Cleo", conversation=self.layer.start_conversation(["ann", "cleo"]))
        self.assertEqual((self.texts(CLEO), self.texts(BOB)), (["Ann: For both", "Ann: For Cleo"], []))
        self.assertEqual(len([line for line in self.lines.ours if "no result in" in line]), 1)
        release.set()
        await until(lambda: "returned late" in "\n".join(self.lines.ours), TURNS)
        await self.assert_well()
        for _ in range(30):
            await self.pass_time(60)
        self.assertEqual(self.texts(BOB), ["Ann: For both"])


class DataLossTests(HealthWorld):
    async def assert_noticed(self) -> None:
        """A critical line, a count, and an hour in sight."""
        await self.pass_time(2)
        self.assertEqual(self.counted("redis_data_loss"), 1)
        told = await self.missing("degraded", 200)
        self.assertEqual(list(told), ["Redis data"])
        lines = [line for line in self.lines.ours if "Redis has lost data that it had confirmed" in line]
        self.assertEqual(len(lines), 1)
        await self.pass_time(3500)
        self.assertEqual(await self.missing("degraded", 200), told)
        await self.pass_time(100)
        await self.assert_well()
        self.assertEqual(self.counted("redis_data_loss"), 1)

    async def test_emptied(self) -> None:
        """Somebody empties Redis."""
        await self.pass_time(10)
        self.server.ask("FLUSHALL")
        await self.assert_noticed()

    async def test_restored(self) -> None:
        """Redis comes back with what it had a while ago, as after a power loss, a failover or from a backup."""
        await self.pass_time(1)
        kept, data = self.server.directory / "kept", self.server.directory / "appendonlydir"
        shutil.copytree(data, kept)
        await self.pass_time(1)
        self.server.kill()
        shutil.rmtree(data)
        kept.rename(data)
        self.server.start()
        await self.connected()
        await self.assert_noticed()

    async def test_each_process(self) -> None:
        """Each process notices for itself, however quickly the other goes on."""
        other = await self.start(operator={"listen": ""})
        await self.pass_time(10)
        self.assertEqual(len(self.server.ask("KEYS", f"{K.beat}*")), 2)
        self.server.ask("FLUSHALL")
        for _ in range(3):
            await self.pass_time(1)
        self.assertEqual([counted(service.metrics, "redis_data_loss") for service in (self.service, other)], [1, 1])

    async def test_crash(self) -> None:
        """A Redis that was killed and has kept everything is no alarm; nor is a process that starts or ends."""
        for _ in range(3):
            await self.pass_time(1)
            self.server.kill()
            await self.pass_time(3)
            self.server.start()
            await self.back()
        await self.stop(self.service)
        self.assertEqual(self.server.ask("KEYS", f"{K.beat}*"), [])
        self.service = await self.start()
        await self.pass_time(10)
        self.assertEqual(self.counted("redis_data_loss"), 0)
        await self.assert_well()


class DurabilityWarningTests(HealthWorld):
    options = ("--appendfsync", "everysec")

    def log_lines(self) -> list[str]:
        return [line for line in self.lines.ours if line.startswith(("Redis durability:", "Redis eviction:"))]

    async def test_fsync(self) -> None:
        """A Redis that writes to its disk later than it says is a warning, since the start, logged once."""
        told = await self.health()
        self.assertEqual((told["status"], told["code"], told["missing"]), ("ok", 200, []))
        (warning,) = told["warnings"]
        self.assertEqual(warning, {"what": "Redis durability", "since": self.time(), "reason": warning["reason"]})
        self.assertIn("appendfsync is everysec", warning["reason"])
        for _ in range(10):
            await self.pass_time(60)
        self.assertEqual((await self.health())["warnings"], [warning])
        self.assertEqual(len(self.log_lines()), 1)

    async def test_changed(self) -> None:
        """What changes is noticed within a minute: no file at all, eviction, and all as it should be."""
        self.server.ask("CONFIG", "SET", "appendonly", "no")
        self.server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        await self.pass_time(60)
        warnings = (await self.health())["warnings"]
        self.assertEqual({each["what"] for each in warnings}, {"Redis durability", "Redis eviction"})
        self.assertEqual(len(self.log_lines()), 3)
        for name, value in (("appendonly", "yes"), ("maxmemory-policy", "noeviction"), ("appendfsync", "always")):
            self.server.ask("CONFIG", "SET", name, value)
        await self.pass_time(60)
        await self.assert_well()
        self.assertEqual(len(self.log_lines()), 3)

    async def test_failed_over(self) -> None:
        """When Redis comes back it is looked at again at once: it may be another one."""
        self.server.kill()
        await self.pass_time(1)
        self.server.start()
        self.server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        await self.connected()
        await self.pass_time(3)
        self.assertEqual(len((await self.health())["warnings"]), 2)

"""The address of Redis, as the settings write it."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.store.url import RedisAddress, parse

ADDRESSES = {
    "redis://localhost": RedisAddress(kind="tcp", host="localhost", port=6379),
    "redis://localhost/": RedisAddress(kind="tcp", host="localhost", port=6379),
    "redis://localhost:6380/3": RedisAddress(kind="tcp", host="localhost", port=6380, db=3),
    "REDIS://Cache_1.Example:6379": RedisAddress(kind="tcp", host="cache_1.example", port=6379),
    "redis://10.1.2.3": RedisAddress(kind="tcp", host="10.1.2.3", port=6379),
    "redis://[::1]:6380/1": RedisAddress(kind="tcp", host="::1", port=6380, db=1),
    "redis://[::1]": RedisAddress(kind="tcp", host="::1", port=6379),
    "redis://:pass@host": RedisAddress(kind="tcp", host="host", port=6379, password="pass"),
    "redis://ann:p%40ss%2F%3a%25@host/2": RedisAddress(
        kind="tcp", host="host", port=6379, db=2, username="ann", password="p@ss/:%"
    ),
    "redis://ann:a@b:c@host": RedisAddress(kind="tcp", host="host", port=6379, username="ann", password="a@b:c"),
    "rediss://ann:s%C3%A9same@cache.example:6390/0": RedisAddress(
        kind="tls", host="cache.example", port=6390, username="ann", password="sésame"
    ),
    "unix:///run/redis.sock": RedisAddress(kind="unix", path="/run/redis.sock"),
    "unix:///run/a%20b@c.sock?db=4": RedisAddress(kind="unix", path="/run/a b@c.sock", db=4),
    "unix://ann:pass@/run/redis.sock?db=1": RedisAddress(
        kind="unix", path="/run/redis.sock", db=1, username="ann", password="pass"
    ),
    "unix://:pass@/run/redis.sock": RedisAddress(kind="unix", path="/run/redis.sock", password="pass"),
    "redis+sentinel://h1:26379,h2:26380/mymaster/0": RedisAddress(
        kind="sentinel", hosts=(("h1", 26379), ("h2", 26380)), master="mymaster"
    ),
    "redis+sentinel://ann:p%2Cw@h1,[::2]:5/my-master.1/7": RedisAddress(
        kind="sentinel",
        hosts=(("h1", 26379), ("::2", 5)),
        master="my-master.1",
        db=7,
        username="ann",
        password="p,w",
    ),
    "redis+sentinel://h1/mymaster": RedisAddress(kind="sentinel", hosts=(("h1", 26379),), master="mymaster"),
    "embedded": RedisAddress(kind="embedded"),
}

REFUSED = {
    "": "scheme",
    "localhost:6379": "scheme",
    "redis:localhost": "scheme",
    "http://localhost": "scheme",
    "Embedded": "scheme",
    "embedded://": "scheme",
    "rediss+sentinel://h1:26379/mymaster/0": "TLS with Sentinel is not supported",
    "redis://": "host",
    "redis:///0": "host",
    "redis://:6379": "host",
    "redis://host:": "port",
    "redis://host:port": "port",
    "redis://host:0": "1 to 65535",
    "redis://host:65536": "1 to 65535",
    "redis://host:-1": "port",
    "redis://a..b": "not a name or an IP address",
    "redis://hö.example": "not a name or an IP address",
    "redis://[::g]": "not a name or an IP address",
    "redis://::1": "host",
    f"redis://{'a' * 64}": "not a name or an IP address",
    "redis://host/zero": "database",
    "redis://host/-1": "database",
    "redis://host/0/1": "database",
    "redis://host/1234567": "database",
    "redis://host?db=1": "'?'",
    "redis://host/0#x": "'#'",
    "redis://secret@host": "user:password",
    "redis://ann:@host": "user:password",
    "redis://@host": "user:password",
    "redis://:p%ff@host": "UTF-8",
    "redis://ho st": "spaces",
    "redis://host\n": "spaces",
    "redis://h1,h2/0": "not a name or an IP address",
    "unix://": "missing",
    "unix:///": "missing",
    "unix:///run/": "missing",
    "unix:///a%00b": "missing",
    "unix://run/redis.sock": "absolute",
    "unix://ann@/run/redis.sock": "user:password",
    "unix:///run/redis.sock?db=": "database",
    "unix:///run/redis.sock?db=x": "database",
    "unix:///run/redis.sock?password=secret": "?db=",
    f"unix:///{'a' * 107}": "107 bytes",
    "redis+sentinel://h1:26379": "name of the master",
    "redis+sentinel://h1:26379/": "name of the master",
    "redis+sentinel://h1:26379/my%20master": "name of the master",
    "redis+sentinel://h1,/mymaster": "host",
    "redis+sentinel://h1/mymaster/x": "database",
}


class ParseTests(TestCase):
    def test_reads_every_form(self) -> None:
        """TCP, TLS, a unix socket, Sentinel or a server of our own, with login and database."""
        for url, address in ADDRESSES.items():
            self.assertEqual(parse(url), address, url)

    def test_refuses_the_rest(self) -> None:
        """What is not an address is refused with the reason."""
        for url, reason in REFUSED.items():
            self.assertIn(reason, str(self.assertRaises(ValueError, parse, url)), url)

    def test_the_password_never_prints(self) -> None:
        """Neither by repr nor by str, while all else does."""
        address = parse("redis://ann:open-sesame@host:6380/2")
        for text in (repr(address), str(address), f"{address}"):
            self.assertNotIn("sesame", text)
            self.assertIn("ann", text)

    @given(st.text(min_size=1).filter(lambda text: text.isprintable()), st.text(alphabet="abü:/@%?# ", max_size=9))
    def test_any_login(self, password: str, username: str) -> None:
        """Whatever a user name and a password are made of, percent-encoded they arrive."""
        login = f"{quote(username, safe='')}:{quote(password, safe='')}@"
        for url in (f"redis://{login}host", f"redis+sentinel://{login}host/master", f"unix://{login}/path"):
            address = parse(url)
            self.assertEqual((address.username, address.password), (username, password))

    @given(st.text(alphabet="abcdefgh/@:?#[]%,= é\n", min_size=5))
    def test_faults_quote_nothing(self, password: str) -> None:
        """A password that was not percent-encoded does not show in the fault that it causes."""
        password = f"xyzzy{password}"
        for url in (f"redis://ann:{password}@host", f"unix://{password}/run", f"redis+sentinel://:{password}/m"):
            try:
                parse(url)
            except ValueError as error:
                self.assertNotIn("xyzzy", str(error))
                self.assertIsNone(error.__cause__)
                self.assertIsNone(error.__context__)

"""What a crash leaves behind in Redis."""

from __future__ import annotations

import json
from pathlib import Path

from nexmo_twisted.store.schema import F, with_constants
from tests.inspector import K
from tests.redis_socket import RedisSocket
from tests.support import reading

_OPEN = with_constants("""local open = 0
for _, key in ipairs({K.due, K.out_queue, K.in_queue, K.out_uncertain, K.long_due}) do
  open = open + redis.call('ZCARD', key)
end
return open""")
_RECORD = reading(
    "local r = load_message(ARGV[1]); return cjson.encode({r[F.outcomes] or {}, r[F.open] or 0, r[F.closed] or ''})"
)

#: What stays for ever: a counter, how long all holds lasted, when Nexmo was last told to come again, numbers that the
#: account does not own, who wants no texts.
_FOR_EVER = (K.schema, K.seq, K.suspended_ms, K.turned_away, K.unowned, K.opted_out)


class RedisProbe(RedisSocket):
    """One database of a server."""

    def __init__(self, path: Path, number: int) -> None:
        super().__init__(path, timeout=30)
        self.ask("SELECT", number)

    def still_open(self) -> int:
        """How many messages wait to be checked, users and handsets have work, SMS are uncertain, replies lack parts."""
        number: int = self.ask("EVAL", _OPEN, 0)
        return number

    def ends(self) -> list[str]:
        """What became of every message, for each recipient, and of each reply and notice: "bob sent", "reply posted"
        ..."""
        found = []
        for key in self.ask("KEYS", f"{K.message}*"):
            told, still_open, closed = json.loads(self.ask("EVAL", _RECORD, 0, key.removeprefix(K.message)))
            found += [f"{user} {outcome.split()[0]}" for user, outcome in dict(told).items()]
            if not told and not still_open:
                found.append(closed or "open")
        for key in self.ask("KEYS", f"{K.out_item}*"):
            found.append(self._end(key, "notice"))
        for key in self.ask("KEYS", f"{K.in_item}*"):
            found.append(self._end(key, "reply"))
        return sorted(end for end in found if end != "reply part")  # one of several

    def _end(self, key: str, what: str) -> str:
        """What became of one item: what is done is a text, what is not tells whose it is."""
        if self.ask("TYPE", key) == "string":
            return f"{what} {self.ask('GET', key).split()[0]}"
        user, state, reason = self.ask("HMGET", key, F.lane, F.state, F.reason)
        return f"{what if what == 'reply' else user} {_end(state, reason)}"

    def left(self) -> list[str]:
        """Lanes that are not empty, and other keys that never end, but for dead letters."""
        keys: list[str] = self.ask("KEYS", "*")
        return [
            key for key in keys if self.ask("PTTL", key) < 0 and not key.startswith((K.out_dead, K.in_dead, *_FOR_EVER))
        ]


def _end(state: str, reason: str) -> str:
    return f"dead letter: {reason.partition(':')[0]}" if state == "D" else f"in state {state}"

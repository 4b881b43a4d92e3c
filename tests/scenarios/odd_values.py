"""Values, bytes and texts that nobody expects, drawn from a seeded :class:`random.Random`."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.scenarios.junk import HOSTILE, SAID

LARGE = 50_000  # bytes; more than that is sent now and then only

#: Of all planes, with NUL, control characters and lone surrogates among them.
CHARACTERS = "".join(
    map(chr, [*range(0x100), *range(0x20, 0x7F), *range(0x100, 0x3000, 89), *range(0xD800, 0xE000, 43)])
) + "".join(map(chr, range(0xE000, 0x110000, 9973)))

#: Few enough that whatever remembers names has seen them all soon.
NAMES = [CHARACTERS[at : at + 4] for at in range(0, len(CHARACTERS), 16)]


def garbage(rng: Random, most: int = 40) -> bytes:
    return rng.randbytes(rng.randrange(most))


def text(rng: Random, most: int = 40) -> str:
    return "".join(rng.choices(CHARACTERS, k=rng.randrange(most)))


def odd_value(rng: Random, depth: int = 3) -> Any:
    """Anything JSON can say, and a little more."""
    match rng.randrange(9 if depth else 7):
        case 0:
            return rng.choice((None, True, False, "", 0, -1, 0.5, 1e300, float("nan"), float("inf"), [], {}))
        case 1:
            return rng.choice((10**18, -(10**30), 10**400, 2**63, 1 << rng.randrange(4000)))
        case 2 | 3:
            return text(rng)
        case 4:
            return rng.choice(HOSTILE)
        case 5:
            return rng.random() * 10 ** rng.randrange(-30, 30)
        case 6:
            return rng.choice(("12345", "sent", "message.sent", SAID, "\0", "\ud83d", "x" * 2000))
        case 7:
            return [odd_value(rng, depth - 1) for _ in range(rng.randrange(4))]
        case _:
            return {rng.choice(NAMES): odd_value(rng, depth - 1) for _ in range(rng.randrange(4))}


def nested(rng: Random) -> bytes:
    """Brackets, mostly more than anybody needs, and sometimes even closed."""
    depth = rng.choice((10, 49, 51, 199, 201, 1000, 5000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    return opening * depth + rng.choice((b"", b"1", b"1" + closing * depth))


def damaged(rng: Random, raw: bytes) -> bytes:
    """Some bytes changed, taken out, repeated or put in."""
    spoiled = bytearray(raw)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(spoiled) + 1)
        match rng.randrange(4):
            case 0:
                spoiled[at : at + 1] = garbage(rng, 3)
            case 1:
                del spoiled[at : at + rng.randrange(1, 50)]
            case 2:
                spoiled[at:at] = spoiled[at : at + rng.randrange(1, 50)]
            case _:
                spoiled[at:at] = rng.choice((b"\0", b"\xff", b"[", b'"', b"\\ud800", b"NaN", b"9" * 400, b"%", b"&&"))
    return bytes(spoiled)


def picked(rng: Random, collection: dict[str, Any], size: Callable[[Any], int]) -> Any:
    """One of them, a large one very rarely."""
    while True:
        one = rng.choice(tuple(collection.values()))
        if size(one) < LARGE or rng.random() < 0.05:
            return one

"""``dead-letters list`` and ``redrive``: what was given up or is uncertain, and how it is tried again."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from nexmo_twisted.domain.inspection import Queue, QueueItem
from nexmo_twisted.domain.model import Status
from nexmo_twisted.domain.phones import masked
from nexmo_twisted.domain.wording import explained, printable, shortened, span, utc
from nexmo_twisted.operations.cli.options import IN_ID, OUT_ID
from nexmo_twisted.store.admin import QueueAdmin, Redrive, Redriven

Out = Callable[[str], None]
Ask = Callable[[str], bool]

COLUMNS = ("what", "id", "message id", "user", "numbers", "since", "attempts", "reason")
#: Characters of a user id or a foreign message id that a table shows.
WIDTH = 40

QUEUES: Sequence[Queue] = ("out", "in")
NOTHING = "No dead letters and no uncertain SMS."


async def list_dead_letters(
    operator: QueueAdmin, queues: Sequence[Queue], limit: int | None, *, as_json: bool, out: Out
) -> bool:
    """Print the dead letters and the uncertain SMS of these queues, the oldest first, at most ``limit``."""
    listed = [(queue, item) for queue in queues for item in await operator.aside(queue)]
    shown = listed if limit is None else listed[:limit]
    entries: list[QueueItem] = []
    for queue in queues:
        entries += await operator.inspect_items(queue, [item for where, item in shown if where == queue])
    more = len(listed) - len(shown)
    if as_json:
        out(json.dumps({"items": [_values(entry) for entry in entries], "more": more}, indent=1))
    elif not listed:
        out(NOTHING)
    else:
        for line in _table([COLUMNS, *(_row(entry) for entry in entries)]):
            out(line)
        if more:
            out(f"... and {more} more: --limit {len(listed)} or --limit 0 shows all")
    return True


def _what(entry: QueueItem) -> str:
    kind = "sms" if entry.queue == "out" else "reply"
    return {"U": f"uncertain {kind}", "D": f"dead {kind}"}.get(entry.state, f"deleted {kind}")


def _values(entry: QueueItem) -> dict[str, Any]:
    return {
        "what": "sms" if entry.queue == "out" else "reply",
        "state": {"U": "uncertain", "D": "dead"}.get(entry.state, "deleted"),
        "id": entry.id,
        "message_id": entry.message_id or None,
        "user": entry.user or None,
        "number": masked(entry.number) if entry.number else None,
        "handset": masked(entry.handset) if entry.handset else None,
        "since": utc(entry.since) if entry.since is not None else None,
        "attempts": entry.attempts,
        "reason": entry.reason,
    }


def _row(entry: QueueItem) -> Sequence[str]:
    ends = [masked(number) for number in (entry.number, entry.handset) if number]
    return (
        _what(entry),
        entry.id,
        shortened(entry.message_id, WIDTH) or "-",
        shortened(entry.user, WIDTH) or "-",
        " to ".join(ends if entry.queue == "out" else reversed(ends)) or "-",
        utc(entry.since) if entry.since is not None else "-",
        str(entry.attempts),
        printable(entry.reason),
    )


def _table(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def on_terminal() -> Ask | None:
    """Asks at the terminal; None when there is none."""
    return _ask if sys.stdin is not None and sys.stdin.isatty() else None


def _ask(question: str) -> bool:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # the reactor's waits for what blocks here
    try:
        return input(f"{question} ").strip().lower() == "yes"
    except EOFError:
        return False
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGINT, before)


async def redrive(
    operator: QueueAdmin,
    ids: Sequence[str] | None,
    report: Collection[Status],
    *,
    yes: bool,
    ask: Ask | None,
    out: Out,
) -> bool:
    """Put these back into their queues, everything without ``ids``, and print the result of each.

    An SMS that may have been sent already needs a confirmation: ``yes``, or a yes to the question that ``ask`` asks
    (None without a terminal). Returns whether all was done.
    """
    if ids is None:
        return await _redrive_all(operator, report, yes, out)
    done = True
    for item in ids:
        done &= await _redrive_one(operator, item, report, yes, ask, out)
    return done


async def _redrive_all(operator: QueueAdmin, report: Collection[Status], yes: bool, out: Out) -> bool:
    answers: Counter[Redrive] = Counter()
    for queue in QUEUES:
        async for result in operator.redrive(queue, await operator.aside(queue), report, confirmed=yes):
            out(_result_line(result))
            answers[result.answer] += 1
    back, left = answers[Redrive.DONE], answers[Redrive.DOUBTFUL]
    closed = answers[Redrive.UNNEEDED]
    if not answers.total():
        out(NOTHING)
    else:
        out(f"{back} put back, {closed} closed." if closed else f"{back} put back.")
    if left:
        out(f"{left} skipped: they may have been sent already; --yes sends them again.")
    return True


async def _redrive_one(
    operator: QueueAdmin, item: str, report: Collection[Status], yes: bool, ask: Ask | None, out: Out
) -> bool:
    queue: Queue = "out" if "." in item else "in"
    if not (OUT_ID if queue == "out" else IN_ID).fullmatch(item):
        out(_result_line(Redriven(item, Redrive.UNKNOWN)))
        return False
    (result,) = [each async for each in operator.redrive(queue, [item], report, confirmed=yes)]
    if result.answer is Redrive.DOUBTFUL:
        doubt = f"{item}: it may have been sent already; trying again may send it a second time"
        if ask is None:
            out(f"{doubt}: skipped, use --yes to send it")
            return False
        if not ask(f"{doubt}. Type yes to send it:"):
            out(f"{item}: unchanged")
            return False
        (result,) = [each async for each in operator.redrive(queue, [item], report, confirmed=True)]
    out(_result_line(result))
    return result.answer is not Redrive.UNKNOWN


def _result_line(result: Redriven) -> str:
    match result.answer:
        case Redrive.DONE if result.wait:
            said = f"put back into the queue, due in {span(result.wait)}"
        case Redrive.DONE:
            said = "put back into the queue, next in line"
        case Redrive.DOUBTFUL:
            said = "skipped, it may have been sent already"
        case Redrive.WAITING:
            said = "already in the queue"
        case Redrive.UNKNOWN:
            said = "no dead letter or uncertain SMS has this id"
        case Redrive.UNNEEDED:
            said = f"closed, nothing to do: {explained(result.why)}"
    return f"{printable(result.id)}: {said}"

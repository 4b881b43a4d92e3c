"""The rows that a benchmark prints, and how those of one tree stand to those of another."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: In which direction a row is better. Whoever prints a new row enters it here.
BETTER: Mapping[str, str] = {
    "acks": "higher",
    "CPU of a message, webhook to SMS, in bare treq POSTs": "lower",
    "CPU of a reply, webhook to post, in bare treq POSTs": "lower",
    "Redis bytes of a message with two recipients, pending": "lower",
    "Redis bytes of a message with two recipients, done": "lower",
}

_FIGURE = re.compile(r"(?P<figure>\d+(?:\.\d+)?)(?: (?P<part>\S.*))?")


def read(lines: str) -> dict[str, float]:
    """The figures of what a benchmark printed, by row.

    A line is ``row: figure`` or ``row: figure part, figure part``, which are the rows ``row, part``. Between the two
    there may be more (``row: 4000/s, bare 5000/s: figure``), which differs from run to run. Other lines have none.
    """
    figures = {}
    for line in lines.splitlines():
        row, _, rest = line.strip().partition(": ")
        found = [_FIGURE.fullmatch(each) for each in rest.rpartition(": ")[2].split(", ")]
        for each in found:
            if each is not None:
                figures[f"{row}, {each['part']}" if each["part"] else row] = float(each["figure"])
    return figures


@dataclass(frozen=True, slots=True)
class Row:
    """A row of both trees: this tree's figure and that of the other one, round by round, and ``ratio``, the median of
    the former to the latter. ``better`` is "higher" or "lower", and blank for a row of which nobody said it."""

    name: str
    better: str
    rounds: Sequence[tuple[float, float]]
    ratio: float

    def lines(self) -> str:
        """One line for people."""
        if not self.better:
            return f"{self.name}: {self.ratio:.3f} (whether higher or lower is better is not known)"
        percent = round(100 * (self.ratio - 1), 1)
        if not percent:
            verdict = "the same"
        elif (percent > 0) == (self.better == "higher"):
            verdict = f"this tree is {abs(percent):g} % BETTER"
        else:
            verdict = f"this tree is {abs(percent):g} % WORSE"
        return f"{self.name}: {self.ratio:.3f} ({self.better} is better: {verdict})"

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        rounds = [{"this": this, "that": that, "ratio": this / that} for this, that in self.rounds]
        return {"row": self.name, "better": self.better or None, "ratio": self.ratio, "rounds": rounds}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows that both trees have, the names of those that only one of them has, and of those that cannot be
    compared since the other tree's figure was 0."""

    rows: Sequence[Row]
    only_this: Sequence[str]
    only_that: Sequence[str]
    zero: Sequence[str]

    def lines(self, commit: str, rounds: int) -> str:
        """Lines for people; ``commit`` is what the other tree is called."""
        lines = [f"This tree to {commit}, median of the ratios of {rounds} round{'s' * (rounds != 1)}:"]
        lines += [row.lines() for row in self.rows]
        lines += [f"only in this tree: {name}" for name in self.only_this]
        lines += [f"only in {commit}: {name}" for name in self.only_that]
        lines += [f"no ratio, since it is 0 in {commit}: {name}" for name in self.zero]
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "rows": [row.document() for row in self.rows],
            "only_this": list(self.only_this),
            "only_that": list(self.only_that),
            "zero": list(self.zero),
        }


def compared(rounds: Iterable[tuple[Mapping[str, float], Mapping[str, float]]]) -> Comparison:
    """The comparison of what this tree and the other one printed, in this order, in each round.

    A row counts in the rounds in which both have it.
    """
    these: dict[str, None] = {}
    those: dict[str, None] = {}
    pairs: dict[str, list[tuple[float, float]]] = {}
    for this, that in rounds:
        these |= dict.fromkeys(this)
        those |= dict.fromkeys(that)
        for name, figure in this.items():
            if that.get(name):
                pairs.setdefault(name, []).append((figure, that[name]))
    return Comparison(
        [
            Row(name, BETTER.get(name, ""), tuple(pairs[name]), statistics.median(a / b for a, b in pairs[name]))
            for name in these
            if name in pairs
        ],
        [name for name in these if name not in those],
        [name for name in those if name not in these],
        [name for name in these if name in those and name not in pairs],
    )

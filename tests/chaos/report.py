"""The promises and their price: what the judge found, in lines for people and one line for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos import verdict
from tests.chaos.evidence import Evidence
from tests.chaos.verdict import Standing

#: Lines of evidence shown for each broken promise.
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Promise:
    """``broken`` holds a line of evidence for each time it was not kept, of which ``allowed`` are forgiven."""

    name: str
    broken: Sequence[str]
    allowed: int = 0

    @property
    def kept(self) -> bool:
        return len(self.broken) <= self.allowed


def promises(
    evidence: Evidence, unfinished: Sequence[str], errors: Sequence[str], doubled_allowed: int | None
) -> list[Promise]:
    """All of them. ``doubled_allowed`` is None where nothing is promised about SMS that go out twice."""
    debts, texts, answers, posts = evidence.debts, evidence.texts, evidence.answers, evidence.posts
    doubled = verdict.doubled_texts(texts, evidence.stories)
    return [
        Promise("texts lost", verdict.lost_texts(debts, texts)),
        Promise("texts doubled", doubled, len(doubled) if doubled_allowed is None else doubled_allowed),
        Promise("texts misrouted", verdict.misrouted_texts(debts, texts)),
        Promise("texts out of order", verdict.disordered_texts(debts, evidence.attempts)),
        Promise("texts needless", verdict.needless_texts(debts, texts)),
        Promise("replies lost", verdict.lost_replies(answers, posts)),
        Promise("replies doubled", verdict.doubled_replies(posts)),
        Promise("replies misrouted", verdict.misrouted_replies(answers, posts)),
        Promise("replies out of order", verdict.disordered_replies(answers, posts)),
        Promise("buried needlessly", verdict.buried_needlessly(debts, answers)),
        Promise("left unfinished", [*unfinished, *evidence.unacknowledged]),
        Promise("unforeseen errors", errors),
    ]


def figures(evidence: Evidence) -> dict[str, object]:
    """What there was, so that zeros can be judged."""
    standings = Counter(debt.standing for debt in evidence.debts)
    buried = Counter(each.buried.partition(":")[0] for each in [*evidence.debts, *evidence.answers] if each.buried)
    gone = {(debt.message, debt.user) for debt in evidence.debts if debt.buried}
    settled = evidence.uncertain.keys() - evidence.sent_again - evidence.unneeded - gone
    return {
        "owed": standings[Standing.OWED],
        "neither": standings[Standing.FREE],
        "not_owed": standings[Standing.FORBIDDEN],
        "texts": len(evidence.texts),
        "attempts": len(evidence.attempts),
        "replies": len(evidence.answers),
        "posts": len(evidence.posts),
        "reply_pairs_in_order": verdict.ordered_pairs(evidence.answers),
        "uncertain": {
            "all": len(evidence.uncertain),
            "settled_by_evidence": len(settled),
            "sent_again": len(evidence.sent_again),
            "not_needed_any_more": len(evidence.unneeded),
        },
        "buried": dict(buried),
    }


def tell(judged: Sequence[Promise], figures: Mapping[str, object]) -> None:
    """Print it all: the line before the last is JSON, the last one as trial writes it."""
    for promise in judged:
        allowed = f" (at most {promise.allowed})" if promise.allowed else ""
        print(f"{promise.name:<22}{len(promise.broken):>6}{allowed}{'' if promise.kept else '   BROKEN'}")
        for line in promise.broken[:SHOWN]:
            print(f"    {line}")
        if len(promise.broken) > SHOWN:
            print(f"    and {len(promise.broken) - SHOWN} more")
    counts = {promise.name.replace(" ", "_"): len(promise.broken) for promise in judged}
    print(json.dumps({**figures, **counts}))
    broken = sum(not promise.kept for promise in judged)
    kept = len(judged) - broken
    print(f"FAILED (failures={broken}, successes={kept})" if broken else f"PASSED (successes={kept})", flush=True)

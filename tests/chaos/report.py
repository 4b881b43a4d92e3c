"""The promises and their price: what the judge found, in lines for people and one line for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos import verdict
from tests.chaos.evidence import Evidence
from tests.chaos.verdict import Standing

#: SMS that may be doubled when receipts are on: both ways to know what became of the first attempt failed.
DOUBLED_ALLOWED = 5

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


def promises(evidence: Evidence, unfinished: Sequence[str], errors: Sequence[str], receipts: bool) -> list[Promise]:
    """All of them. Without receipts nothing is promised about SMS that go out twice."""
    debts, texts, answers, posts = evidence.debts, evidence.texts, evidence.answers, evidence.posts
    doubled = verdict.doubled_texts(texts, evidence.stories)
    return [
        Promise("texts lost", verdict.lost_texts(debts, texts)),
        Promise("texts doubled", doubled, DOUBLED_ALLOWED if receipts else len(doubled)),
        Promise("texts misrouted", verdict.misrouted_texts(debts, texts)),
        Promise("texts out of order", verdict.disordered_texts(debts, evidence.attempts)),
        Promise("texts needless", verdict.needless_texts(debts, texts)),
        Promise("replies lost", verdict.lost_replies(answers, posts)),
        Promise("replies doubled", verdict.doubled_replies(posts)),
        Promise("replies misrouted", verdict.misrouted_replies(answers, posts)),
        Promise("replies out of order", verdict.disordered_replies(answers, posts)),
        Promise("left unfinished", [*unfinished, *evidence.unacknowledged]),
        Promise("unforeseen errors", errors),
    ]


def figures(evidence: Evidence) -> dict[str, object]:
    """What there was, so that zeros can be judged."""
    standings = Counter(debt.standing for debt in evidence.debts)
    buried = Counter(debt.buried.partition(":")[0] for debt in evidence.debts if debt.buried)
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


def tell(judged: Sequence[Promise], figures: Mapping[str, object]) -> bool:
    """Print it all, the last line as trial does. True when every promise was kept."""
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
    return not broken

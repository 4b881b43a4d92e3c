"""The promises and their price: what the checks found, in lines for people and one line for programs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos import checker, checker_numbers, checker_replies, checker_stops
from tests.chaos.checker import Obligation
from tests.chaos.handset_view import Answer, Received
from tests.chaos.names import reply_of
from tests.chaos.observed_texts import Observed

#: Lines shown for each broken promise.
SHOWN = 10

#: Of all replies: so many may be ambiguous while receipts are on. But one number that went over at a bad moment may be
#: answered several times before its next text, which in a short run is more than that share.
AMBIGUOUS, A_FEW = 0.01, 8
#: Seconds in which a reply is posted when nothing else happens, of all such but for a share: the machine is shared.
AT_ONCE, LATER = 1.0, 0.1
#: The longest that it may take.
LATEST = 10.0
#: Of all replies from phones that are not their user's any more: so many may be posted, since the profile could not be
#: read just then.
UNREAD = 0.1


@dataclass(frozen=True, slots=True)
class Promise:
    """``broken`` holds a line for each time it was not kept, of which ``allowed`` are forgiven: all of them
    when that is None."""

    name: str
    broken: Sequence[str]
    allowed: int | None = 0

    @property
    def kept(self) -> bool:
        return self.allowed is None or len(self.broken) <= self.allowed


def promises(
    observed: Observed, unfinished: Sequence[str], errors: Sequence[str], doubled_allowed: int | None
) -> list[Promise]:
    """All of them. ``doubled_allowed`` is None where nothing is promised about SMS that go out twice."""
    expected_texts, texts, answers = observed.expected_texts, observed.texts, observed.replies.answers
    dead = {each.name: each.dead_letter for each in answers}
    return [
        Promise("texts lost", checker.lost_texts(expected_texts, texts)),
        Promise("texts doubled", checker.doubled_texts(texts, observed.stories), doubled_allowed),
        Promise(
            "texts misrouted", checker.misrouted_texts(expected_texts, texts, observed.participants.handsets.phones)
        ),
        Promise("texts unreadable", observed.unreadable),
        Promise("texts out of order", checker.disordered_texts(expected_texts, observed.attempts)),
        Promise("texts needless", checker.needless_texts(expected_texts, texts)),
        Promise("texts after STOP", checker_stops.texts_after_stop(observed.replies.asked, observed.attempts)),
        *_numbers(observed),
        *_replies(observed),
        Promise(
            "needless dead letters",
            checker.needless_dead_letters(expected_texts, dead, observed.participants.observations.barred),
        ),
        Promise("left unfinished", [*unfinished, *observed.unacknowledged]),
        Promise("unforeseen errors", errors),
    ]


def _numbers(observed: Observed) -> list[Promise]:
    given, plain = observed.participants.circumstances, observed.plain
    if given.mode != "skip":
        return []
    answers = {each.name: each for each in observed.replies.answers}
    view = observed.replies.view
    uses = [(*where, each.at) for where, received in view.items() for each in received]
    uses += [(*answers[each.name].where, each.at) for each in observed.replies.posts if each.name in answers]
    without = checker_numbers.without_number(observed.expected_texts, uses, given.numbers, given.lifetime, plain)
    early = checker_numbers.taken_early(observed.texts, observed.conversations, plain, given.lifetime)
    return [Promise("numbers taken early", early), Promise("numbers not found", without)]


def _replies(observed: Observed) -> list[Promise]:
    participants, found = observed.participants, observed.replies
    view, answers, posts, quiet = found.view, found.answers, found.posts, found.quiet
    known = participants.circumstances.receipts == "on"
    few = max(A_FEW, int(AMBIGUOUS * _count(answers))) if known else None
    needlessly = checker_replies.ambiguous_needlessly(view, answers, observed.unsettled, participants.receipt_timeout)
    closed = checker_replies.closed_though_texted(view, participants.handsets.phones, answers)
    former = checker_replies.of_former_phones(view, participants.handsets.phones, answers)
    return [
        Promise("replies lost", checker_replies.lost(answers, posts)),
        Promise("replies doubled", checker_replies.doubled(posts)),
        Promise("replies not texted there", checker_replies.not_texted_there(view, answers, posts)),
        Promise("replies as another", checker_replies.as_another(view, answers, posts)),
        Promise("replies beside the last", checker_replies.beside_the_last(view, answers, posts)),
        Promise("from former phones", checker_replies.posted(former, posts), 1 + int(UNREAD * len(former))),
        Promise("STOP posted", checker_replies.stops_posted(answers, posts)),
        Promise("replies out of order", checker_replies.disordered(answers, posts)),
        Promise("closed though texted", closed.get("", [])),
        Promise("replies ambiguous", checker_replies.ambiguous(view, answers), few),
        Promise("ambiguous needlessly", needlessly if known else []),
        Promise("quiet ones later", checker_replies.late(quiet, posts, AT_ONCE), 1 + int(LATER * len(quiet))),
        Promise("quiet ones late", checker_replies.late(quiet, posts, LATEST)),
    ]


def figures(observed: Observed) -> dict[str, object]:
    """What there was, so that zeros have a meaning."""
    answers, found = observed.replies.answers, observed.replies
    obligations = Counter(expected.obligation for expected in observed.expected_texts)
    reasons = [each.dead_letter for each in observed.expected_texts] + [each.dead_letter for each in answers]
    gone = {(expected.message, expected.user) for expected in observed.expected_texts if expected.dead_letter}
    settled = observed.uncertain.keys() - observed.sent_again - observed.unneeded - gone
    closed = checker_replies.closed_though_texted(found.view, observed.participants.handsets.phones, answers)
    quick = sorted(checker_replies.delays(found.quiet, found.posts))
    return {
        "owed": obligations[Obligation.OWED],
        "neither": obligations[Obligation.FREE],
        "not_owed": obligations[Obligation.FORBIDDEN],
        "texts": len(observed.texts),
        "attempts": len(observed.attempts),
        "not_sent": dict(Counter(expected.closed for expected in observed.expected_texts if expected.excused)),
        "threads_of_a_number": dict(sorted(Counter(map(_threads, found.view.values())).items())),
        "replies": _count(answers),
        "reply_parts": len(answers),
        "long": sum(not each.name.endswith(".1") for each in answers),
        "words": dict(Counter(each.word for each in answers if each.word)),
        "posted_parts": len(found.posts),
        "reply_pairs_in_order": checker_replies.ordered_pairs(answers),
        "reply_ends": dict(Counter(each.outcome.partition(" ")[0] for each in answers if not each.dead_letter)),
        "why_closed_though_texted": {why or "unexplained": len(lines) for why, lines in closed.items()},
        "ambiguous_share": round(len(checker_replies.ambiguous(found.view, answers)) / max(1, _count(answers)), 4),
        "quiet_seconds": {"replies": len(quick), "median": _round(quick, 0.5), "most": _round(quick, 1.0)},
        "uncertain": {
            "all": len(observed.uncertain),
            "settled_by_receipt": len(settled),
            "sent_again": len(observed.sent_again),
            "not_needed_any_more": len(observed.unneeded),
        },
        "dead_letters": dict(Counter(reason.partition(":")[0].partition(" ")[0] for reason in reasons if reason)),
    }


def _count(answers: Sequence[Answer]) -> int:
    """How many replies these are the parts of."""
    return len({reply_of(each.name) for each in answers})


def _threads(received: Sequence[Received]) -> int:
    return len({(each.user, each.conversation) for each in received})


def _round(sorted_numbers: Sequence[float], share: float) -> float | None:
    if not sorted_numbers:
        return None
    number = sorted_numbers[int(share * (len(sorted_numbers) - 1))]
    return round(number, 2) if math.isfinite(number) else None


def print_report(checked: Sequence[Promise], figures: Mapping[str, object]) -> None:
    """Print it all: the line before the last is JSON, the last one as trial writes it."""
    for promise in checked:
        allowed = "" if promise.allowed == 0 else f" (at most {promise.allowed})"
        allowed = " (nothing is promised)" if promise.allowed is None else allowed
        print(f"{promise.name:<24}{len(promise.broken):>6}{allowed}{'' if promise.kept else '   BROKEN'}")
        for line in promise.broken[:SHOWN]:
            print(f"    {line}")
        if len(promise.broken) > SHOWN:
            print(f"    and {len(promise.broken) - SHOWN} more")
    counts = {promise.name.replace(" ", "_"): len(promise.broken) for promise in checked}
    print(json.dumps({**figures, **counts}))
    broken = sum(not promise.kept for promise in checked)
    kept = len(checked) - broken
    print(f"FAILED (failures={broken}, successes={kept})" if broken else f"PASSED (successes={kept})", flush=True)

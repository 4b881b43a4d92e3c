"""The judge of numbers: with ``skip`` nobody takes a number from a thread that lives, and nobody lacks a free one.

Only handsets are judged that always had one user, with one phone, and where no attempt failed: else numbers may be
linked that no text came from. Pure functions; :mod:`tests.chaos.test_checker` shows that they can say no.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.chaos.checker import Debt, Text

#: Seconds by which a link may have begun earlier than its text came: a lease, and the time for the request.
EARLIER = 6.0


def taken_early(texts: Iterable[Text], conversations: dict[str, str], plain: set[str], lifetime: float) -> list[str]:
    """Texts from a number that carried another thread on that handset, or of a thread that had another number there,
    less than ``lifetime`` seconds ago. ``conversations`` are those of the messages, ``plain`` the handsets judged."""
    found = []
    carried: dict[tuple[str, str], tuple[str, Text]] = {}  # handset and number -> conversation and last text
    numbers: dict[tuple[str, str], Text] = {}  # handset and conversation -> last text
    for text in texts:
        if text.handset not in plain or (conversation := conversations.get(text.message)) is None:
            continue
        other, before = carried.get((text.handset, text.number), (conversation, text))
        if other != conversation and text.at < before.at + lifetime - EARLIER:
            found.append(
                f"{text.message} took …{text.number[-4:]} from {before.message}, {text.at - before.at:.1f} s old"
            )
        before = numbers.get((text.handset, conversation), text)
        if before.number != text.number and text.at < before.at + lifetime - EARLIER:
            found.append(
                f"{text.message} left …{before.number[-4:]}, {text.at - before.at:.1f} s after {before.message}"
            )
        carried[text.handset, text.number] = conversation, text
        numbers[text.handset, conversation] = text
    return found


def without_number(
    debts: Iterable[Debt], uses: Iterable[tuple[str, str, float]], numbers: int, lifetime: float, plain: set[str]
) -> list[str]:
    """Texts that were not sent for want of a number though one was free on the handset. ``uses`` are (handset, number,
    seconds since the epoch); each keeps a number for ``lifetime`` seconds. ``numbers`` is how many there are."""
    by_handset: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for handset, number, at in uses:
        by_handset[handset].append((number, at))
    found = []
    for debt in debts:
        if debt.closed != "no_number" or debt.ended is None or not plain.issuperset(debt.handsets):
            continue
        begin, end = debt.ended - lifetime - EARLIER, debt.ended + EARLIER
        near = {number for each in debt.handsets for number, at in by_handset[each] if begin <= at <= end}
        if len(near) < numbers:
            found.append(f"{debt.message} for {debt.user}: only {len(near)} of {numbers} numbers were in use")
    return found

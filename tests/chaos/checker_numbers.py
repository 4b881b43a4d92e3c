"""Checks of the numbers: with ``skip`` no number is taken from a thread whose link is alive, and a free one is used.

Only handsets are checked that always had one user, with one phone, and where no attempt failed: else numbers may be
linked that no text came from. Pure functions; :mod:`tests.chaos.test_checker` shows that they can fail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.chaos.checker import ExpectedText, Text

#: Seconds by which a link may have begun earlier than its text came: a lease, and the time for the request.
EARLIER = 6.0


def taken_early(texts: Iterable[Text], conversations: dict[str, str], plain: set[str], lifetime: float) -> list[str]:
    """Texts from a number that carried another thread on that handset, or of a thread that had another number there,
    less than ``lifetime`` seconds ago. ``conversations`` are those of the messages, ``plain`` the checked handsets."""
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
    expected_texts: Iterable[ExpectedText],
    uses: Iterable[tuple[str, str, float]],
    numbers: int,
    lifetime: float,
    plain: set[str],
) -> list[str]:
    """Texts that were not sent for want of a number though one was free on the handset. ``uses`` are (handset, number,
    seconds since the epoch); each keeps a number for ``lifetime`` seconds. ``numbers`` is how many there are."""
    by_handset: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for handset, number, at in uses:
        by_handset[handset].append((number, at))
    found = []
    for expected in expected_texts:
        if expected.closed != "no_number" or expected.ended is None or not plain.issuperset(expected.handsets):
            continue
        begin, end = expected.ended - lifetime - EARLIER, expected.ended + EARLIER
        near = {number for each in expected.handsets for number, at in by_handset[each] if begin <= at <= end}
        if len(near) < numbers:
            found.append(f"{expected.message} for {expected.user}: only {len(near)} of {numbers} numbers were in use")
    return found

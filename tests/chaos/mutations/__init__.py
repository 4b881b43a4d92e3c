"""Six rules that the promise rests on, and what notices when one of them is taken out.

``python -m tests.chaos.mutations`` runs the named tests as the code is, then takes the rules out of a copy of it, one
at a time, and runs the test of each again: now it must fail, and by one of its own assertions. The last line is like
trial's; the exit status is 0 only if all went so. Nothing in this tree is touched.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """``file`` holds ``kept`` exactly once; with ``without`` in its place the rule is gone, and ``test`` fails."""

    name: str
    file: str
    kept: str
    without: str
    test: str


RULES = (
    Rule(
        "a webhook is stored before it is answered",
        "nexmo_twisted/web/reception.py",
        """
        return shielded(stored).addCallback(partial(answer, request))
""",
        """
        stored.addErrback(lambda failure: None)
        answered: Deferred[int] = Deferred()
        answered.callback(code)
        return answered.addCallback(partial(answer, request))
""",
        "tests.web.test_doors.LayerTests.test_stored_before_answered",
    ),
    Rule(
        "an attempt is recorded before the bytes go out",
        "nexmo_twisted/store/scripts/begin.lua",
        "'s', 'S', 'a',",
        "'s', 'C', 'a',",
        "tests.scenarios.test_redis_start_stop.Ending.test_text_under_way",
    ),
    Rule(
        "an attempt whose lease ran out is uncertain, and not made again",
        "nexmo_twisted/store/scripts/claim.lua",
        "    elseif item.s == 'S' then set_aside(q, id, item, 'U', 'lost', now); lost = lost + 1\n",
        "",
        "tests.store.test_queue.Sending.test_lost_lease_is_uncertain",
    ),
    Rule(
        "that an SMS was accepted counts from anyone, also from a process that lost its lease",
        "nexmo_twisted/store/redis_store.py",
        '"finish", self._now(), "out", item.id, "", outcome,',
        '"finish", self._now(), "out", item.id, item.token, outcome,',
        "tests.store.test_uncertain.Settling.test_the_late_truth",
    ),
    Rule(
        "a link is written only if what it was chosen by is unchanged",
        "nexmo_twisted/store/scripts/shared/links.lua",
        "local function links_unchanged(a)\n",
        "local function links_unchanged(a)\n  do return true end\n",
        "tests.scenarios.test_links.Links.test_side_by_side",
    ),
    Rule(
        "the UUID of a reply follows from Nexmo's messageId",
        "nexmo_twisted/store/words.py",
        'once=UUID(bytes=urlsafe_b64decode(rid + "==")),',
        "once=uuid5(REPLIES, token),",
        "tests.scenarios.test_replies.Replies.test_posted_although_the_answer_is_lost",
    ),
)

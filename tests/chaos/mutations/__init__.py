"""Ten rules that the promise rests on, and what notices when one of them is taken out.

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
        "nexmo_twisted/web/admission.py",
        """
        return shielded(stored).addCallback(partial(answer, request))
""",
        """
        stored.addErrback(lambda failure: None)
        answered: Deferred[int] = Deferred()
        answered.callback(code)
        return answered.addCallback(partial(answer, request))
""",
        "tests.web.test_routing.LayerTests.test_stored_before_answered",
    ),
    Rule(
        "an attempt is recorded before the bytes go out",
        "nexmo_twisted/store/scripts/begin_attempt.lua",
        "F.state, 'S', F.attempts,",
        "F.state, 'C', F.attempts,",
        "tests.scenarios.test_redis_start_stop.StopWithoutRedisTests.test_text_under_way",
    ),
    Rule(
        "an attempt whose lease ran out is uncertain, and not made again",
        "nexmo_twisted/store/scripts/claim.lua",
        "    elseif item[F.state] == 'S' then set_aside(q, id, item, 'U', 'lost', now); lost = lost + 1\n",
        "",
        "tests.store.test_queue.BeginAttemptTests.test_lost_lease_is_uncertain",
    ),
    Rule(
        "that an SMS was accepted counts from anyone, also from a process that lost its lease",
        "nexmo_twisted/store/scripts/record_accepted.lua",
        "local item = load_item(q.item .. id)\n",
        "local item = load_item(q.item .. id)\nif item and item.k ~= token then return {'STALE', '', ''} end\n",
        "tests.store.test_uncertain.ReconcileTests.test_the_late_truth",
    ),
    Rule(
        "a link is written only if what it was chosen by is unchanged",
        "nexmo_twisted/store/scripts/shared/links.lua",
        "local function links_unchanged(a)\n",
        "local function links_unchanged(a)\n  do return true end\n",
        "tests.scenarios.test_links.LinkTests.test_side_by_side",
    ),
    Rule(
        "the UUID of a reply follows from Nexmo's messageId",
        "nexmo_twisted/store/codec.py",
        "once=UUID(bytes=bytes_of_key(rid)),",
        "once=UUID(int=int(token)),",
        "tests.scenarios.test_replies.ReplyTests.test_posted_although_the_answer_is_lost",
    ),
    Rule(
        "a receipt that comes late gives a number back only if no other SMS went out from there since",
        "nexmo_twisted/store/scripts/shared/attempts.lua",
        " and (current[2] or '') == (kept[4] or '')",
        "",
        "tests.store.test_resolving.LateAcceptanceTests.test_only_the_last_sms_counts",
    ),
    Rule(
        "a message is kept as long as a notification of it is open",
        "nexmo_twisted/store/scripts/promote.lua",
        "      redis.call('PERSIST', K.message .. mid)   -- until its notifications are done\n",
        "",
        "tests.store.test_queue.BeginAttemptTests.test_kept_while_it_is_owed",
    ),
    Rule(
        "a START that comes again lifts nothing",
        "nexmo_twisted/store/scripts/receive_sms.lua",
        "if redis.call('EXISTS', key) == 1 then return 'KNOWN' end\n",
        "",
        "tests.store.test_queue.BlockedNumbersTests.test_twice",
    ),
    Rule(
        "a receipt that settles an SMS tells that its introduction was given",
        "nexmo_twisted/store/scripts/shared/attempts.lua",
        "item[F.number], how, item[F.introduces], at,",
        "item[F.number], how, '', at,",
        "tests.scenarios.test_introductions.IntroductionTemplateTests.test_settled_by_a_receipt",
    ),
)

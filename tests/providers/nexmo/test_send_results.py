"""The table of outcomes: what is known after one attempt to send an SMS."""

from __future__ import annotations

import json
import re
from time import process_time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.domain.model import Outcome, Verdict
from nexmo_twisted.providers.nexmo.send_results import STATUSES, judge_answer, judge_failure

#: What the order says about each status; every other one is refused.
TRY_AGAIN = {1, 10}
UNCERTAIN = {5, 13}
ACCOUNT = {2, 4, 8, 9, 11, 14, 19, 23, 32}

LIMIT = (
    "Exceeded maximum MT throughput[ MAX [ 30 ] INTERVAL [ 1000 ] COUNT [ 30 ] LAST INT-START [ 1463131241 ] "
    "TIME_SINCE_LAST_INTERVAL_START [ 529 ]  ]"
)


def accepted(number: int = 1) -> dict[str, str]:
    return {"to": "447700900000", "message-id": f"id-{number}", "status": "0", "message-price": "0.0333"}


def refused(status: object, text: str = "") -> dict[str, Any]:
    return {"status": status, "error-text": text} if text else {"status": status}


def judge(*messages: object, http_status: int = 200, count: object = None, **headers: str) -> Outcome:
    body = {"message-count": str(len(messages)) if count is None else count, "messages": messages}
    return judge_answer(http_status, headers.get("retry_after"), json.dumps(body).encode(), date=headers.get("date"))


class AcceptedTests(TestCase):
    def test_any_http_status(self) -> None:
        """An SMS of which some part was taken, or may have been, is never judged as not sent."""
        for http_status in (401, 402, 408, 429, 400):
            self.assertIs(judge(accepted(), refused("1"), http_status=http_status).verdict, Verdict.ACCEPTED)
            self.assertIs(judge(refused("5"), http_status=http_status).verdict, Verdict.UNCERTAIN)


class StatusTests(TestCase):
    def test_every_status(self) -> None:
        """Each status has its verdict; an undocumented one is final and raises the alarm."""
        for status in range(1, 100):
            expected = (
                Verdict.NOT_SENT
                if status in TRY_AGAIN
                else Verdict.UNCERTAIN
                if status in UNCERTAIN
                else Verdict.ACCOUNT_ERROR
                if status in ACCOUNT
                else Verdict.REFUSED
            )
            for spelt in (str(status), status):
                outcome = judge(refused(spelt))
                self.assertIs(outcome.verdict, expected, status)
                self.assertTrue(outcome.reason.startswith(f"status {status}: "), outcome.reason)
            if status not in STATUSES or expected is Verdict.ACCOUNT_ERROR:
                self.assertEqual(outcome.alarm, outcome.reason)

    def test_exceeded(self) -> None:
        """Who was too fast: the sender, unless the words, or HTTP, are about the account. Nobody, for all else."""
        for outcome, exceeded in (
            (judge(refused("1")), "number"),
            (judge(refused("1", "Throughput Rate Exceeded - please wait [ 978 ] and retry")), "number"),
            (judge(refused("1", LIMIT)), "account"),
            (judge(refused("1", LIMIT.upper())), "account"),
            (judge(refused("1", "You have exceeded the submission capacity allowed on this account")), "account"),
            (judge(http_status=429), "account"),
            (judge_answer(200, None, b'{"error-code": "429"}'), "account"),
            (judge(refused("7", LIMIT)), ""),
            (judge(refused("10")), ""),
            (judge(refused("1"), refused("9")), ""),
            (judge(refused("1"), accepted()), ""),
            (judge(http_status=503), ""),
        ):
            self.assertEqual(outcome.exceeded, exceeded, outcome.reason)

    def test_alarms(self) -> None:
        """One recipient's trouble is nobody's alarm; what meets every SMS is."""
        for status, alarm in (("7", False), ("33", False), ("12", False), ("1", False), ("15", True), ("29", True)):
            self.assertEqual(bool(judge(refused(status)).alarm), alarm, status)

    def test_accepted(self) -> None:
        """Status 0 is accepted, with the ids of all parts."""
        self.assertEqual(judge(accepted()), Outcome(verdict=Verdict.ACCEPTED, reason="accepted", message_ids=("id-1",)))
        self.assertEqual(judge(accepted(1), accepted(2)).message_ids, ("id-1", "id-2"))

    def test_accepted_without_a_readable_id(self) -> None:
        """An SMS was accepted even if its id is missing or odd."""
        for message_id in (None, "", 7, ["x"], "x" * 101):
            outcome = judge({"status": "0", "message-id": message_id})
            self.assertEqual((outcome.verdict, outcome.message_ids), (Verdict.ACCEPTED, ()))

    def test_partly_accepted(self) -> None:
        """One accepted part makes it accepted, whatever the others say: sending it again would double that part."""
        others: list[Any]
        for others in ([refused("1")], [refused("4"), refused("7")], [{}], [None], ["0"]):
            outcome = judge(*others, accepted(), *others)
            self.assertIs(outcome.verdict, Verdict.ACCEPTED)
            self.assertEqual(outcome.message_ids, ("id-1",))
            self.assertTrue(outcome.alarm.startswith(f"only 1 of {2 * len(others) + 1} parts accepted: "))

    def test_parts_that_are_not_listed(self) -> None:
        """Fewer entries than announced: the missing ones may have been sent."""
        outcome = judge(accepted(), count="2")
        self.assertEqual((outcome.verdict, bool(outcome.alarm)), (Verdict.ACCEPTED, True))
        self.assertIs(judge(refused("1"), count=2).verdict, Verdict.UNCERTAIN)
        self.assertIs(judge(refused("1"), count="many").verdict, Verdict.NOT_SENT)

    def test_parts_that_disagree(self) -> None:
        """None accepted: what may have been sent decides, then the account, then what can be tried again."""
        for statuses, verdict in (
            (("7", "1"), Verdict.NOT_SENT),
            (("1", "9"), Verdict.ACCOUNT_ERROR),
            (("9", "5"), Verdict.UNCERTAIN),
            (("1", "soon"), Verdict.UNCERTAIN),
            (("7", "6"), Verdict.REFUSED),
        ):
            for order in (statuses, statuses[::-1]):
                self.assertIs(judge(*map(refused, order)).verdict, verdict, order)

    def test_texts(self) -> None:
        """The provider's own words are part of the reason: short, on one line, numbers masked."""
        for text, shown in (
            ("Invalid value for param: to", "Invalid value for param: to"),
            ("Number 12015550123 is barred", "Number …0123 is barred"),
            ("to +1 (201) 555-0123\nbarred", "to …0123 barred"),
            ("code 1234 and 12345", "code 1234 and …"),
            ("x" * 500, "x" * 79 + "…"),
        ):
            self.assertEqual(judge(refused("3", text)).reason, f"status 3: invalid parameter ({shown})")

    def test_crowded(self) -> None:
        """An answer with more parts than any SMS of ours has is judged by the first ones; the others may have been
        sent."""
        self.assertIs(judge(*[refused("1")] * 1000).verdict, Verdict.UNCERTAIN)
        outcome = judge(*[accepted()] * 1000)
        self.assertEqual((outcome.verdict, len(outcome.message_ids)), (Verdict.ACCEPTED, 50))

    def test_time(self) -> None:
        """An answer as large as it may be costs no more than a moment, whatever its texts say."""
        began = process_time()
        for text in ("INTERVAL[1]", "INTERVAL [ ", "wait ", "INTERVAL[1]TIME_SINCE ", "0 (.", "(" * 9):
            judge(refused("1", text * (2**20 // len(text))))
            judge(*[refused("1", text * (500 // len(text)))] * 2000)
        self.assertLess(process_time() - began, 2.0)


class WaitTests(TestCase):
    def test_throttle_texts(self) -> None:
        """The wait that a throttle text names, in milliseconds there, at most a minute."""
        for text, seconds in (
            ("Throughput Rate Exceeded - please wait [ 978 ] and retry", 0.978),
            ("please wait 250 and retry", 0.25),
            ("Please Wait [99999999999999] and retry", 60.0),
            (LIMIT, 0.471),
            (LIMIT.replace("529", "2000"), 0.0),
            ("You have exceeded the submission capacity allowed on this account, please back-off and retry", None),
            ("please wait", None),
            ("", None),
        ):
            outcome = judge(refused("1", text))
            self.assertEqual((outcome.verdict, outcome.retry_after), (Verdict.NOT_SENT, seconds), text)

    def test_retry_after(self) -> None:
        """The header says when, in seconds or as a date; a throttle text is more exact."""
        self.assertEqual(judge(http_status=429, retry_after="7").retry_after, 7.0)
        noon, later = "Sun, 06 Nov 1994 12:00:00 GMT", "Sun, 06 Nov 1994 12:00:30 GMT"
        self.assertEqual(judge(http_status=429, retry_after=later, date=noon).retry_after, 30.0)
        self.assertEqual(judge(refused("10"), retry_after="7").retry_after, 7.0)
        self.assertEqual(judge(refused("1", "please wait [ 978 ]"), retry_after="7").retry_after, 0.978)

    def test_no_wait_for_what_is_over(self) -> None:
        """What is not tried again has no time to wait for."""
        for outcome in (judge(accepted(), retry_after="7"), judge(refused("7"), retry_after="7")):
            self.assertIsNone(outcome.retry_after)


class HttpTests(TestCase):
    def test_every_status(self) -> None:
        """An answer that is no 2xx, with a body that tells nothing."""
        for status in (*range(300, 600), 600, 999):
            expected = (
                Verdict.NOT_SENT
                if status == 429
                else Verdict.UNCERTAIN
                if status >= 500 or status == 408
                else Verdict.ACCOUNT_ERROR
            )
            for body in (b"", b"<html>", b"{}", b"[]", b'{"title": "x", "detail": "y"}', b'{"messages": [{}]}'):
                outcome = judge_answer(status, None, body)
                self.assertIs(outcome.verdict, expected, status)
                self.assertIn(f"HTTP {status}: ", outcome.reason)
            if expected is Verdict.ACCOUNT_ERROR:
                self.assertEqual(outcome.alarm, outcome.reason)

    def test_refusal_with_a_status(self) -> None:
        """A 4xx that carries the SMS API's verdict is judged by that; a 5xx stays uncertain whatever it says."""
        self.assertIs(judge(refused("9"), http_status=400).verdict, Verdict.ACCOUNT_ERROR)
        self.assertIs(judge(refused("1"), http_status=403).verdict, Verdict.NOT_SENT)
        self.assertIs(judge(refused("1"), http_status=500).verdict, Verdict.UNCERTAIN)

    def test_unreadable_answers(self) -> None:
        """A 2xx without a verdict may stand for a sent SMS: uncertain, with an alarm."""
        for body in (
            b"",
            b"OK",
            b"<html>",
            b"null",
            b"[]",
            b"{}",
            b'{"messages": []}',
            b'{"messages": {}}',
            b'{"messages": null, "message-count": "1"}',
            b'{"messages": [null]}',
            b'{"messages": [{}]}',
            b'{"messages": [{"status": ""}]}',
            b'{"messages": [{"status": "zero"}]}',
            b'{"messages": [{"status": null}]}',
            b'{"messages": [{"status": true}]}',
            b'{"messages": [{"status": 0.0}]}',
            b'{"messages": [{"status": "-1"}]}',
            b'{"messages": [{"status": "12345"}]}',
            b'{"messages": [{"status": "0"}',
            b'{"title": "Internal", "detail": "x"}',
            b'{"error-code": "420", "error-code-label": "x"}',
            b'{"error-code": "500"}',
            b'{"status": "0"}',
            b"[" * 100_000,
            b"[" + b"9" * 5000 + b"]",
        ):
            for status in (200, 202):
                outcome = judge_answer(status, None, body)
                self.assertEqual((outcome.verdict, bool(outcome.alarm)), (Verdict.UNCERTAIN, True), body[:40])

    def test_other_readable_answers(self) -> None:
        """Refused credentials and throttling were also seen in other shapes; nothing was sent then."""
        for body, verdict in (
            (b'{"status": "4", "error-text": "Bad Credentials"}', Verdict.ACCOUNT_ERROR),
            (b'{"error-code": "401", "error-code-label": "authentication failed"}', Verdict.ACCOUNT_ERROR),
            (b'{"error-code": 402}', Verdict.ACCOUNT_ERROR),
            (b'{"error-code": "429"}', Verdict.NOT_SENT),
        ):
            self.assertIs(judge_answer(200, None, body).verdict, verdict, body)

    def test_odd_encodings(self) -> None:
        """The declared charset is not trusted: a verdict is read as long as the JSON around it can be."""
        for body in (
            b'\xef\xbb\xbf{"messages":[{"status":"7"}]}',
            b'{"messages":[{"status":"7","error-text":"\xe9"}]}',
        ):
            self.assertIs(judge_answer(200, None, body).verdict, Verdict.REFUSED)

    @settings(deadline=None)
    @given(
        status=st.integers(min_value=200, max_value=599),
        body=st.binary()
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["messages", "status", "error-text"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode()),
        retry_after=st.none() | st.text(),
    )
    def test_any_answer(self, status: int, body: bytes, retry_after: str | None) -> None:
        """Whatever comes back has an outcome, and its reason shows no number."""
        outcome = judge_answer(status, retry_after, body)
        self.assertIsNone(re.search(r"\d{5}", outcome.reason))
        self.assertLess(len(outcome.reason), 160)


class FailureTests(TestCase):
    def test_failures(self) -> None:
        """Without an answer it matters whether anything was sent: if so, nobody knows; if not, again later."""
        self.assertEqual(
            judge_failure(False, "connection refused"), Outcome(verdict=Verdict.NOT_SENT, reason="connection refused")
        )
        self.assertEqual(
            judge_failure(True, "connection lost"), Outcome(verdict=Verdict.UNCERTAIN, reason="connection lost")
        )

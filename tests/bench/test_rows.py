"""What a benchmark printed is read row by row, and two trees are compared by the medians of their ratios."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.bench.rows import BETTER, compared, read

PRINTED = """\
acks: 3889/s, bare route with one SET 5104/s: 0.77
CPU of a message, webhook to SMS, in bare treq POSTs: 2.46
CPU of a reply, webhook to post, in bare treq POSTs: 2.21
Redis bytes of a message with two recipients: 435 pending, 295 done
"""
MESSAGE = "CPU of a message, webhook to SMS, in bare treq POSTs"


class ReadRowsTests(SynchronousTestCase):
    def test_all_rows(self) -> None:
        """Each figure of a line is a row, named without what differs from run to run."""
        figures = dict(zip(BETTER, (0.77, 2.46, 2.21, 435.0, 295.0), strict=True))
        self.assertEqual(read(PRINTED), figures)

    def test_other_lines(self) -> None:
        """A line without a figure at its end is passed over, and so is a figure without a row."""
        self.assertEqual(read("Started: at eight\nacks\nacks: \nacks: 1.2.3\nacks: fast 3\n0.77\n\n"), {})

    def test_no_end_of_line(self) -> None:
        """The last line need not end, and may end as on other systems."""
        self.assertEqual(read("a: 1\r\nb: 2"), {"a": 1.0, "b": 2.0})


class CompareRowsTests(SynchronousTestCase):
    def test_median_of_ratios(self) -> None:
        """The result is the median of the ratios of each round, not the ratio of medians: a slow round is slow for
        both."""
        rounds = [({"acks": 2.0}, {"acks": 1.0}), ({"acks": 30.0}, {"acks": 10.0}), ({"acks": 4.0}, {"acks": 40.0})]
        [row] = compared(rounds).rows
        self.assertEqual((row.ratio, row.rounds), (2.0, ((2.0, 1.0), (30.0, 10.0), (4.0, 40.0))))

    def test_higher_is_better(self) -> None:
        """More acknowledgements a second are told as better, fewer as worse."""
        [more] = compared([({"acks": 1.1}, {"acks": 1.0})]).rows
        [fewer] = compared([({"acks": 0.9}, {"acks": 1.0})]).rows
        self.assertEqual(more.lines(), "acks: 1.100 (higher is better: this tree is 10 % BETTER)")
        self.assertEqual(fewer.lines(), "acks: 0.900 (higher is better: this tree is 10 % WORSE)")

    def test_lower_is_better(self) -> None:
        """More CPU is told as worse, less as better."""
        [more] = compared([({MESSAGE: 1.1}, {MESSAGE: 1.0})]).rows
        [less] = compared([({MESSAGE: 0.9}, {MESSAGE: 1.0})]).rows
        self.assertIn("1.100 (lower is better: this tree is 10 % WORSE)", more.lines())
        self.assertIn("0.900 (lower is better: this tree is 10 % BETTER)", less.lines())

    def test_the_same(self) -> None:
        """What differs by less than a tenth of a percent is told as the same."""
        [row] = compared([({"acks": 1.0004}, {"acks": 1.0})]).rows
        self.assertEqual(row.lines(), "acks: 1.000 (higher is better: the same)")

    def test_unknown_direction(self) -> None:
        """Of a row that nobody entered no verdict is given."""
        [row] = compared([({"new": 3.0}, {"new": 1.0})]).rows
        self.assertEqual(row.lines(), "new: 3.000 (whether higher or lower is better is not known)")

    def test_rows_of_one_tree(self) -> None:
        """Rows that only one of the two has are listed as such, and those that were 0 in the other one."""
        printed = compared([({"acks": 1.0, "new": 1.0, "nil": 1.0}, {"acks": 1.0, "old": 1.0, "nil": 0.0})]).lines(
            "v1", 1
        )
        self.assertEqual(
            printed.splitlines(),
            [
                "This tree to v1, median of the ratios of 1 round:",
                "acks: 1.000 (higher is better: the same)",
                "only in this tree: new",
                "only in v1: old",
                "no ratio, since it is 0 in v1: nil",
            ],
        )

    def test_some_rounds(self) -> None:
        """A row that a round lacks is compared in the others."""
        [row] = compared([({"acks": 3.0}, {}), ({"acks": 3.0}, {"acks": 2.0})]).rows
        self.assertEqual(row.ratio, 1.5)

    def test_document(self) -> None:
        """As JSON it holds the single rounds."""
        rounds = [({"acks": 2.0, "new": 1.0}, {"acks": 1.0}), ({"acks": 3.0, "new": 1.0}, {"acks": 4.0})]
        first, second = {"this": 2.0, "that": 1.0, "ratio": 2.0}, {"this": 3.0, "that": 4.0, "ratio": 0.75}
        row = {"row": "acks", "better": "higher", "ratio": 1.375, "rounds": [first, second]}
        document = {"rows": [row], "only_this": ["new"], "only_that": [], "zero": []}
        self.assertEqual(compared(rounds).document(), document)

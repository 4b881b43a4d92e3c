"""The tests notice when a rule is gone that the promise rests on."""

from __future__ import annotations

import os
import sys

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.scenarios.processes import ROOT


class MutationTests(TestCase):
    timeout = 600

    async def test_noticed(self) -> None:
        """Without any one of the rules the test of that rule fails, by an assertion of its own."""
        arguments = ["-m", "tests.chaos.mutations"]
        out, err, code = await getProcessOutputAndValue(sys.executable, arguments, os.environ, str(ROOT))
        self.assertEqual(code, 0, f"{out.decode()}{err.decode()}")

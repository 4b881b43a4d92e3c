"""Whose handset it is, on the sandbox's page."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from nexmo_twisted.sandbox.layer.simulator import SimulatedLayer
from nexmo_twisted.sandbox.names import Names
from tests.support import NEW_YEAR


class NamesTests(TestCase):
    def test_two_spellings(self) -> None:
        """A handset has one owner and one place, also when a reply spells its number otherwise than its profile."""
        layer = SimulatedLayer(
            app_id="940de862-3c96-11e4-baad-164230d1df67", now=lambda: NEW_YEAR, deliver=lambda _call: None
        )
        layer.add_user("zoe", display_name="Zoe", phone_number="+54 11 2345 6789")
        names = Names(layer, "US")
        names.meet("5491123456789", "zoe")
        self.assertEqual(names.owners(), {"541123456789": ["zoe"]})
        for digits in ("541123456789", "5491123456789"):
            self.assertEqual(names.handset(digits), "Zoe")
        self.assertEqual(names.handset("12015550199"), "+1 201 555 0199")

"""Long SMS from a handset as data: which parts of them are delivered, in which order, and what they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nexmo_twisted.sandbox.json_fields import members, refuse_unknown


@dataclass(frozen=True, slots=True)
class PartsPlan:
    """How the parts of a long SMS from a handset are delivered to the customer.

    ``order`` are their numbers, from 1 on, in the order in which they come: one that is named twice comes twice, with
    the same message id, and one that is not named never comes. Without an ``order`` each comes once, in the order of
    the text, or in any order when ``shuffled``. Without ``concat`` nothing says that they belong together, as with
    carriers that drop the header of such parts (Vonage support article 205704158).
    """

    order: tuple[int, ...] = ()
    shuffled: bool = False
    concat: bool = True

    def numbers(self, total: int, shuffle: Callable[[list[int]], None]) -> list[int]:
        """The parts of an SMS of ``total`` parts that come, in that order."""
        if total == 1:
            return [1]
        if self.order:
            return [number for number in self.order if number <= total]
        numbers = list(range(1, total + 1))
        if self.shuffled:
            shuffle(numbers)
        return numbers

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> PartsPlan:
        """A plan from the members of a JSON object with the same names; ``order`` is a list.

        Raises ValueError, saying which member is wrong.
        """
        refuse_unknown(values, members(cls))
        order, shuffled, concat = values.get("order", []), values.get("shuffled", False), values.get("concat", True)
        # In Python a bool is an int; in JSON it is not.
        if not isinstance(order, list) or not all(type(number) is int and number > 0 for number in order):
            raise ValueError("order must be a list of whole numbers from 1 on")
        if not isinstance(shuffled, bool):
            raise ValueError("shuffled must be true or false")
        if not isinstance(concat, bool):
            raise ValueError("concat must be true or false")
        return cls(tuple(order), shuffled, concat)

"""How fast an account may send as data: the whole of it, and each of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nexmo_twisted.domain.model import OwnedNumber
from nexmo_twisted.sandbox.json_fields import members, refuse_unknown

#: Area codes of numbers that the called party pays for.
_TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})


@dataclass(frozen=True, slots=True)
class RatesPlan:
    """Requests a second that the account may make, and SMS a second from each of its numbers; 0 for any number of them.

    ``number`` is for every long number of the US or Canada, which is all of them but the toll-free ones; ``numbers``
    are the rates of single numbers of any kind, by their digits.
    """

    account: float = 0.0
    number: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)

    def rate_of(self, number: OwnedNumber) -> float:
        """What binds an SMS from this number, besides the rate of the account."""
        return self.numbers.get(number.msisdn, self.number if _is_long(number) else 0.0)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> RatesPlan:
        """A plan from the members of a JSON object with the same names; ``numbers`` is an object.

        Raises ValueError, saying which member is wrong.
        """
        refuse_unknown(values, members(cls))
        numbers = values.get("numbers", {})
        if not isinstance(numbers, dict):
            raise ValueError("numbers must be an object of numbers and their rates")
        rates = {number: _rate("numbers", rate) for number, rate in numbers.items()}
        return cls(_rate("account", values.get("account", 0)), _rate("number", values.get("number", 0)), rates)


#: What Vonage documents: 30 requests a second for every account (support article 203993598), one SMS a second from a
#: long number of the US or Canada (support article 360062054532).
PROMISED = RatesPlan(account=30, number=1)


def is_toll_free(msisdn: str) -> bool:
    """Whether the called party pays for calls to it, in the US and Canada."""
    return len(msisdn) == 11 and msisdn[0] == "1" and msisdn[1:4] in _TOLL_FREE


def _is_long(number: OwnedNumber) -> bool:
    msisdn = number.msisdn
    return number.country in ("US", "CA") and len(msisdn) == 11 and msisdn[0] == "1" and not is_toll_free(msisdn)


def _rate(name: str, value: object) -> float:
    # In Python a bool is an int; in JSON it is not.
    if not isinstance(value, int | float) or isinstance(value, bool) or not (value == 0 or 0.01 <= value <= 1000):
        raise ValueError(f"{name}: a rate must be 0 for none, or from 0.01 to 1000 SMS a second")
    return float(value)

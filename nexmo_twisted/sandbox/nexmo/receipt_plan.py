"""Delivery receipts as data: which ones come of an SMS, how often and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from nexmo_twisted.sandbox.json_fields import members, refuse_unknown

#: Statuses that tell of no failure.
_GOOD = ("accepted", "buffered", "delivered")
#: "Unknown", the error code that says the least.
_UNKNOWN = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPlan:
    """The receipts of every part of an SMS that came with a ``callback``.

    ``statuses`` are posted in this order: ``("buffered", "delivered")`` for a handset that was off for a while,
    ``("delivered", "buffered")`` for a carrier that mixes them up, none at all for no receipts. ``err_code`` goes with
    those that are a failure, or not known; blank means "1". Each receipt is posted ``times`` times. Without
    ``client_ref`` they do not say what the SMS was called by its sender, so that nothing but the message id is left to
    know it by.

    They are posted as soon as the send request was answered, or its connection closed; if there is a ``delay``, so
    many seconds after the SMS was accepted, whatever became of the request. With ``early`` they do not wait for the
    answer: it waits until each of them has been tried once.

    Source of the statuses and codes: Vonage documentation, SMS API, "Delivery receipts".
    """

    statuses: tuple[str, ...] = ("delivered",)
    err_code: str = ""
    early: bool = False
    times: int = 1
    delay: float = 0.0
    client_ref: bool = True

    def code(self, status: str) -> str:
        """The ``err-code`` that a receipt of this status has."""
        return "0" if status in _GOOD else self.err_code or _UNKNOWN

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> ReceiptPlan:
        """A plan from a JSON object with the same names; ``statuses`` is a list.

        Raises ValueError, saying which member is wrong.
        """
        refuse_unknown(values, members(cls))
        made: dict[str, object] = {**_as_json(cls()), **values}
        statuses, times, delay = made["statuses"], made["times"], made["delay"]
        if not isinstance(statuses, list) or not all(isinstance(each, str) and each for each in statuses):
            raise ValueError("statuses must be a list of strings that are not blank")
        if not isinstance(made["err_code"], str):
            raise ValueError("err_code must be a string")
        if not isinstance(made["early"], bool):
            raise ValueError("early must be true or false")
        if not isinstance(made["client_ref"], bool):
            raise ValueError("client_ref must be true or false")
        # In Python a bool is an int; in JSON it is not.
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            raise ValueError("times must be a whole number of at least 1")
        if not isinstance(delay, int | float) or isinstance(delay, bool) or not 0 <= delay < float("inf"):
            raise ValueError("delay must be a number that is not negative")
        return cls(
            statuses=tuple(statuses),
            err_code=made["err_code"],
            early=made["early"],
            times=times,
            delay=delay,
            client_ref=made["client_ref"],
        )


def _as_json(plan: ReceiptPlan) -> dict[str, object]:
    return {each.name: getattr(plan, each.name) for each in fields(plan)} | {"statuses": list(plan.statuses)}

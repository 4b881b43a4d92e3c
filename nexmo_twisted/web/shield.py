"""Keeps work going after its caller has stopped waiting for it."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def shielded(work: Deferred[T]) -> Deferred[T]:
    """A Deferred with the outcome of ``work``; to cancel it ends the waiting, not the work.

    Klein cancels a handler when its client hangs up; a call that is storing a webhook has to go on nevertheless.
    A failure after that is lost, so ``work`` should handle its own.
    """
    waiting: Deferred[T] = Deferred()
    work.addBoth(_hand_over, waiting)
    return waiting


def _hand_over(outcome: T | Failure, waiting: Deferred[T]) -> None:
    if waiting.called:
        return
    if isinstance(outcome, Failure):
        waiting.errback(outcome)
    else:
        waiting.callback(outcome)

"""Deferreds that get the outcome of another one."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def shielded(work: Deferred[T]) -> Deferred[T]:
    """A Deferred with the outcome of ``work``; to cancel it ends the waiting, not the work.

    Klein cancels a handler when its client hangs up; a call that is storing a webhook has to go on nevertheless.
    A failure after that is lost, so ``work`` should handle its own. ``work`` itself has no result any more.
    """
    waiting: Deferred[T] = Deferred()
    work.addBoth(hand_over, waiting)
    return waiting


def hand_over(outcome: T | Failure, waiting: Deferred[T]) -> None:
    """Fire ``waiting`` with a result or a failure, unless it was fired or cancelled before."""
    if waiting.called:
        return
    if isinstance(outcome, Failure):
        waiting.errback(outcome)
    else:
        waiting.callback(outcome)

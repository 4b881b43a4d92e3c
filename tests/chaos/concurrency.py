"""Several coroutines at the same time."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults


async def concurrently(*works: Coroutine[Any, Any, Any]) -> None:
    """Until all are done, or one has failed: then it fails in the same way. Cancelling cancels all of them."""
    try:
        await gatherResults([Deferred.fromCoroutine(work) for work in works], consumeErrors=True)
    except FirstError as first:
        first.subFailure.raiseException()

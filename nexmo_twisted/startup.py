"""The process that the service runs in: its reactor, its clock, and errors that end it with one line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.error import CannotListenError

from nexmo_twisted.errors import CannotStart, ConfigurationError, StoreUnavailable


@contextmanager
def faults_in_one_line() -> Iterator[None]:
    """What a user can mend ends the process with a sentence instead of a traceback."""
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename
        where = f"{os.fsdecode(place)}: " if isinstance(place, str | bytes) else ""
        raise CannotStart(f"{where}{error.strerror or error}") from None
    except (CannotListenError, ConfigurationError, StoreUnavailable) as error:
        raise CannotStart(str(error)) from None


def keep_time(reactor: Any) -> None:
    """Have timers follow a clock that never jumps: Twisted's own follows the machine's, which may be set.

    Only while nothing is timed yet, since the two clocks do not count from the same moment.
    """
    if not reactor.running and not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic


def installed_reactor() -> Any:
    """The reactor that twistd installed, or the default one."""
    from twisted.internet import reactor

    return reactor

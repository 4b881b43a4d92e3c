"""What can go wrong, by class: the class says what is known and therefore what may be done next."""

from __future__ import annotations

from collections.abc import Sequence


class NexmoTwistedError(Exception):
    """The base of every error of this package. ``str(error)`` never holds a secret, a text or a whole number."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Permanent(NexmoTwistedError):
    """The other side understood and said no: the same request will never work.

    ``code`` is a short name an operator can count and search for, such as ``conversation_gone``.
    """

    def __init__(self, reason: str, code: str = "refused") -> None:
        super().__init__(reason)
        self.code = code


class Temporary(NexmoTwistedError):
    """Not now: the same request may work later. ``retry_after`` is in seconds when the other side named a time."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Throttled(Temporary):
    """Too many requests: later, and slower."""


class Intercepted(Temporary):
    """Something in front of the other side answered in its place, a proxy or a web server at a wrong address: it says
    nothing of what was asked for, nor of whether the other side works."""


class Declined(Temporary):
    """The other side works, and says no to a question that is asked again later all the same."""


class AccountFault(Temporary):
    """The account is at fault (credentials, credit, suspension): no request will succeed until it is repaired."""


class BadRequest(NexmoTwistedError):
    """A webhook that is not what it should be. ``reason`` names the place, never the content."""


class BadSignature(NexmoTwistedError):
    """A webhook that its sender did not sign, or signed with another secret."""


class StoreUnavailable(NexmoTwistedError):
    """Redis is away, refuses to work or did not answer in time. Nothing is half stored; ask again later."""


class AnswerLost(StoreUnavailable):
    """Redis got the command and its answer was lost: it may or may not have been executed."""


class ConfigurationError(NexmoTwistedError):
    """Settings that cannot work. ``faults`` holds one line each: key, what was found, what is allowed."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class CannotStart(SystemExit, Exception):
    """The service cannot start, for a reason that its user can remove; this one line ends the process.

    A SystemExit, so that no traceback is printed. An Exception as well, since twistd removes the pid file, and informs
    the process that waits for the daemon, for these only; with a mere SystemExit that would wait without end.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"nexmo cannot start: {reason}")
        self.add_note(reason)  # twistd tells the first hundred bytes of the last line, without this also of our names

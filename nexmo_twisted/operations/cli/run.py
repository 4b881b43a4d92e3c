"""The operator's commands: list dead letters, try them again, place a reply, explain what happened to a message.

They need the settings and reach the same Redis as the service, whether that runs or not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import react
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from nexmo_twisted.config.loading import load
from nexmo_twisted.config.models import Settings
from nexmo_twisted.domain.delivery import Describe
from nexmo_twisted.domain.explain import Policy
from nexmo_twisted.domain.model import Status
from nexmo_twisted.errors import ConfigurationError, StoreUnavailable
from nexmo_twisted.operations.cli.dead_letters import list_dead_letters, on_terminal, redrive
from nexmo_twisted.operations.cli.explain import explain
from nexmo_twisted.operations.cli.options import DeadLetterListOptions, ExplainOptions, PlaceOptions, RedriveOptions
from nexmo_twisted.operations.cli.place import place_reply
from nexmo_twisted.store.admin import QueueAdmin
from nexmo_twisted.store.connection import Connection
from nexmo_twisted.store.embedded_server import SharedValkey
from nexmo_twisted.store.loader import Scripts
from nexmo_twisted.store.schema import PREFIX
from nexmo_twisted.store.url import RedisAddress, parse

#: Seconds to connect and log in to Redis. After that every command of Redis has a limit of its own.
PATIENCE = 10.0

Options = DeadLetterListOptions | PlaceOptions | RedriveOptions | ExplainOptions


@dataclass(frozen=True, slots=True)
class Context:
    """What commands need of the composition: where the embedded Redis keeps its data, what the codes of the SMS
    provider mean, and how the ids of the chat platform's conversations begin."""

    embedded_data: Path
    describe: Describe
    conversation_prefix: str


def run(options: Options, context_of: Callable[[Settings], Context]) -> None:
    """Run the command and end the process: 0 success, 1 failure, 2 configuration error."""
    try:
        settings = load(options["config"])
    except ConfigurationError as error:
        faults = "".join(f"  {fault}\n" for fault in error.faults)
        sys.stderr.write(f"invalid configuration:\n{faults}")
        raise SystemExit(2) from None
    if sys.stdout is None:  # it is closed
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - open as long as the process
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # whatever the terminal can show
    react(lambda reactor: Deferred.fromCoroutine(_run(reactor, options, settings, context_of(settings))))


async def _run(reactor: Any, options: Options, settings: Settings, context: Context) -> None:
    async def work(operator: QueueAdmin) -> bool:
        return await _work(operator, options, settings, context)

    try:
        done = await on_redis(reactor, settings.server.redis, context, work, prefix=settings.server.redis_prefix)
        sys.stdout.flush()
    except StoreUnavailable as error:
        sys.stderr.write(f"{error.reason}\n")
        done = False
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # then the reader of the output has closed it
            sys.stderr.write(f"cannot write the output: {error.strerror or error}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        done = False
    raise SystemExit(0 if done else 1)


async def _work(operator: QueueAdmin, options: Options, settings: Settings, context: Context) -> bool:
    report = [Status[name.upper()] for name in settings.report_on_status]
    if isinstance(options, DeadLetterListOptions):
        as_json = bool(options["json"])
        return await list_dead_letters(operator, options.queues, options.limit, as_json=as_json, out=print)
    if isinstance(options, RedriveOptions):
        ids = None if options["all"] else options.ids
        return await redrive(operator, ids, report, yes=bool(options["yes"]), ask=on_terminal(), out=print)
    if isinstance(options, PlaceOptions):
        return await place_reply(operator, options.id, options.conversation, options["user"], out=print)
    policy = Policy(report, settings.sms.receipt_timeout, settings.sms.when_uncertain)
    return await explain(operator, options.message_id, policy, context.describe, out=print)


async def on_redis(
    reactor: Any,
    url: str,
    context: Context,
    work: Callable[[QueueAdmin], Awaitable[bool]],
    patience: float = PATIENCE,
    *,
    prefix: str = PREFIX,
) -> bool:
    """What ``work`` returns, done on the Redis at ``url``; ``context`` says where an embedded one is.

    Raises StoreUnavailable, which says what to look at, when it cannot be reached within ``patience`` seconds or is
    lost meanwhile.
    """
    address = reachable(parse(url), context.embedded_data)
    connection = Connection(reactor, address, Scripts(prefix))
    reasons: list[str] = []

    @provider(ILogObserver)
    def note_reason(event: LogEvent) -> None:
        if event.get("log_source") is connection:
            reasons.append(str(event.get("reason", "")))

    globalLogPublisher.addObserver(note_reason)  # there is no log here; only log events say why
    try:
        await connection.open().addTimeout(patience, reactor)
        return await work(QueueAdmin(connection, conversation_prefix=context.conversation_prefix))
    except TimeoutError:
        said = f": {'; '.join(reasons)}" if reasons else ""
        raise StoreUnavailable(f"cannot reach {place(address)} within {patience:g} seconds{said}") from None
    finally:
        globalLogPublisher.removeObserver(note_reason)
        await connection.close()


def reachable(address: RedisAddress, embedded_data: Path) -> RedisAddress:
    """Where to connect. The embedded Redis is found where the service has it; StoreUnavailable when it is not there."""
    if address.kind != "embedded":
        return address
    server = SharedValkey(embedded_data)
    if not server.is_listening():
        raise StoreUnavailable(
            f"The embedded Redis is not running: nothing listens on {Path(server.address).absolute()}. "
            "It runs with the service; start the service, or run this command in its directory (twistd --rundir)."
        )
    return RedisAddress(kind="unix", path=server.address)


def place(address: RedisAddress) -> str:
    """The address as people may see it, without the login."""
    match address.kind:
        case "unix":
            return f"Redis at {address.path}"
        case "sentinel":
            sentinels = ", ".join(f"{host}:{port}" for host, port in address.hosts)
            return f"the master {address.master} of the sentinels {sentinels}"
        case _:
            return f"Redis at {address.host}:{address.port}"

"""The settings of one service: from a TOML file, the environment and arguments.

:func:`load` is what programs and ``.tac`` files call. What it returns is frozen and checked through and through:
durations are whole milliseconds, secrets do not print, functions are imported, templates compile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from twisted.logger import Logger

from nexmo_twisted.config.errors import Key, keys, line, lines, table, unknown
from nexmo_twisted.config.models import Settings
from nexmo_twisted.config.sources import Gathered, elsewhere, gather
from nexmo_twisted.errors import ConfigurationError
from nexmo_twisted.providers.nexmo.settings import LONGEST_CALLBACK

_log = Logger()

#: The chat platforms, each the name of its section, the default first.
PLATFORMS = ("layer", "webhook")


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Settings:
    """The settings of the TOML file at ``path``, of the environment, and of ``overrides``; the later counts more, and
    ``defaults`` count less than all of them.

    ``environ`` is ``os.environ`` unless given. In it, ``NEXMO_TWISTED__LAYER__TOKEN`` stands for ``layer.token`` and
    ``NEXMO_TWISTED__LAYER__TOKEN_FILE`` for a file that holds this secret; a list is JSON or separated by commas, so
    that a ``layer.secret`` with a comma in it must be written as JSON. Between file and these come the variables of
    the Node service's example: LAYER_APP_ID, LAYER_BEARER_TOKEN, NEXMO_KEY, NEXMO_SECRET, NEXMO_NUMBERS, REDIS_URL;
    HOST and WEBHOOK_PORT for ``server.url``; PORT, else WEBHOOK_PORT, for ``server.listen``, which with HOST alone
    defaults to ``tcp:443``. HOST and PORT, which some shells and containers set on their own, count only beside another
    one of these. The log says once where each setting that does not stand in the file came from.

    ``overrides`` are keys of the top level; tables are mappings, which are merged: ``sms={"max_segments": 2}``.
    ``identities`` and ``introduce_conversation`` may be Python functions.

    Raises ConfigurationError with one line for each fault, all at once. No line holds a secret.
    """
    known = list(keys(Settings))
    gathered = gather(path, os.environ if environ is None else environ, overrides, known, defaults)
    faults = [*gathered.faults, *_without_other_platforms(gathered, known)]
    for name, field in Settings.model_fields.items():
        if table(field) and name not in _others(gathered):
            gathered.values.setdefault(name, {})  # so that what is missing in it is told key by key
    settings = None
    try:
        settings = Settings.model_validate(gathered.values)
    except ValidationError as error:
        faults.extend(lines(error, Settings, gathered.origins, gathered.reported))
    if settings is not None:
        faults.extend(_contradictions(settings, gathered.origins))
    if faults or settings is None:
        raise ConfigurationError(faults)
    for text in elsewhere(gathered, known, path):
        _log.info("{text}", text=text)
    return settings


def _others(gathered: Gathered) -> list[str]:
    """The sections of the platforms that are not in use; all of them while it is not known which one is."""
    return [name for name in PLATFORMS if name != gathered.values.get("platform", PLATFORMS[0])]


def _without_other_platforms(gathered: Gathered, known: Sequence[Key]) -> Iterator[str]:
    """Take their sections away, which need not be filled in, and yield a line for each unknown key there."""
    names = [key.name for key in known]
    for platform in _others(gathered):
        section = gathered.values.pop(platform, {})
        for key in section if isinstance(section, Mapping) else ():
            if f"{platform}.{key}" not in names:
                yield unknown(f"{platform}.{key}", gathered.origins.get((platform, key), ""), names)


def _contradictions(settings: Settings, origins: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """One line for each value that does not fit others."""
    receipt_url = settings.nexmo.receipt_url(settings.server.url, settings.server.nexmo_path)
    if len(receipt_url) > LONGEST_CALLBACK:
        yield line(
            "server.nexmo_path",
            origins.get(("server", "nexmo_path"), ""),
            f"the URL for receipts, made of server.url, this path, nexmo.path_secret and /receipt, has "
            f"{len(receipt_url)} characters",
            allowed=f"{LONGEST_CALLBACK}, which is what Nexmo takes",
        )
    paths = (settings.webhook.path if settings.webhook else "", settings.server.nexmo_path)
    if paths[0] and (f"{paths[0]}/".startswith(f"{paths[1]}/") or f"{paths[1]}/".startswith(f"{paths[0]}/")):
        yield line(
            "webhook.path",
            origins.get(("webhook", "path"), ""),
            f"found {paths[0]!r}",
            allowed="a path that is neither server.nexmo_path nor below it, nor above it",
        )
    for number in settings.sms.limits.overrides:
        if number not in settings.nexmo.phone_numbers:
            yield line(
                "sms.limits.overrides",
                origins.get(("sms", "limits", "overrides"), ""),
                f"found {number}",
                allowed="numbers of nexmo.phone_numbers",
            )

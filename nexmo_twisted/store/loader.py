"""The Lua scripts as Redis gets them: put together from their parts, with constants in place of names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files

from nexmo_twisted.store.schema import PREFIX, keys, with_constants


class Scripts:
    """The atomic moves, one ``scripts/<name>.lua`` each: name -> (SHA1, source).

    A first line ``-- uses a b`` puts ``scripts/shared/a.lua`` and ``b.lua`` before it; ``K.name`` and ``KEEP.name``
    become the constants of ``schema.py``, since tables and functions that are not needed cost time in every call.

    ``keys`` are all keys by their names in ``schema.py``, which begin with ``prefix``. ``key`` is one of them, which is
    declared in every call: where the prefix has a hash tag, Redis knows by it the slot of all that a script uses.
    """

    def __init__(self, prefix: str = PREFIX) -> None:
        self.prefix = prefix
        self.keys = keys(prefix)
        self.key = self.keys["schema"]
        folder = files("nexmo_twisted.store") / "scripts"
        shared = {
            file.name.removesuffix(".lua"): file.read_text("utf-8")
            for file in (folder / "shared").iterdir()
            if file.name.endswith(".lua")
        }
        self._sources: dict[str, tuple[str, bytes]] = {}
        for file in folder.iterdir():
            name, _, ending = file.name.rpartition(".")
            if ending == "lua":
                script = file.read_text("utf-8")
                uses = (
                    script.partition("\n")[0].removeprefix("-- uses ").split() if script.startswith("-- uses ") else []
                )
                source = with_constants("".join(shared[part] for part in uses) + script, prefix).encode()
                self._sources[name] = (hashlib.sha1(source, usedforsecurity=False).hexdigest(), source)

    def by_name(self) -> Mapping[str, tuple[str, bytes]]:
        """Every script: its name -> (SHA1, source)."""
        return self._sources

    def __getitem__(self, name: str) -> tuple[str, bytes]:
        return self._sources[name]

"""``python -m tests.scripts DIRECTORY`` writes every script there as Redis gets it, for luacheck."""

from __future__ import annotations

import sys
from pathlib import Path

from nexmo_twisted.store.loader import Scripts


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, (_, source) in Scripts().by_name().items():
        (directory / f"{name}.lua").write_bytes(source)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

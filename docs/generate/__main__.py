"""Writes what is made from the code."""

from __future__ import annotations

from pathlib import Path

from docs.generate import api, commands, configuration

DOCS = Path(__file__).resolve().parents[1]
PAGES = {
    "penumbra.schema.json": configuration.schema,
    "configuration.md": configuration.page,
    "api.md": api.page,
    "commands.md": commands.page,
}


def main() -> None:
    for name, made in PAGES.items():
        (DOCS / name).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The terminal itself: as it was, again, however the command ends.

| terminal | what is done |
|---|---|
| any | a screen of its own (xterm's alternate one), lines painted in place, the cursor hidden |
| `NO_COLOR` | the same without colours; bold and reverse stay |
| `TERM=dumb`, or none | lines one after the other, whenever there is a newer picture; nothing but text |
"""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from msgspec import Struct

from proxy.cli.top.tables import Row, Style, text_of

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"

COLOURS: dict[Style, str] = {"bad": "31", "warn": "33", "good": "32"}
SHAPES: dict[Style, str] = {"bold": "1", "chosen": "7"}
"""What is no colour, and stays with `NO_COLOR`."""


class Abilities(Struct, frozen=True):
    """What a terminal can show."""

    moves: bool
    """Whether lines can be painted in place."""
    colours: bool
    blocks: bool
    """Whether it has the letters that are columns."""


def abilities(environ: Mapping[str, str], encoding: str) -> Abilities:
    """What a terminal can do, as its environment says (NO_COLOR: no-color.org)."""
    moves = environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    return Abilities(
        moves=moves,
        colours=moves and not environ.get("NO_COLOR"),
        blocks=moves and encoding.lower().replace("-", "") == "utf8" and environ.get("TERM") != "linux",
    )


def painted(rows: Sequence[Row], can: Abilities) -> str:
    """Lines as a terminal takes them, as many as it has: each at its own place, so that none moves another."""
    if not can.moves:
        return "".join(f"{text_of(row)}\n" for row in rows) + "\n"
    # Erased before it is written: behind a full line the cursor stands on its last letter.
    lines = (f"\x1b[{at};1H\x1b[0m\x1b[K{styled(row, can)}\x1b[0m" for at, row in enumerate(rows, 1))
    return "".join(lines)


def styled(row: Row, can: Abilities) -> str:
    """A line with its styles."""
    codes = SHAPES | (COLOURS if can.colours else {})
    return "".join(f"\x1b[{codes[style]}m{text}\x1b[0m" if style in codes else text for text, style in row)


class Terminal:
    """The terminal of this process. Within its context it is ours; `leave` and `enter` give it back for a while."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.fd = sys.stdin.fileno()
        self.can = abilities(environ, sys.stdout.encoding)
        self._before = termios.tcgetattr(self.fd)

    def __enter__(self) -> Self:
        self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def enter(self) -> None:
        """Takes the terminal: each key at once, and none is shown."""
        tty.setcbreak(self.fd, termios.TCSANOW)
        self._write(ENTER if self.can.moves else "")

    def leave(self) -> None:
        """Gives it back as it was."""
        self._write(LEAVE if self.can.moves else "")
        termios.tcsetattr(self.fd, termios.TCSANOW, self._before)

    def size(self) -> tuple[int, int]:
        """Columns and lines; on one that cannot say, 80 and 24."""
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        columns, lines = columns or 80, lines or 24
        return (columns if self.can.moves else columns - 1), lines

    def paint(self, rows: Sequence[Row]) -> None:
        """Shows lines in place of those before."""
        self._write(painted(rows, self.can))

    def _write(self, text: str) -> None:
        sys.stdout.buffer.write(text.encode(sys.stdout.encoding, "replace"))
        sys.stdout.buffer.flush()

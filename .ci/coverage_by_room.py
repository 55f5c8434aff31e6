"""Coverage of statements and branches by room, held against the floors `[tool.penumbra.coverage]` of pyproject.toml.

.ci/coverage_by_room.py REPORT...    one REPORT of each process that ran tests (tests/support/measured.py). Exits with 1
                                     where a room is below its floor.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

KINDS = ("lines", "branches")


class Room:
    """What of a room's statements and branches some process ran, and all of them; each as (file, kind, where)."""

    def __init__(self) -> None:
        self.run: set[tuple[str, str, str]] = set()
        self.all: set[tuple[str, str, str]] = set()

    def add(self, name: str, file: dict[str, Any]) -> None:
        """What one report says of a file."""
        for kind in KINDS:
            run = {(name, kind, str(where)) for where in file[f"executed_{kind}"]}
            self.run |= run
            self.all |= run.union((name, kind, str(where)) for where in file[f"missing_{kind}"])

    def number(self, wanted: str) -> int:
        """How many statements (`lines`) or `branches` there are."""
        return sum(kind == wanted for _, kind, _ in self.all)

    @property
    def percent(self) -> float:
        return 100.0 * len(self.run) / max(1, len(self.all))


def by_room(reports: Iterable[dict[str, Any]]) -> dict[str, Room]:
    """Each folder of proxy/; its own modules are the room `proxy`."""
    rooms: dict[str, Room] = {}
    for report in reports:
        for name, file in report["files"].items():
            parts = Path(name).parts
            rooms.setdefault(parts[1] if len(parts) > 2 else parts[0], Room()).add(name, file)
    return rooms


def main() -> int:
    """Prints the table, and says which rooms are below their floors."""
    rooms = by_room(json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors: dict[str, int] = project["tool"]["penumbra"]["coverage"]
    print(f"{'room':12}{'statements':>12}{'branches':>10}{'covered':>10}{'floor':>7}")
    for name, room in sorted(rooms.items()):
        counts = f"{room.number('lines'):12}{room.number('branches'):10}"
        print(f"{name:12}{counts}{room.percent:9.1f}%{floors.get(name, 0):6}%")
    problems = [f"{name} is below its floor" for name, room in rooms.items() if room.percent < floors.get(name, 100)]
    problems += [f"{name} has a floor, and nothing was measured" for name in floors.keys() - rooms.keys()]
    print(*problems, sep="\n", end="\n" if problems else "")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())

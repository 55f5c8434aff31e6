"""Coverage of statements and branches by room, held against the floors `[tool.penumbra.coverage]` of pyproject.toml.

.ci/coverage_by_room.py REPORT    REPORT is what `coverage json` wrote. Exits with 1 where a room is below its floor.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

COUNTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")
"""Of what coverage.py counts, all that the table needs."""


def by_room(files: dict[str, Any]) -> dict[str, Counter[str]]:
    """The counts of each folder of proxy/; its own modules are the room `proxy`."""
    rooms: dict[str, Counter[str]] = {}
    for name, file in files.items():
        parts = Path(name).parts
        room = rooms.setdefault(parts[1] if len(parts) > 2 else parts[0], Counter())
        room.update({count: file["summary"][count] for count in COUNTS})
    return rooms


def percent(room: Counter[str]) -> float:
    """Statements and branches that were run, of all."""
    covered = room["covered_lines"] + room["covered_branches"]
    return 100.0 * covered / max(1, room["num_statements"] + room["num_branches"])


def main() -> int:
    """Prints the table, and says which rooms are below their floors."""
    rooms = by_room(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["files"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floors: dict[str, int] = project["tool"]["penumbra"]["coverage"]
    print(f"{'room':12}{'statements':>12}{'branches':>10}{'covered':>10}{'floor':>7}")
    for name, room in sorted(rooms.items()):
        counts = f"{room['num_statements']:12}{room['num_branches']:10}"
        print(f"{name:12}{counts}{percent(room):9.1f}%{floors.get(name, 0):6}%")
    problems = [f"{name} is below its floor" for name, room in rooms.items() if percent(room) < floors.get(name, 100)]
    problems += [f"{name} has a floor, and nothing was measured" for name in floors.keys() - rooms.keys()]
    print(*problems, sep="\n", end="\n" if problems else "")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())

"""What tests need beside the packages of requirements/dev.txt, by the table `[tool.penumbra.needs]` of pyproject.toml.

.ci/needs.py ARGS...    the Debian packages that `pytest ARGS` needs, and `models` for MLServer's environment, `servers`
                        for that of KServe and LitServe
.ci/needs.py --units    pytest's options that leave out all tests that need something
.ci/needs.py --systems  the paths of those that need something
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent

Table = Mapping[str, Sequence[str]]
"""A folder or file of tests to what it needs."""


def table() -> Table:
    """The table as it stands in pyproject.toml."""
    needs: Table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["penumbra"]["needs"]
    return needs


def needs_of(arguments: Sequence[str], needs: Table) -> list[str]:
    """What the tests that `arguments` name need. Without a path among them pytest runs everything."""
    paths = [argument.partition("::")[0] for argument in arguments]
    wanted = [PurePosixPath(path) for path in paths if (ROOT / path).exists() and not path.startswith("-")]
    rows = [row for row in needs if not wanted or any(_touches(PurePosixPath(row), path) for path in wanted)]
    return sorted({need for row in rows for need in needs[row]})


def _touches(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether one of the two is the other, or holds it."""
    return one.is_relative_to(other) or other.is_relative_to(one)


def main() -> None:
    """Prints the answer on one line."""
    if sys.argv[1:] == ["--units"]:
        print(*(f"--ignore={row}" for row in table()))
    elif sys.argv[1:] == ["--systems"]:
        print(*table())
    else:
        print(*needs_of(sys.argv[1:], table()))


if __name__ == "__main__":
    main()

"""The files of a replay's report: which were asked for, and what goes into each. `-` is standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from proxy import files
from proxy.cli.report.junit import junit
from proxy.cli.report.markdown import markdown
from proxy.cli.report.page import page
from proxy.contracts.replay import ReplayReport, encode

STDOUT = Path("-")

OPTIONS = {"json": "--json", "junit": "--junit", "markdown": "--markdown", "page": "--html"}
"""The option of each form."""


class Outputs(Struct, frozen=True):
    """Where each form goes; None: it was not asked for."""

    json: Path | None = None
    junit: Path | None = None
    markdown: Path | None = None
    page: Path | None = None

    @property
    def to_stdout(self) -> list[str]:
        """The options whose forms go to standard output, which has room for one."""
        return [OPTIONS[form] for form, path in asdict(self).items() if path == STDOUT]

    def refuse_unput(self, read: Iterable[Path] = ()) -> None:
        """Raises OSError where a report could not be written at the end (a replay takes minutes), or would be in the
        place of what is `read`, or of another form."""
        paths = [path for path in asdict(self).values() if path is not None and path != STDOUT]
        for path in paths:
            files.refuse_unput(path)
        files.refuse_over(paths, read)


FORMS: dict[str, Callable[[ReplayReport], bytes]] = {
    "json": encode,
    "junit": junit,
    "markdown": lambda report: markdown(report).encode(),
    "page": lambda report: page(report).encode(),
}


def write(report: ReplayReport, outputs: Outputs) -> None:
    """Writes the forms that were asked for, each whole or not at all. Raises OSError."""
    made = [(path, FORMS[form](report)) for form, path in asdict(outputs).items() if path is not None]
    for path, body in made:
        if path == STDOUT:
            sys.stdout.buffer.write(body)
            sys.stdout.flush()
        else:
            files.put(path, body)

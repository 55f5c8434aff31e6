"""The document of `penumbra audit export`: written, and told from a configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer

from proxy import files
from proxy.cli.exit_codes import EXIT_NO
from proxy.cli.wording import counted
from proxy.control.stories.page import page as page_of
from proxy.release.audit import Link
from proxy.release.history import NoSuchReleaseError, Story
from proxy.release.story_export import StoryExport, exported, fault_of, story_in

MAX_DOCUMENT_BYTES = 256 * 1024 * 1024


Facts = Callable[[Story], dict[str, Any]]
"""A release to what is kept of it beside the audit, by route."""


def write_story(
    links: Sequence[Link],
    name: str,
    output: Path,
    page: Path | None,
    packages: Iterable[Path],
    reports: Iterable[Path],
    facts: Facts = lambda story: {},
) -> None:
    """Writes the document about release `name`, and the page. Ends the command where it cannot, or would not hold.

    A package that no entry of the release names (another version's, or a newer one of the same) is left out, and named.
    """
    try:
        export = _whole(exported(links, name, reports=map(_text, reports)), packages)
        export = msgspec.structs.replace(export, facts=facts(story_in(export)))
        fault = fault_of(export)
        files.put(output, msgspec.json.format(msgspec.json.encode(export), indent=1) + b"\n")
        if page is not None:
            files.put(page, page_of(export).encode())
    except (NoSuchReleaseError, OSError, UnicodeError, msgspec.MsgspecError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None
    if fault:
        print(f"{output}: what was exported does not hold: {fault}", file=sys.stderr)
        raise typer.Exit(EXIT_NO)
    held = (counted(len(export.links), "link"), counted(len(export.packages), "package"))
    print(f"{output}: {export.release}, {', '.join(held)}, {counted(len(export.reports), 'report')}")


def _whole(export: StoryExport, packages: Iterable[Path]) -> StoryExport:
    """`export` with the packages that are its release's; the others are told on stderr."""
    for path in packages:
        candidate = msgspec.structs.replace(export, packages=(*export.packages, _text(path)))
        fault = fault_of(msgspec.structs.replace(candidate, reports=()))
        if fault:
            print(f"{path}: left out: {fault}", file=sys.stderr)
        else:
            export = candidate
    return export


def _text(path: Path) -> str:
    return files.content(path, MAX_DOCUMENT_BYTES).decode()


def story_at(path: Path) -> bytes | None:
    """The text of the file at `path` where it is such a document; None: it is something else, or nothing."""
    try:
        body = files.content(path, MAX_DOCUMENT_BYTES)
    except OSError:
        return None
    return body if body.lstrip()[:1] == b"{" and b'"links"' in body and b'"previous"' in body else None

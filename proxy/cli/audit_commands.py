"""`penumbra audit`: the record of every change."""

from __future__ import annotations

import sys
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.access import Access, asking
from proxy.cli.arguments import AsJson, Config, checked
from proxy.cli.exit_codes import EXIT_NO

audit = typer.Typer(help="The record of every change.", no_args_is_help=True)


@audit.command("show")
@asking
def show(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="ROUTE for its newest release, or ROUTE@NUMBER")],
    config: Annotated[Path | None, typer.Option(help="read the state file of this configuration instead")] = None,
    as_json: AsJson = False,
    *,
    access: Access,
) -> None:
    """One release, whole: from commit and dataset to endpoint, every change with its evidence."""
    from proxy.cli.audit import entries_of, from_api, show_story
    from proxy.release.history import NoSuchReleaseError, story_of

    entries = entries_of(checked(config, as_json, packages=False).state) if config else from_api(access)
    try:
        show_story(story_of(entries, release), as_json)
    except NoSuchReleaseError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EXIT_NO) from None


@audit.command("export")
@asking
def export(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="ROUTE for its newest release, or ROUTE@NUMBER")],
    output: Annotated[Path, typer.Option("-o", "--output", help="where the document goes")] = Path("release.json"),
    page: Annotated[Path | None, typer.Option(help="where a page (HTML) to read goes")] = None,
    package: Annotated[list[Path] | None, typer.Option(help="a package to put in; --config has its own")] = None,
    report: Annotated[list[Path] | None, typer.Option(help="a report of a replay to put in")] = None,
    config: Annotated[Path | None, typer.Option(help="read the state file of this configuration instead")] = None,
    *,
    access: Access,
) -> None:
    """One release's whole story as one document that `audit verify` proves, and as a page to read."""
    from proxy.cli.audit import links_from_api, links_of
    from proxy.cli.story_facts import facts_from_api, kept_facts
    from proxy.cli.story_file import write_story

    settings = checked(config, packages=False) if config else None
    links = links_of(settings.state) if settings else links_from_api(access)
    own = [Path(each.path) for each in settings.packages.values()] if settings else []
    facts = kept_facts(settings.state) if settings else facts_from_api(access)
    write_story(links, release, output, page, (*own, *(package or ())), report or (), facts)


@audit.command("verify")
def verify(
    config: Config,
    head: Annotated[
        str, typer.Option(help="hash of the newest entry as noted elsewhere, such as in a notification")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Whether the audit chain in the state file of CONFIG holds, its anchor knows it, and the live states are those
    that it ends with; in a fleet, whether this sidecar's copy of the fleet's chain holds as well. In place of CONFIG a
    document of `audit export`: whether it holds. Exit code 0: all."""
    from proxy.cli.audit import verify_chain, verify_copy, verify_story
    from proxy.cli.story_file import story_at

    if (document := story_at(config)) is not None:
        fault, sentence = verify_story(document, head)
        print(dumps({"ok": not fault, "detail": sentence}) if as_json else sentence)
        raise typer.Exit(EXIT_NO if fault else 0)
    settings = checked(config, as_json, packages=False)
    fault, sentence = verify_chain(settings.state, head, settings.anchor, named=bool(settings.audit_anchor))
    if settings.fleet is not None:
        broken, copied = verify_copy(settings.state)
        fault, sentence = fault or broken, f"{sentence}\n{copied}"
    print(dumps({"ok": not fault, "detail": sentence}) if as_json else sentence)
    raise typer.Exit(EXIT_NO if fault else 0)

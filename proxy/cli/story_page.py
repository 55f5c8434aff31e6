"""A release's story as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from proxy.cli.html_page import Markup, document, html, items, outcome, paragraph, section, table
from proxy.release.audit import Entry
from proxy.release.history import Story, chain_of
from proxy.release.story_export import StoryExport, story_in


def page(export: StoryExport) -> str:
    """The page. Raises NoSuchReleaseError."""
    story = story_in(export)
    title = f"{story.name}: {story.candidate} in place of {story.primary}"
    parts = (
        f"<h1>{html(title)}</h1>",
        paragraph(f"Strategy {story.strategy}; {_ending(story)}."),
        _section("The chain, from commit to endpoint", "As they were when the release began.", _versions(story)),
        _section("Packages and replays", "What CI said of each version before the release.", _packages(story)),
        _section(
            "What happened",
            "Every change, who made it and why, and the verdicts of that moment.",
            _entries(story.entries),
        ),
        _section("Proof", "penumbra audit verify proves the document that this page was made from.", _proof(export)),
    )
    return document(title, parts)


def _section(title: str, note: str, rows: Markup) -> Markup:
    return section(title, paragraph(note), rows) if rows else rows


def _ending(story: Story) -> str:
    last = story.entries[-1]
    phase = last.after.get("phase", "") if isinstance(last.after, dict) else ""
    return f"{phase or last.action} since {_time(last.at)}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")


def _named(story: Story) -> list[str]:
    pairs = ((story.candidate, story.primary), *story.beside.values())
    return [name for name in dict.fromkeys(chain(*pairs)) if name in story.versions]


def _versions(story: Story) -> Markup:
    names = _named(story)
    chains = [dict(chain_of(story.versions[name])) for name in names]
    rows = ((link, *(str(each[link]) for each in chains)) for link in (chains[0] if chains else ()))
    return table(("", *names), rows)


def _packages(story: Story) -> Markup:
    rows = (_package(name, found) for name in _named(story) if (found := story.versions[name].get("package")))
    return table(("version", "package", "made", "files", "replays"), rows)


def _package(name: str, package: dict[str, Any]) -> tuple[str, ...]:
    signed = f"signed by {package['signed_by'][:16]}…" if package.get("signed_by") else "not signed"
    files = [f"{each['role']} {each['name']}: {each['sha256'][:16]}…" for each in package.get("materials", ())]
    fault = f"<br>{html(package['fault'])}" if package.get("fault") else ""
    what = f"<code>{html(str(package.get('sha256', ''))[:16])}…</code>, {html(signed)}{fault}"
    replays = map(_replay, package.get("replays", ()))
    return name, Markup(what), str(package.get("created", "")), items(files), items(replays)


def _replay(replay: dict[str, Any]) -> Markup:
    on = f" on {replay['route']}, {replay['requests']:,} requests: {replay['sentence']}"
    return Markup(outcome(replay["verdict"]) + html(on))


def _entries(entries: Iterable[Entry]) -> Markup:
    return table(("entry", "when", "who", "what", "phase", "why", "evidence"), map(_row, entries))


def _row(entry: Entry) -> tuple[str, ...]:
    after = entry.after if isinstance(entry.after, dict) else {}
    lines = entry.evidence if isinstance(entry.evidence, list) else []
    verdicts = items(_verdict(line) for line in lines if isinstance(line, dict))
    failed = f"<p>Requests: <code>{html(', '.join(entry.examples))}</code></p>" if entry.examples else ""
    phase, evidence = str(after.get("phase", "")), Markup(verdicts + failed)
    return str(entry.seq), _time(entry.at), entry.who, entry.action, phase, entry.why, evidence


def _verdict(line: dict[str, Any]) -> Markup:
    on = f"{line['route']}: " if line.get("route") else ""
    return Markup(outcome(str(line.get("outcome", ""))) + html(f": {on}{line.get('sentence', '')}"))


def _proof(export: StoryExport) -> Markup:
    rows = (
        ("entries", f"{export.before + 1} to {export.before + len(export.links)} of the chain"),
        ("hash before them", Markup(f"<code>{html(export.previous)}</code>")),
        ("hash of the last", Markup(f"<code>{html(export.links[-1].hash)}</code>")),
    )
    return table(("", ""), rows)

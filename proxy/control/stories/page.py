"""A release's story as one self-contained page: from its export, so that page and document tell the same."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from proxy.control.stories.requests_page import parts as request_parts
from proxy.control.stories.requests_page import time
from proxy.html_page import Markup, document, html, items, outcome, paragraph, section, table
from proxy.release.audit import Entry
from proxy.release.chapters import differs, heading, limits, plan, stages
from proxy.release.history import Story, chain_of, routes
from proxy.release.story_export import StoryExport, story_in


def page(export: StoryExport) -> str:
    """The page. Raises NoSuchReleaseError."""
    story = story_in(export)
    title = f"{story.name}: {story.candidate} in place of {story.primary}"
    parts = (
        f"<h1>{html(title)}</h1>",
        *(paragraph(f"{route}: {heading(story, route)['sentence']}.") for route in routes(story)),
        *_requests(export, story),
        _section("Stages", "What each asks for, and when it began and ended.", _stages(story)),
        _section("Limits", _promises(story), _limits(story)),
        _section("What differs", "In what the versions state of themselves.", _differs(story)),
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


def _requests(export: StoryExport, story: Story) -> list[Markup]:
    """What is kept of the requests, by route."""
    several = len(export.facts) > 1
    names = {route: f" on {route}" if several else "" for route in routes(story)}
    return [
        part for route, on in names.items() if route in export.facts
        for part in request_parts(export.facts[route], on)
    ]  # fmt: skip


def _stages(story: Story) -> Markup:
    rows = (
        (route, str(each["stage"]), each["says"], each["standing"],
         *("" if each[when] is None else time(each[when]) for when in ("began", "ended")))
        for route in routes(story) for each in stages(story, route)
    )  # fmt: skip
    return table(("route", "stage", "asked", "standing", "began", "ended"), rows)


def _limits(story: Story) -> Markup:
    rows = ((route, each["title"], each["says"]) for route in routes(story) for each in limits(story, route))
    return table(("route", "limit", "allowed"), rows)


def _promises(story: Story) -> str:
    """What holds for all limits together."""
    guard = plan(story, next(iter(routes(story)))).get("guard") or {}
    acts, chance = guard.get("on_breach", "not known"), guard.get("false_alarm")
    return (
        f"On a breach: {acts}. Chance of ever blaming a healthy candidate: {'not known' if chance is None else chance}."
    )


def _differs(story: Story) -> Markup:
    pairs = dict.fromkeys(((story.candidate, story.primary), *story.beside.values()))
    rows = (
        (each["what"], f"{candidate}: {each['candidate']}", f"{primary}: {each['primary']}")
        for candidate, primary in pairs for each in differs(story, candidate, primary)
    )  # fmt: skip
    return table(("what", "candidate", "primary"), rows)


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
    who = " and ".join(map(str, replay.get("answered_as", ())))
    asked = "".join((f" at {replay['against']}" if replay.get("against") else "", f" ({who})" if who else ""))
    on = f" on {replay['route']}{asked}, {replay['requests']:,} requests: {replay['sentence']}"
    return Markup(outcome(replay["verdict"]) + html(on))


def _entries(entries: Iterable[Entry]) -> Markup:
    return table(("entry", "when", "who", "what", "phase", "why", "evidence"), map(_row, entries))


def _row(entry: Entry) -> tuple[str, ...]:
    after = entry.after if isinstance(entry.after, dict) else {}
    lines = entry.evidence if isinstance(entry.evidence, list) else []
    verdicts = items(_verdict(line) for line in lines if isinstance(line, dict))
    failed = f"<p>Requests: <code>{html(', '.join(entry.examples))}</code></p>" if entry.examples else ""
    phase, evidence = str(after.get("phase", "")), Markup(verdicts + failed)
    return str(entry.seq), time(entry.at), entry.who, entry.action, phase, entry.why, evidence


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

"""A release's story as one self-contained page: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import chain
from typing import Any

from proxy.release.audit import Entry
from proxy.release.history import Story, chain_of
from proxy.release.story_export import StoryExport, story_in

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; padding: .3rem 0; opacity: .75; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8884; }
th { font-weight: 600; } td ul { margin: 0; padding-left: 1.1rem; } code { font-size: .85rem; }
.pass { color: #177a3d; } .fail { color: #b3261e; } .undecided { color: #7a5b00; }
@media (prefers-color-scheme: dark) {
  .pass { color: #6fd08c; } .fail { color: #ff8a80; } .undecided { color: #e6c15c; }
}
"""


def page(export: StoryExport) -> str:
    """The page. Raises NoSuchReleaseError."""
    story = story_in(export)
    title = f"{story.name}: {story.candidate} in place of {story.primary}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Strategy {escape(story.strategy)}; {escape(_ending(story))}.</p>",
        *_section("The chain, from commit to endpoint", _versions(story)),
        *_section("Packages and replays", _packages(story)),
        *_section("What happened", _entries(story.entries)),
        *_section("Proof", _proof(export)),
    ]
    head = (
        f'<meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _section(title: str, table: str) -> list[str]:
    return [f"<h2>{escape(title)}</h2>", table] if table else []


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML; columns and caption are text."""
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>\n" + "\n".join(lines) + "</table>"


def _ending(story: Story) -> str:
    last = story.entries[-1]
    phase = last.after.get("phase", "") if isinstance(last.after, dict) else ""
    return f"{phase or last.action} since {_time(last.at)}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")


def _named(story: Story) -> list[str]:
    pairs = ((story.candidate, story.primary), *story.beside.values())
    return [name for name in dict.fromkeys(chain(*pairs)) if name in story.versions]


def _versions(story: Story) -> str:
    names = _named(story)
    chains = [dict(chain_of(story.versions[name])) for name in names]
    rows = ((escape(link), *(escape(str(each[link])) for each in chains)) for link in (chains[0] if chains else ()))
    return _table("As they were when the release began.", ("", *names), rows)


def _packages(story: Story) -> str:
    return _table(
        "What CI said of each version before the release.",
        ("version", "package", "made", "files", "replays"),
        (_package(name, found) for name in _named(story) if (found := story.versions[name].get("package"))),
    )


def _package(name: str, package: dict[str, Any]) -> tuple[str, ...]:
    signed = f"signed by {package['signed_by'][:16]}…" if package.get("signed_by") else "not signed"
    files = [f"{each['role']} {each['name']}: {each['sha256'][:16]}…" for each in package.get("materials", ())]
    replays = (
        f"<li>{_word(each['verdict'])} on {escape(each['route'])}, {each['requests']:,} requests: "
        f"{escape(each['sentence'])}</li>"
        for each in package.get("replays", ())
    )
    fault = f"<br>{escape(package['fault'])}" if package.get("fault") else ""
    what = f"<code>{escape(str(package.get('sha256', ''))[:16])}…</code>, {escape(signed)}{fault}"
    return escape(name), what, escape(str(package.get("created", ""))), _list(files), f"<ul>{''.join(replays)}</ul>"


def _list(items: Iterable[str]) -> str:
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


def _word(outcome: str) -> str:
    kind = outcome if outcome in ("pass", "fail", "undecided") else ""
    return f'<span class="{kind}">{escape(outcome)}</span>'


def _entries(entries: Iterable[Entry]) -> str:
    columns = ("entry", "when", "who", "what", "phase", "why", "evidence")
    return _table("Every change, who made it and why, and the verdicts of that moment.", columns, map(_row, entries))


def _row(entry: Entry) -> tuple[str, ...]:
    after = entry.after if isinstance(entry.after, dict) else {}
    texts = (str(entry.seq), _time(entry.at), entry.who, entry.action, str(after.get("phase", "")), entry.why)
    lines = entry.evidence if isinstance(entry.evidence, list) else []
    verdicts = "".join(
        f"<li>{_word(str(line.get('outcome', '')))}: {escape(_said(line))}</li>"
        for line in lines
        if isinstance(line, dict)
    )
    failed = f"<p>Requests: <code>{escape(', '.join(entry.examples))}</code></p>" if entry.examples else ""
    return (*map(escape, texts), (f"<ul>{verdicts}</ul>" if verdicts else "") + failed)


def _said(line: dict[str, Any]) -> str:
    route = line.get("route")
    return f"{route}: {line.get('sentence', '')}" if route else str(line.get("sentence", ""))


def _proof(export: StoryExport) -> str:
    rows = [
        ("entries", f"{export.before + 1} to {export.before + len(export.links)} of the chain"),
        ("hash before them", export.previous),
        ("hash of the last", export.links[-1].hash),
    ]
    return _table(
        "penumbra audit verify proves the document that this page was made from.",
        ("", ""),
        ((escape(name), f"<code>{escape(value)}</code>") for name, value in rows),
    )

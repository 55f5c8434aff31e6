"""What is kept of the requests of a release, as parts of its page: whom it touched, and what each arm answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from json import dumps
from typing import Any

from proxy.html_page import Markup, html, items, outcome, paragraph, section, table
from proxy.release.telling import touched_sentence
from proxy.release.words import figure

COUNTED = "Counted by one sidecar, beside the audit: no hash proves it."
UNTOLD = "not told by that version"
"""In place of words that an older program's answers do not have."""
OF_ALL = "Counted at all sidecars, beside the audit: no hash proves it."


def time(at: float) -> str:
    """A moment, absolute, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")


def parts(facts: Mapping[str, Any], on: str = "") -> tuple[Markup, ...]:
    """Sections. `on`: of which route they are, where there are several."""
    kept = f"{len(facts['failed']):,} of {facts['failed_total']:,} are kept. {COUNTED}"
    said, known = touched_sentence(facts["touched"]), facts["touched"] or {}
    whose = OF_ALL if known.get("scope") == "fleet" else COUNTED
    return (
        section(f"Whom it touched{on}", paragraph(f"{said[:1].upper()}{said[1:]}."), paragraph(whose)),
        _section(f"Failed requests{on}", kept, _failed(facts)),
        _section(f"Worst disagreements{on}", f"Redacted. {COUNTED}", _disagreements(facts)),
        _section(f"Verdicts in between{on}", f"At even distances. {COUNTED}", _moments(facts)),
    )


def _section(title: str, note: str, rows: Markup) -> Markup:
    return section(title, paragraph(note), rows) if rows else rows


def _failed(facts: Mapping[str, Any]) -> Markup:
    rows = (
        (Markup(f"<code>{html(each['request_id'])}</code>"), time(each["at"]),
         each.get("says", UNTOLD), each.get("other_says", UNTOLD), "yes" if each["rescued"] else "no")
        for each in facts["failed"]
    )  # fmt: skip
    return table(("request", "when", "answer", "the other arm", "rescued"), rows)


def _disagreements(facts: Mapping[str, Any]) -> Markup:
    rows = (
        (version, Markup(f"<code>{html(str(each.get('request_id', '')))}</code>"), str(each.get("kind", "")),
         Markup(f"<code>{html(dumps(each.get('detail'), ensure_ascii=False))}</code>"))
        for version, found in facts["disagreements"].items() for each in found
    )  # fmt: skip
    return table(("version", "request", "kind", "what each said"), rows)


def _moments(facts: Mapping[str, Any]) -> Markup:
    rows = [
        (time(each["at"]), each["phase"].replace("_", " "), str(each["stage"]), items(map(_line, each["lines"])))
        for each in facts["moments"]
    ]
    made = table(("when", "phase", "stage", "verdicts"), rows)
    return Markup(f"<details><summary>{len(rows):,} moments</summary>{made}</details>") if rows else made


def _line(line: Mapping[str, Any]) -> Markup:
    value, most = line.get("says", UNTOLD), line.get("allowed", UNTOLD)
    said = (
        f" {line['metric']} of {line['version'] or 'the candidate'}: {value}, allowed: {most}, "
        f"n={line['n']:,}, log evidence {figure(line['evidence'])}"
    )
    return Markup(outcome(line["verdict"]) + html(said))

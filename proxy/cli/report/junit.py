"""A replay's report as JUnit XML, as CI systems show tests: each line of the scorecard is a test.

- a line that failed is a failure, an undecided one is skipped, with its sentence
- the verdict is a test of its own, and an error where it is undecided: nothing may look green that was not decided

Source: the `junit-10.xsd` of Jenkins' xUnit plugin, which GitLab and others follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from proxy.cli.report.contents import headline, sections, summary, verdict
from proxy.contracts.bounds import legible
from proxy.contracts.release import Verdict
from proxy.contracts.replay import ReplayReport

ENDED = {"fail": "failure", "undecided": "error"}
LINE = {"fail": "failure", "undecided": "skipped", "not judged": "skipped"}


def junit(report: ReplayReport) -> bytes:
    """The document."""
    root = Element("testsuites")
    suite = SubElement(root, "testsuite", name=_text(f"penumbra replay {report.route} {report.candidate}"))
    if report.run is not None:
        began = datetime.fromtimestamp(report.run.began, UTC).isoformat(timespec="seconds").removesuffix("+00:00")
        suite.attrib |= {"time": f"{report.run.seconds:.3f}", "timestamp": began}
    cases = [_case(report, "verdict", report.verdict, summary(report), ENDED), *_lines(report)]
    suite.extend(cases)
    for tag in ("failure", "error", "skipped"):
        plural = {"failure": "failures", "error": "errors"}.get(tag, tag)
        suite.set(plural, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    SubElement(suite, "system-out").text = _text(_told(report))
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _lines(report: ReplayReport) -> Iterator[Element]:
    for line in report.verdicts:
        yield _case(report, _name(line), verdict(line), line.sentence, LINE)


def _name(line: Verdict) -> str:
    return f"{line.metric} {line.bound}".strip()


def _case(report: ReplayReport, name: str, outcome: str, sentence: str, tags: dict[str, str]) -> Element:
    case = Element("testcase", classname=_text(f"{report.route}.{report.candidate}"), name=_text(name), time="0")
    if tag := tags.get(outcome):
        found = SubElement(case, tag, message=_text(sentence))
        if tag != "skipped":
            found.set("type", outcome)
            found.text = _text(sentence)
    return case


def _told(report: ReplayReport) -> str:
    """The tables of the report as text."""
    parts = [headline(report)]
    for section in sections(report):
        rows = (" | ".join(cell for cell in row if cell) for row in section.rows)
        parts.append("\n".join((f"== {section.title}", *([section.note] if section.note else ()), *rows)))
    return "\n\n".join(parts)


def _text(text: str) -> str:
    """Text without controls, and without what else XML 1.0 has no way to write."""
    return legible(text).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")

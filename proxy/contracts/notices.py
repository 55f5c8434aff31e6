"""Kinds of warnings: one row each. Their names are stable, in the API, in messages and as sections of the runbook.

The page `runbook.html`, served at `/runbook`, has a section for each of them; a test holds both to each other. A
warning's text may change with any version; whoever acts on warnings acts on the kind.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["info", "warning", "critical"]
"""How much of a hurry a message is: nothing to do, look at it today, look at it now."""

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


class Notice(Struct, frozen=True):
    """A warning that is in force: its kind (a key of `KINDS`), and what it says."""

    kind: str
    text: str

    @property
    def runbook(self) -> str:
        """Where the status page says what it means and what to do."""
        return f"/runbook#{self.kind}"


class NoticeKind(Struct, frozen=True):
    """A kind of warnings."""

    title: str
    severity: Severity = "warning"
    whole: bool = False
    """Whether it is about this process or its fleet, so that every route shows the same one."""

    @property
    def beside(self) -> bool:
        """Whether clients and releases go on as if it were not there: what has happened may be over all the same."""
        return self.whole and self.severity != "critical"


def is_beside(kind: object) -> bool:
    """Whether warnings of a kind are `beside` what happens to a route; of an unknown one that is not known."""
    return isinstance(kind, str) and kind in KINDS and KINDS[kind].beside


def _row(title: str, severity: Severity = "warning", whole: bool = False) -> NoticeKind:
    return NoticeKind(title, severity, whole)


KINDS: dict[str, NoticeKind] = {
    "configured-rolled-back": _row("The file gives traffic to a version that was rolled back"),
    "release-held": _row("Sidecars differ in a section, so its release does not go on"),
    "package-missing": _row("A version lacks the package that is asked of it"),
    "no-baseline": _row("The baseline gets no traffic"),
    "requests-without-key": _row("Requests of a release over several routes have no key"),
    "server-unverified": _row("A server is believed without its certificate being verified"),
    "shadow-starved": _row("A shadow gets too few of its copies"),
    "answers-not-compared": _row("Answers could not be compared with the primary's"),
    "answers-unreadable": _row("Answers cannot be read, or are none"),
    "requests-unreadable": _row("Requests cannot be read"),
    "pairs-without-result": _row("Pairs of answers have no result"),
    "identity-unclear": _row("A version's answers name too many models to tell apart"),
    "models-mixed": _row("Several models answer under one version's name"),
    "evidence-kept": _row("Other models answered so often that evidence is kept across them"),
    "no-resources": _row("This host has no descriptors, ports or memory left", "critical"),
    "no-memory": _row("Requests fill the memory that they may have", "critical"),
    "pool-full": _row("All connections to a version are busy", "critical"),
    "stalled": _row("This process stood still"),
    "internal": _row("This proxy has made a mistake of its own"),
    "answer-untellable": _row("Answers to calls of gRPC cannot be told by REST"),
    "loop": _row("Requests come back to this proxy", "critical"),
    "overloaded": _row("Too many exchanges are in flight", "critical"),
    "too-many-connections": _row("As many clients are connected as may be", "critical"),
    "not-kept": _row("Bodies were too large for a retry or a rescue"),
    "not-rewritten": _row("Messages could not be rewritten"),
    "sticky-key-unread": _row("Sticky keys cannot be read"),
    "profile-unusable": _row("A reference profile cannot be used"),
    "protocol-mistaken": _row("Bodies are not of the protocol that the route has"),
    "judge-without-scores": _row("A judge of texts gives no scores"),
    "certificate": _row("Certificates expire, or their files cannot be used"),
    "no-inferences": _row("No request of a route asks a model"),
    "stage-endless": _row("A stage can never end"),
    "stage-unreached": _row("No request of a stage reaches the candidate"),
    "line-unfed": _row("Nothing feeds a line of the scorecard"),
    "line-lost": _row("Too much of a line of the scorecard is lost"),
    "decision-far": _row("A decision of the scorecard is far away, or out of reach"),
    "state-recovered": _row("A live state was taken from the audit"),
    "state-damaged": _row("The state file is damaged, or older than its anchor", "critical", True),
    "state-not-stored": _row("The state file takes no changes", "critical", True),
    "history-not-stored": _row("The history is kept in memory only", whole=True),
    "anchor-unusable": _row("The audit's anchor cannot be used", whole=True),
    "fleet-store": _row("The fleet's store cannot be used", "critical", True),
    "fleet-store-setting": _row("The fleet's store may drop what it holds", whole=True),
    "fleet-table": _row("No table of the fleet can be followed", "critical", True),
    "fleet-stands-by": _row("This sidecar does not judge its fleet", whole=True),
    "fleet-audit": _row("The fleet's audit is not stored here", whole=True),
    "fleet-apart": _row("This sidecar is apart from its fleet", "critical", True),
    "fleet-differs": _row("A section is not the one that the fleet judges by"),
    "fleet-twins": _row("Several sidecars have one name", whole=True),
    "messages-undelivered": _row("Messages cannot be delivered", whole=True),
    "fleet-judge": _row("The fleet's judge, of an older version, warns"),
}
"""Every kind of warning that a route can show."""


def notices(kind: str, *texts: str) -> list[Notice]:
    """A notice for each text that is one."""
    return [Notice(kind, text) for text in texts if text]


def texts(found: list[Notice]) -> list[str]:
    """What notices say."""
    return [notice.text for notice in found]

"""The fleet as the admin API shows it: who is in it, who judges, and how far each member is."""

from __future__ import annotations

from typing import Any

from proxy.control.api.views import notice
from proxy.control.fleet.bodies import MemberRow
from proxy.control.fleet.service import FleetService
from proxy.control.fleet.store import Place

USUAL_LOOKS = 4
"""Looks that a member may be behind: it tells what it follows with its next report, a second later at most."""

DIGITS = 1
"""Digits of seconds that are shown."""


def fleet(service: FleetService) -> dict[str, Any]:
    """The fleet as this sidecar knows it."""
    member = service.member
    table, following = member.table, member.following
    term, look, _ = following.place
    heard, lost = following.age(member.now), following.apart(member.now)
    return {
        "fleet": member.fleet,
        "instance": member.instance,
        "judge": None if lost else following.judge or None,
        "is_judge": member.session.is_judge,
        "lost": lost,
        "apart": member.apart,
        "settling": table.settling if table else False,
        "term": term,
        "look": look,
        "heard_seconds_ago": None if heard is None else round(heard, DIGITS),
        "fault": service.fault or None,
        "warnings": service.warnings,
        "notices": [notice(each) for each in service.notices],
        "late_legs": member.late_legs,
        "revision": table.revision if table else None,
        "members": [_member(each, following.place, member.table_age) for each in member.members],
        "audit": {"entries": member.mirror.count, "hash": member.mirror.store.head.hash},
    }


def _member(row: MemberRow, newest: Place, since: float) -> dict[str, Any]:
    """`since`: seconds since the judge told of it, for so long has nobody else heard of its reports."""
    behind = max(newest[1] - row.follows[1], 0) if row.follows[0] == newest[0] else None
    return {
        "instance": row.instance,
        "report_seconds_ago": round(row.age + since, DIGITS),
        "behind": behind,
        "late": behind is None or behind > USUAL_LOOKS,
        "differs": list(row.differs),
        "version": row.version,
        "left_streams": [{"route": name, "version": version, "streams": n} for name, version, n in row.left],
    }

"""Metrics of a sidecar in a fleet; registered only where there is one.

How to look at a fleet without counting twice: traffic is each sidecar's own, so it is summed over sidecars. What the
judge decided is the same at each of them (`OF_THE_FLEET`), so it is the largest, never the sum.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.fleet.service import FleetService
from proxy.control.telemetry.forms import counter, gauge

OF_THE_FLEET = (
    *("penumbra_split_percent", "penumbra_shadow_percent", "penumbra_release_phase", "penumbra_release_stage"),
    *("penumbra_scorecard_value", "penumbra_scorecard_limit", "penumbra_scorecard_verdict"),
    *("penumbra_scorecard_evidence", "penumbra_arm_left", "penumbra_rollbacks_total", "penumbra_route_warnings"),
    *("penumbra_drift_psi", "penumbra_drifted", "penumbra_drift_measured"),
    *("penumbra_fleet_members", "penumbra_fleet_differing_routes", "penumbra_fleet_revision"),
)
"""Metrics of which each sidecar has the whole, or its own view of the same: to be joined by `max by`."""


class FleetCollector(Collector):
    """A fleet, as this sidecar knows it."""

    def __init__(self, service: FleetService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        yield from self._fleet()
        yield from self._itself()

    def _fleet(self) -> Iterator[Metric]:
        """What every sidecar says alike."""
        member = self._service.member
        yield _one("penumbra_fleet_members", "Sidecars of the fleet, as its judge saw them last.", len(member.members))
        differing = {route for each in member.members for route in each.differs}
        text = "Routes whose sections differ between sidecars: no stage of theirs advances."
        yield _one("penumbra_fleet_differing_routes", text, len(differing))
        judged = bool(member.following.judge) and not self._lost
        yield _one("penumbra_fleet_has_judge", "1 while the store names a judge; 0: nobody decides.", judged)
        revision = member.table.revision if member.table else 0
        text = "The fleet's table that this sidecar follows; the same at each, but for a second."
        yield _one("penumbra_fleet_revision", text, revision)

    def _itself(self) -> Iterator[Metric]:
        """What is of this sidecar alone."""
        service, member = self._service, self._service.member
        text = "1: the fleet and the name in it of this sidecar, to join by."
        yield gauge("penumbra_fleet_info", text, ("fleet", "member"), [((member.fleet, member.instance), 1.0)])
        yield _one("penumbra_fleet_is_judge", "1 while this sidecar judges for its fleet.", member.session.is_judge)
        text = "1 while the fleet's store has been silent for the lease, so that this sidecar is apart from its fleet."
        yield _one("penumbra_fleet_lost", text, self._lost)
        age = member.following.age(member.now)
        text = "Seconds since the store answered a report of this sidecar; none before the first answer."
        rows = [] if age is None else [((), float(age))]
        yield gauge("penumbra_fleet_report_age_seconds", text, (), rows)
        text = "Looks of the judge between the newest that the store has told of and the one that is followed."
        yield _one("penumbra_fleet_behind", text, member.following.looks_behind)
        turns = [((result,), float(n)) for result, n in service.turns.items()]
        text = "Turns with the fleet's store: done, unavailable, unfit (docs/fleet.md), or failed (a bug)."
        yield counter("penumbra_fleet_turns", text, ("result",), turns)
        text = "Finished requests whose counts came too late to be evidence: figures of this sidecar alone."
        yield counter("penumbra_fleet_late_requests", text, (), [((), float(member.late_legs))])
        text = "Looks of this sidecar that were not committed: another one judges, or the store has gone back."
        yield counter("penumbra_fleet_refused_looks", text, (), [((), float(member.session.refused))])

    @property
    def _lost(self) -> bool:
        return bool(self._service.member.following.apart(self._service.member.now))


def _one(name: str, text: str, number: float) -> Metric:
    return gauge(name, text, (), [((), float(number))])

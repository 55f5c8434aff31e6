"""What the states of all routes are under a configuration: the sections as far as packages allow them, merged with what
was stored, in the order of routes that go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from proxy.contracts.release import RouteState
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Table
from proxy.control.packages import allowed, refusals
from proxy.control.state.recovery import Recovered
from proxy.release import plan
from proxy.release.together import all_aligned

Merged = tuple[RouteState, tuple[str, ...]]
"""The state of a section, and warnings about what of it is not in force."""

Adopted = tuple[RouteSettings, RouteState, tuple[str, ...]]
"""The same with its section, as far as packages allow it."""


def adopted(
    settings: Settings,
    unpackaged: Mapping[str, str],
    stored: Mapping[str, RouteState],
    merge: Callable[[RouteSettings], Merged],
    now: float,
) -> list[Adopted]:
    """All sections and their states. `unpackaged`: as `refusals` has it; `merge`: what becomes of one section."""
    sections = [allowed(settings, each, unpackaged, stored) for each in settings.routes]
    merged = [(section, *merge(section)) for section in sections]
    aligned = all_aligned([(section, state) for section, state, _ in merged], now)
    return [(section, aligned[section.name], warnings) for section, _, warnings in merged]


def merged(
    section: RouteSettings,
    stored: RouteState | None,
    versions: Iterable[str],
    found: Recovered,
    published: Table | None,
    now: float,
) -> Merged:
    """A section and its stored state. `published`: a table that is newer than what was stored."""
    route = published.route(section.name) if published else None
    state, warnings = plan.merge(section, stored, versions, now, route)
    return plan.honour_published(found.safe(state, now), route, now), warnings


def first_table(settings: Settings, found: Recovered, revision: int, now: float) -> Table:
    """The table that control is about to publish: workers need not wait for all the rest of it. `revision`: the
    store's, so that what it publishes is newer."""

    def merge(section: RouteSettings) -> Merged:
        return merged(section, found.states.get(section.name), settings.versions, found, None, now)

    sections = adopted(settings, refusals(settings), found.states, merge, now)
    return plan.table_of(settings, {section.name: state for section, state, _ in sections}, revision)

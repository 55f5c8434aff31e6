"""The effect of a change by hand as one sentence for a person who is about to make it.

Each part says what is so and no more: parts of the traffic with who they are of, streams that stay, evidence that
begins anew, and what does not follow by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from proxy.contracts.durations import in_units
from proxy.control.effects import Effect, Flow, RouteEffect, Standing

LEAST_KEYLESS = 0.01
"""Part of the requests without a key from which on it is said."""


def sentence(effect: Effect, place: str = "") -> str:
    """All that a change does. `place`: where streams are counted, in a fleet.

    Routes of one release over several have a part each; what is the same of all of them is said of each.
    """
    parts = "; ".join(part for route in effect.routes for part in _of_route(route, place))
    if not effect.changes:
        return f"nothing changes: {parts}"
    return f"on all routes of release {effect.release}: {parts}" if effect.release else parts


def _of_route(route: RouteEffect, place: str) -> list[str]:
    return [*_traffic(route), *_copies(route), *_streams(route, place), *_release(route), *_evidence(route)]


def _traffic(route: RouteEffect) -> list[str]:
    if not route.moved:
        return [f"the split of {route.route} stays as it is ({_percents(route.before.split)})"]
    return [*(_flow(route, flow) for flow in route.moved), *_keyless(route)]


def _keyless(route: RouteEffect) -> list[str]:
    """Those who are no users: where they are many, parts of the users are not what happens to the requests."""
    if route.keyless < LEAST_KEYLESS:
        return []
    part = percent(float(f"{100.0 * route.keyless:.2g}"))
    return [f"{part} of its requests have no key that can be read: they are of no user"]


def _flow(route: RouteEffect, flow: Flow) -> str:
    """One stream of users.

    A primary of before is gone back to; everything else is gone to.
    """
    who = "users" if route.sticky else "requests"
    back = "back to" if flow.target == route.after.primary and flow.target == _old(route) else "to"
    part = f"all {who}" if flow.percent > 100.0 - 1e-9 else f"{percent(flow.percent)} of the {who}"
    return f"{part} of {route.route} go from {flow.source} {back} {flow.target}"


def _old(route: RouteEffect) -> str:
    """The version that is gone back to: the primary that stays, or the one before a promote."""
    restored = route.before.phase == "promoted" and route.after.primary != route.before.primary
    return route.after.primary if restored else route.before.primary


def _copies(route: RouteEffect) -> list[str]:
    before, after = route.before.shadows, route.after.shadows
    changed = [each for each in dict.fromkeys((*before, *after)) if before.get(each) != after.get(each)]
    return [_copy(each, before.get(each, 0.0), after.get(each, 0.0)) for each in changed]


def _copy(version: str, before: float, after: float) -> str:
    if not after:
        return f"{version} gets no copies any more"
    return f"{version} gets copies of {percent(after)} of the requests" + (
        f", {percent(before)} before" if before else ""
    )


def _streams(route: RouteEffect, place: str) -> list[str]:
    return [_stream(version, n, version in route.resets, place) for version, n in route.streams.items()]


def _stream(version: str, n: int, resets: bool, place: str) -> str:
    """What streams do that are open on a version.

    >>> _stream("v2", 3, False, ""), _stream("v2", 1, True, " of this sidecar")
    ('3 streams stay on v2 until they end', '1 stream of this sidecar on v2 ends within 5 seconds')
    """
    noun, one = ("stream", "s") if n == 1 else ("streams", "")
    if resets:
        return f"{n:,} {noun}{place} on {version} end{one} within 5 seconds"
    return f"{n:,} {noun}{place} stay{one} on {version} until {'it ends' if n == 1 else 'they end'}"


def _release(route: RouteEffect) -> list[str]:
    return [text for tells in (_stage, _phase, _bad) for text in tells(route)]


def _stage(route: RouteEffect) -> list[str]:
    before, after = route.before, route.after
    if before.stages and not after.stages:
        return [f"the release ends in stage {before.stage} of {before.stages}"]
    if after.stages and not before.stages:
        return [f"the release stands in stage {after.stage} of {after.stages}, which begins now"]
    return []


PHASES: dict[str, Callable[[Standing, RouteEffect], str]] = {
    "paused": lambda was, route: "no stage follows until it is resumed; a breach still acts",
    "promoted": lambda was, route: _window(route),
}
"""What is to be said of a phase that a route comes into."""


def _phase(route: RouteEffect) -> list[str]:
    before, after = route.before, route.after
    if before.phase == "paused" and after.stages and before.stages and after.phase != "paused":
        return [f"stage {after.stage} of {after.stages} goes on; its time begins anew"]
    if before.phase == after.phase or after.phase not in PHASES:
        return []
    return [PHASES[after.phase](before, route)]


def _window(route: RouteEffect) -> str:
    new, old = route.after.primary, route.before.primary
    if route.window:
        return f"{new} is guarded for {in_units(route.window)}: a breach goes back to {old}"
    return f"nothing guards {new} then; a rollback by hand goes back to {old}"


def _bad(route: RouteEffect) -> list[str]:
    told = []
    if route.rolled_back:
        told.append(f"{_names(route.rolled_back)} gets live traffic again only by another change")
    if route.let_in:
        told.append(f"{_names(route.let_in)} was rolled back and may have live traffic again")
    return told


FATES = {
    "anew": "the evidence on {} begins anew",
    "goes on": "the evidence on {} goes on",
    "ends": "{} is no longer under judgement",
}


def _evidence(route: RouteEffect) -> list[str]:
    return [FATES[fate].format(version) for version, fate in route.evidence.items()]


def _names(versions: Iterable[str]) -> str:
    return " and ".join(versions)


def _percents(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{version} {percent(share)}" for version, share in shares.items())


def percent(value: float) -> str:
    """A percent with as many digits as it needs, at most six.

    >>> percent(12.0), percent(0.1), percent(100 / 3)
    ('12 %', '0.1 %', '33.3333 %')
    """
    return f"{value:.6g} %"

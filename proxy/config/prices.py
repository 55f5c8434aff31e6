"""Prices of versions, and what lines on `cost` take."""

from __future__ import annotations

from proxy.config import values
from proxy.config.section import Section
from proxy.config.tree import join
from proxy.config.values import Parser
from proxy.contracts.price import Price
from proxy.contracts.settings import Guard, RouteSettings, Settings
from proxy.release.validation import never_fed, unpriced

_OPTIONAL: dict[str, Parser] = {
    "cached_input": values.amount,
    "per": values.Number(1, 1e9),
    "currency": values.currency,
}


def read_price(version: Section) -> Price | None:
    """The price of one version; None: it has none."""
    if "price" not in version:
        return None
    section = version.section("price")
    price = Price(
        input=section.take("input", values.amount, 0.0, required=True),
        output=section.take("output", values.amount, 0.0, required=True),
        **section.fields(_OPTIONAL),
    )
    section.finish()
    return price


def refuse_unpriced(root: Section, settings: Settings) -> None:
    """Refuses lines on `cost` of routes whose versions have no price: no answer would tell what it cost."""
    for route in settings.routes:
        fed = not never_fed("cost", route.protocol)  # otherwise that is said of the line
        for place, (guard, versions) in _judged(route).items() if fed else ():
            for problem in unpriced(guard, versions, settings.prices):
                path = join(join("routes", route.name), place + problem.path)
                if place and route.group:
                    path = join(join("releases", route.group.name), problem.path)
                if not root.refused(path):
                    root.refuse(path, problem.found, problem.allowed, problem.endless)


def _judged(route: RouteSettings) -> dict[str, tuple[Guard, list[str]]]:
    """The scorecards of a route by the place that they stand at, and the versions that they compare."""
    always = [route.primary, *([route.baseline.version] if route.baseline else [])]
    found = {"": (route.guard, always + [share.version for share in route.split])}
    if release := route.release:
        apart = route.group or release.guard.scorecard != route.guard.scorecard
        place = "release." if apart else ""
        found[place] = release.guard, [*always, release.candidate, *release.arms]
    return found

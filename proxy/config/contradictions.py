"""Values of a valid configuration that work against each other: one row for each pair. `check` and the log of the start
tell them; they are not refused, since each of them may be meant.

`least` is what the first value has to be at least (or, `most`, at most) for the second to mean something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf

from msgspec import Struct

from proxy.contracts.durations import in_units
from proxy.contracts.settings import RouteSettings, Settings

SHORTEST_BALANCER = 60.0
"""Seconds for which the least patient of the usual load balancers keeps an idle connection (docs/load-balancers.md)."""


class Rule(Struct, frozen=True):
    """Two values and which of them must not be the smaller one."""

    name: str
    path: str
    """The value that should be changed; below `routes.NAME` where a route has it."""
    small: Callable[[Settings, RouteSettings], float]
    """What is too small."""
    large: Callable[[Settings, RouteSettings], float]
    """What it has to reach."""
    sentence: str
    """What happens otherwise; `{small}` and `{large}` are lengths of time, in units."""
    of_route: bool = True
    strictly: bool = False
    """Whether it has to be larger."""

    def broken(self, settings: Settings, route: RouteSettings) -> bool:
        """Whether the two contradict each other."""
        small, large = self.small(settings, route), self.large(settings, route)
        return small < large or (self.strictly and small == large)


def _total(route: RouteSettings) -> float:
    return inf if route.timeouts.total is None else route.timeouts.total


def _after(route: RouteSettings) -> float:
    return route.rescue.after if route.rescue and route.rescue.after else inf


def _copied(route: RouteSettings) -> bool:
    return bool(route.shadows or route.noise or route.release)


RULES = (
    Rule(
        "keep_alive",
        "client.keep_alive",
        lambda settings, route: settings.client.keep_alive,
        lambda settings, route: SHORTEST_BALANCER,
        "connections of clients end after {small}, and no common load balancer lets go of its own before "
        "{large}: it will send requests into closed ones; docs/load-balancers.md has their times",
        of_route=False,
        strictly=True,
    ),
    Rule(
        "lease",
        "hang",
        lambda settings, route: settings.lease,
        lambda settings, route: settings.hang,
        "when control hangs, all traffic goes to the primaries after {small} (lease), and control is started again "
        "only after {large}",
        of_route=False,
    ),
    Rule(
        "drain",
        "timeouts.response",
        lambda settings, route: settings.drain,
        lambda settings, route: route.timeouts.response,
        "an answer may take {large} to begin, and at the end of this program it is cut off after {small}: "
        "raise drain, and the pod's terminationGracePeriodSeconds",
    ),
    Rule(
        "pair_wait",
        "timeouts.response",
        lambda settings, route: settings.pairing if _copied(route) else inf,
        lambda settings, route: route.timeouts.response,
        "a copy may take {large} to begin its answer, and the one to compare it with waits {small}: raise "
        "pair_wait, else slow answers are lost to comparisons",
    ),
    Rule(
        "total_response",
        "timeouts.total",
        lambda settings, route: _total(route),
        lambda settings, route: route.timeouts.response,
        "the whole exchange has {small}, so that timeouts.response, {large}, never ends anything",
    ),
    Rule(
        "total_rescue",
        "rescue.after",
        lambda settings, route: _total(route),
        lambda settings, route: _after(route) if _after(route) < inf else 0.0,
        "the whole exchange has {small} (timeouts.total), so that no rescue begins after {large}",
        strictly=True,
    ),
    Rule(
        "response_connect",
        "timeouts.connect",
        lambda settings, route: route.timeouts.response,
        lambda settings, route: route.timeouts.connect,
        "the wait for a connection counts for timeouts.response, {small}, which ends it before {large}",
    ),
    Rule(
        "rescue_connect",
        "timeouts.connect",
        lambda settings, route: _after(route),
        lambda settings, route: route.timeouts.connect,
        "a canary is late after {small} (rescue.after), so that its connection never has {large}",
    ),
    Rule(
        "age_idle",
        "timeouts.connection_idle",
        lambda settings, route: route.timeouts.connection_age * 1.1,
        lambda settings, route: route.timeouts.connection_idle,
        "no connection is older than {small} (timeouts.connection_age), so none is idle for {large}",
    ),
)
"""All of them. Bounds that are parts of others (`mirror_body` of `body`), `rescue.after` of `response`, are refused."""


def contradictions(settings: Settings) -> Iterator[str]:
    """Sentences, each with its place in the file; of several routes with one problem each is named."""
    for rule in RULES:
        for route in settings.routes if rule.of_route else settings.routes[:1]:
            if rule.broken(settings, route):
                small, large = in_units(rule.small(settings, route)), in_units(rule.large(settings, route))
                place = f"routes.{route.name}.{rule.path}" if rule.of_route else rule.path
                yield f"{place}: {rule.sentence.format(small=small, large=large)}"

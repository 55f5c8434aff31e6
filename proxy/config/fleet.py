"""The section `fleet`: the store that sidecars share, and what one of them does without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec

from proxy.config import values
from proxy.config.section import Section
from proxy.config.tls import read_client_tls, refuse_beside_plain
from proxy.config.values import Refused
from proxy.contracts.fleet import Fleet, OnLost
from proxy.contracts.metrics import METRICS
from proxy.contracts.settings import RouteSettings, Settings
from proxy.control.fleet.address import SCHEMES, address_of

REDIS_MODULE = "redis.asyncio"
"""The module of the extra `fleet`."""


ADDRESS = re.compile(f"({'|'.join(map(re.escape, SCHEMES))})://[^?#]+")


def address(text: str) -> str:
    """An address of a store; it may hold a password, so no message repeats it."""
    try:
        address_of(text)
    except ValueError as error:
        raise Refused(str(error), "an address that cannot be used") from error
    return text


def read_fleet(root: Section) -> Fleet | None:
    """`fleet`: None when there is none."""
    section = root.section("fleet")
    if "fleet" not in root:
        return None
    on_lost: OnLost = section.take("on_lost", values.one_of(OnLost), "primary")
    fleet = Fleet(
        redis=section.take("redis", address, "", required=True),
        name=section.take("name", values.name, "", required=True),
        lease=section.take("lease", values.duration, Fleet.__struct_defaults__[0]),
        on_lost=on_lost,
        instance=section.take("instance", values.name, ""),
        sentinel_password=section.take("sentinel_password", values.secret, ""),
        tls=read_client_tls(section),
    )
    section.finish()
    refuse_beside_plain(section, "redis", "rediss://…", bool(fleet.redis) and address_of(fleet.redis).encrypted)
    if fleet.sentinel_password and fleet.redis and address_of(fleet.redis).kind != "sentinel":
        section.refuse("sentinel_password", "a store without sentinels", "a password where redis names sentinels")
    if not _installed():
        root.refuse("fleet", "a fleet without a client for Redis", "a fleet where penumbra[fleet] is installed")
    return fleet


def unmerged(settings: Settings) -> Iterator[str]:
    """Lines that a fleet's judge never gets evidence for, as sentences: a release with one cannot end by itself."""
    for route in settings.routes if settings.fleet is not None else ():
        guards = [("", route.guard), *([("release.", route.release.guard)] if route.release else [])]
        for place, guard in guards:
            for metric in guard.scorecard:
                if why := _unmerged(metric, route):
                    yield f"routes.{route.name}.{place}scorecard.{metric}: in a fleet it stays undecided: {why}"


def _unmerged(metric: str, route: RouteSettings) -> str:
    row = METRICS[metric]
    if row.source == "labels":
        return "each sidecar scores its own predictions, and scores are not merged"
    if row.kind == "drift" and not route.analysis.profile:
        return "each sidecar learns a reference of its own; analysis.profile gives all of them one"
    return ""


def _installed() -> bool:
    try:
        return find_spec(REDIS_MODULE) is not None
    except ModuleNotFoundError:
        return False

"""Joining: a configuration with a fleet makes a member of it; one without makes what there always was."""

from __future__ import annotations

import subprocess
import sys

from proxy.contracts.fleet import Fleet
from proxy.contracts.settings import Settings
from proxy.control.engine import Engine
from proxy.control.fleet.counting import Counting
from proxy.control.fleet.follower import Follower
from proxy.control.fleet.joining import Outside, engine_of, joined, store_of
from proxy.control.fleet.mirror import Mirror
from proxy.control.fleet.redis_store import RedisStore
from proxy.control.fleet.service import FleetService
from proxy.control.state.steady_clock import SteadyClock
from proxy.control.state.store import Store
from proxy.stats.board import Board
from tests.control.houses import section, settings
from tests.support.certificates import Authority, client_tls
from tests.support.fleets import execute

CLOCK = SteadyClock(None, 1e9, lambda: 0.0, "", lambda: 0.0)
OUTSIDE = Outside(CLOCK, lambda: 0.0, lambda: "u1", "host-7", execute, lambda change, at: None)


def engine(configured: Settings) -> Engine:
    return engine_of(configured, Store(":memory:"), Board(), lambda table: None, lambda change, at: None, CLOCK)


def service(fleet: Fleet) -> FleetService:
    configured = settings(section(), fleet=fleet)
    made = joined(engine(configured), Board(), Counting(), Mirror(":memory:"), OUTSIDE)
    assert made is not None
    return made


def test_without_a_fleet_there_is_the_engine_that_decides_and_no_service() -> None:
    made = engine(settings())
    assert type(made) is Engine
    assert joined(made, Board(), Counting(), Mirror(":memory:"), OUTSIDE) is None


def test_with_one_there_is_a_follower_that_has_only_primaries_before_the_store_answers() -> None:
    made = engine(settings(section(), fleet=Fleet("redis://h", "f")))
    assert isinstance(made, Follower)
    assert made.apart


def test_a_sidecar_is_named_as_configured_or_as_its_host() -> None:
    assert service(Fleet("redis://h", "f")).member.instance == "host-7"
    assert service(Fleet("redis://h", "f", instance="pod-3")).member.instance == "pod-3"
    assert service(Fleet("redis://h", "f", lease=3.0)).member.following.lease == 3.0


def test_the_store_is_that_of_the_address_and_of_the_name() -> None:
    store = store_of(Fleet("redis://ada:secret@redis.example:7000/2", "fraud"))
    assert isinstance(store, RedisStore)
    assert store._keys("state") == ["{penumbra:fraud}:state"]


def test_the_section_reaches_the_connection() -> None:
    tls = client_tls(Authority())
    store = store_of(Fleet("rediss://h", "fraud", tls=tls))
    assert isinstance(store, RedisStore)
    secured = store._connection._secured
    assert secured is not None and secured.tls == tls


def test_sentinels_are_asked_with_a_password_of_their_own() -> None:
    store = store_of(Fleet("redis+sentinel://ada:secret@h/main", "fraud", sentinel_password="other"))
    assert isinstance(store, RedisStore)
    assert (store._address.password, store._address.sentinel) == ("secret", {"password": "other"})


def test_nothing_of_the_client_is_imported_before_a_store_is_wanted() -> None:
    """A process of its own: this one has imported it."""
    code = "import sys, proxy.control.process, proxy.config.load; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""What /metrics shows: histograms of connections, gauges of workers, and a metric for every bound."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from docs.generate.metrics import exposed
from proxy.contracts.histogram import bucket
from proxy.contracts.observation import Tensor
from proxy.contracts.record import MAX_FAILED_KEYS, ArmTick, Tick
from proxy.contracts.release import PHASES
from proxy.control.telemetry import metrics
from proxy.control.telemetry.certificate_metrics import CertificateCollector, HandshakeCollector
from proxy.control.telemetry.metrics import WorkerCollector
from proxy.link.frames import Hello
from proxy.link.server import WorkerStatus
from tests.control.houses import House
from tests.control.telemetry.families import families
from tests.support.observed import observation

SECURITY = (Path(__file__).parents[3] / "docs/security.md").read_text(encoding="utf-8")
ROWS = [line.split(" | ") for line in SECURITY.partition("## Bounds")[2].splitlines() if line.startswith("| ")][1:]


def test_new_connections_are_a_histogram_of_seconds(house: House) -> None:
    arm = ArmTick("cancer", "v2", "canary", 0.1, {"200": 3}, connect={bucket(0.002): 2}, connect_sum=0.004)
    house.tick(arm)
    house.tick(arm)
    samples = families(house)["penumbra_connect_seconds"].samples
    key = ("cancer", "v2", "canary")
    assert samples["penumbra_connect_seconds_count", *key] == 4
    assert samples["penumbra_connect_seconds_sum", *key] == pytest.approx(0.008)
    assert samples["penumbra_connect_seconds_bucket", *key, "0.001"] == 0
    assert samples["penumbra_connect_seconds_bucket", *key, "0.00251189"] == 4


def test_open_connections_are_those_of_workers_that_are_there() -> None:
    here, gone, new = (WorkerStatus(Hello(index, "a", 7)) for index in range(3))
    here.last = gone.last = Tick(0, "a", 1, 1, connections=5)
    gone.connected = False
    (family,) = [f for f in WorkerCollector(lambda: [here, gone, new], dict).collect() if "connections" in f.name]
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"worker": "0"}, 5.0)]


def test_a_bound_that_was_reached_is_counted(house: House) -> None:
    house.tick(ArmTick("cancer", "v2", "canary", 0.1, {"500": 300}, {"failed": list(range(MAX_FAILED_KEYS))}))
    samples = families(house)["penumbra_bound_reached_total"].samples
    assert samples["penumbra_bound_reached_total", "failed_keys"] == 1
    assert samples["penumbra_bound_reached_total", "unsaved_changes"] == 0


def test_every_bound_says_which_metric_tells(house: House) -> None:
    """The last column of the table of bounds in docs/security.md names metrics that there are, or says where a text
    that was cut shows it itself."""
    of_tls = (CertificateCollector(Mock(in_force={})), HandshakeCollector(house.board.counters, dict))
    shown = {*families(house), *(exposed(each) for collector in of_tls for each in collector.collect())}
    assert len(ROWS) > 30
    for row in ROWS:
        named = re.findall(r"`(penumbra_\w+)", row[-1])
        assert set(named) <= shown and (named or row[-1].strip(" |–")), row


def test_every_label_of_a_bound_is_in_the_table(house: House) -> None:
    elsewhere = {"api_body", "api_connections", "api_slow", "event_listeners", "link_frame", "matters"}
    elsewhere |= {"parted_answers", "slow_listeners"}
    labels = {key[1] for key in families(house)["penumbra_bound_reached_total"].samples if len(key) == 2}
    assert labels | elsewhere == set(re.findall(r'bound="(\w+)"', SECURITY))


def test_phases_are_those_of_the_contract() -> None:
    assert set(PHASES) >= {"steady", "rolled_back"}


@pytest.mark.parametrize("most", [1000, 30])
def test_features_are_bounded_by_route_and_in_all(house: House, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(metrics, "MAX_FEATURE_SERIES", most)
    rng = np.random.default_rng(1)
    for at in range(300):
        inputs = (Tensor("x" * 500, 1, 120, "number", rng.standard_normal(120).tolist()),)
        leg = observation((0, "a"), at, "", "cancer", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0, 0, inputs)
        house.board.on_observations([leg], at / 10)
    house.board.on_time(1000.0)
    house.tick(ArmTick("cancer", "v1", "primary", 1.0, {"200": 3}))
    shown = families(house)
    assert shown["penumbra_drift_measured"].samples["penumbra_drift_measured", "cancer"] == 120
    names = [key[-1] for key in shown["penumbra_drift_psi"].samples]
    assert len(names) == min(most, 50) and max(map(len, names)) < 140

"""What the axes change in the configuration is what they say, and the product's own reader takes it."""

from pathlib import Path

import pytest
import yaml

from loadtests.growth import AXES, Setting, growth, with_routes, with_shadows, with_versions
from loadtests.load import Drive
from loadtests.proxies import PEERS, Plan, render
from loadtests.results import Load, Sample
from loadtests.turns import Turns
from proxy.config.load import load as load_settings

PLAN = Plan(primary=11, canary=12, shadow=13)


@pytest.fixture
def text(tmp_path: Path) -> str:
    return render((PEERS / "penumbra.yaml").read_text(), PLAN, 14, 15, tmp_path)


def test_routes_are_added_before_the_one_that_is_asked_for(text: str) -> None:
    routes = list(yaml.safe_load(with_routes(text, 100))["routes"])
    assert len(routes) == 100
    assert routes[-1] == "cancer"


@pytest.mark.parametrize("count", [0, 1, 4])
def test_shadows_are_full_copies(text: str, count: int) -> None:
    config = yaml.safe_load(with_shadows(text, [21, 22, 23, 24][:count]))
    shadows = config["routes"]["cancer"]["shadows"]
    assert [config["versions"][shadow["version"]]["url"][-2:] for shadow in shadows] == ["21", "22", "23", "24"][:count]
    assert all(shadow["percent"] == 100 for shadow in shadows)


def test_every_setting_of_every_axis_is_a_valid_configuration(tmp_path: Path) -> None:
    base = Setting(PLAN, tmp_path / "bodies", Drive(tmp_path / "bodies"))
    for name, axis in AXES.items():
        for value in axis.values:
            setting = axis.at(value, base, tmp_path, [21, 22, 23, 24])
            path = tmp_path / f"{name}-{value}.yaml"
            rendered = render((PEERS / "penumbra.yaml").read_text(), setting.plan, 14, 15, tmp_path)
            path.write_text(setting.edit(rendered))
            settings = load_settings(path, {})
            assert settings.workers == setting.plan.workers


def test_features_and_connections_change_the_load(tmp_path: Path) -> None:
    base = Setting(PLAN, tmp_path / "bodies", Drive(tmp_path / "bodies"))
    wide = AXES["features"].at(300, base, tmp_path, [])
    assert len(wide.bodies.read_bytes().splitlines()[0]) > 2000
    assert wide.plan.statistics and wide.plan.whole
    assert AXES["connections"].at(2000, base, tmp_path, []).how == Turns(base.bodies, 2000)


@pytest.mark.parametrize("count", [2, 20])
def test_versions_share_a_tenth_of_the_traffic(text: str, count: int) -> None:
    route = yaml.safe_load(with_versions(text, count))["routes"]["cancer"]
    assert len(route["split"]) == count - 1
    assert sum(route["split"].values()) == pytest.approx(10, rel=0.01)
    assert "canary" not in route


def test_growth_is_the_last_value_over_the_first_round_by_round() -> None:
    load = Load(1, 1.0, 0, 0, 0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    samples = {str(n): [Sample({"worker": n * each}, load) for each in (1.0, 5.0)] for n in (2, 3, 8)}
    assert growth(samples, lambda sample: sample.total).median == 4.0

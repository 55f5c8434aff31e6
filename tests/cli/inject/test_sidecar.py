"""The sidecar of `inject` is the one that the kustomize component adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.cli.inject import sidecar
from proxy.cli.inject.options import Options
from proxy.config.load import parse

COMPONENTS = Path(__file__).resolve().parents[3] / "deploy/kubernetes/components"
COMPONENT, FLEET = COMPONENTS / "sidecar/sidecar.yaml", COMPONENTS / "fleet/fleet.yaml"
TLS = COMPONENTS / "tls/tls.yaml"


def test_it_is_that_of_the_component() -> None:
    spec: dict[str, Any] = yaml.safe_load(COMPONENT.read_text())["spec"]["template"]["spec"]
    (there,) = spec["initContainers"]
    here = sidecar.container(Options(image="penumbra", port=8080, admin_port=9900, secret="penumbra"))
    assert here == there
    assert sidecar.volumes("penumbra") == spec["volumes"]


def test_a_fleet_is_that_of_the_component() -> None:
    spec: dict[str, Any] = yaml.safe_load(FLEET.read_text())["spec"]["template"]["spec"]
    (there,) = spec["initContainers"]
    assert sidecar.environment(Options(fleet_secret="penumbra-fleet")) == there["env"]
    both = [each["name"] for each in sidecar.environment(Options(fleet_secret="f", secret="s"))]
    assert both == ["PENUMBRA_FLEET_REDIS", "PENUMBRA_INSTANCE", "PENUMBRA_ADMIN_TOKEN"]
    assert sidecar.environment(Options()) == []


def test_tls_is_that_of_the_component() -> None:
    spec: dict[str, Any] = yaml.safe_load(TLS.read_text())["spec"]["template"]["spec"]
    (there,) = spec["initContainers"]
    here = sidecar.container(Options(tls_secret="penumbra-tls", admin_scheme="HTTPS"))
    assert here["volumeMounts"][2:] == there["volumeMounts"]
    assert sidecar.volumes("penumbra", "penumbra-tls")[2:] == spec["volumes"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert here[probe]["httpGet"]["scheme"] == there[probe]["httpGet"]["scheme"] == "HTTPS"


@pytest.mark.parametrize("secret", ["", "mine"])
def test_the_configuration_that_is_made_is_one(secret: str) -> None:
    text = sidecar.plain_configuration("cancer", 8081, Options(port=8080, admin_port=9900, secret=secret))
    settings = parse(text, {"PENUMBRA_ADMIN_TOKEN": "t"})
    assert settings.admin.token == ("t" if secret else "")
    assert Path(settings.state).parent == Path(sidecar.STATE_FOLDER)
    assert settings.routes[0].primary == "cancer"


def test_a_pod_has_the_time_that_its_end_takes() -> None:
    for native in (True, False):
        options = Options(native=native, drain=120.0)
        assert sidecar.grace(options) > sidecar.model_waits(options)
        assert sidecar.grace(options) > sidecar.LEAVE_SECONDS + options.drain

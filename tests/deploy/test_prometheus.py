"""The rules do what their unit tests say, use metrics that exist, and every alert has a section in the runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.contracts.failure import FAILURES
from proxy.contracts.grpc_status import LABELS
from proxy.contracts.outcome import outcome_of
from proxy.control.telemetry.fleet_metrics import OF_THE_FLEET

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
EXPRESSIONS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
TELEMETRY = Path(__file__).resolve().parents[2] / "proxy" / "control" / "telemetry"
METRICS = "".join(file.read_text() for file in sorted(TELEMETRY.glob("*.py")))

promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


@promtool
def test_rules_and_their_unit_tests() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", "rules_test.yaml"], cwd=DEPLOY / "prometheus", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_the_scrape_configuration_is_valid(tmp_path: Path) -> None:
    text = (DEPLOY / "prometheus" / "prometheus.yaml").read_text()
    path = tmp_path / "prometheus.yaml"
    path.write_text(text.replace("/etc/prometheus/rules.yaml", str(DEPLOY / "prometheus" / "rules.yaml")))
    done = subprocess.run(["promtool", "check", "config", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_has_a_section_in_the_runbook(alert: dict[str, Any]) -> None:
    runbook = (DEPLOY / "RUNBOOK.md").read_text()
    assert f"### {alert['alert']}\n" in runbook
    assert alert["annotations"]["runbook"] == f"RUNBOOK.md#{alert['alert'].lower()}"
    assert alert["labels"]["severity"] in ("critical", "warning", "info")


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    sections = set(re.findall(r"^### (\w+)$", (DEPLOY / "RUNBOOK.md").read_text(), re.MULTILINE))
    assert sections == {alert["alert"] for alert in ALERTS}


def test_every_alert_has_a_unit_test() -> None:
    tests = yaml.safe_load((DEPLOY / "prometheus" / "rules_test.yaml").read_text())["tests"]
    fired = {each["alertname"] for test in tests for each in test["alert_rule_test"] if each["exp_alerts"]}
    assert fired == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_a_fleet_says_alike_is_counted_once(expression: str) -> None:
    for found in re.finditer(rf"\b({'|'.join(OF_THE_FLEET)})\b", expression):
        assert re.search(r"(max|min) by \([^()]*\) \([\s(]*$", expression[: found.start()]), expression


@pytest.mark.parametrize("where", ["prometheus/rules.yaml", "grafana/dashboards/overview.json"])
def test_the_codes_that_count_as_failures_are_those_that_are_charged(where: str) -> None:
    """A call of gRPC that went well has a code that is no number, as the reason of a failure is none."""
    selectors = set(re.findall(r'code=~\\*"([^"\\]+)\\*"', (DEPLOY / where).read_text()))
    assert len(selectors) == 1, selectors
    bad = re.compile(selectors.pop())
    for code in ("200", "404", "429", "500", "503", *LABELS):
        assert bool(bad.fullmatch(code)) == (outcome_of(code) == "failed"), code
    assert all(map(bad.fullmatch, FAILURES))


def test_rules_use_metrics_that_exist() -> None:
    """Recorded names have colons; the others must be made by control, without the suffixes of their kind."""
    recorded = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
    for expression in EXPRESSIONS:
        for name in re.findall(r"[a-z_:]*penumbra_[a-z0-9_:]+", expression):
            if ":" in name:
                assert name in recorded
            else:
                assert f'"{re.sub(r"_(total|bucket|sum|count)$", "", name)}"' in METRICS, name

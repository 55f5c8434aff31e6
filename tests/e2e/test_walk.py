"""The demo kept up with `--hold`, as a new user goes on from it: every step is the line that the demo prints.

Open the page, send a request, split by curl, see Prometheus get it, break a version, see the rollback on the page, in
the metrics, in the audit and in the log; then Ctrl-C, after which nothing is left. One test, since a real demo takes
ten seconds to be up.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium import webdriver

from tests.support.browser import browser, needed
from tests.support.demo import PATIENCE, ROOT, Demo, demo
from tests.support.running import call, eventually

pytestmark = [needed, pytest.mark.skipif(not shutil.which("prometheus"), reason="Debian package prometheus")]

STEP = re.compile(r"^  (\S.*?) {2,}(\S.*)$", re.MULTILINE)


def run(command: str) -> str:
    """What a line from the demo prints in a shell; it must succeed."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def steps_of(running: Demo) -> dict[str, str]:
    """The steps that the demo prints at its end."""
    running.says("Ctrl-C ends it all")
    text = running.log.read_text(encoding="utf-8").partition("To try, from another terminal")[2]
    return dict(STEP.findall(text))


@contextmanager
def prometheus(command: str, folder: Path) -> Iterator[Callable[[str], list[float]]]:
    """Prometheus by the demo's line, at an address of its own; gives the values of a query."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
    line = command.replace("$(mktemp -d)", str(folder / "tsdb"))
    with (folder / "prometheus.log").open("w") as log:
        argv = ["bash", "-c", f"exec {line} --web.listen-address={address}"]
        process = subprocess.Popen(argv, stdout=log, stderr=log)

    def values(query: str) -> list[float]:
        try:
            found: Any = call(address, "GET", f"/api/v1/query?query={quote(query)}").json()
        except OSError:
            return []
        return [float(row["value"][1]) for row in found["data"]["result"]]

    try:
        yield values
    finally:
        process.terminate()
        process.wait(PATIENCE)


def shows(driver: webdriver.Chrome, css: str, text: str) -> None:
    """Returns when `text` can be read in the first element that matches."""
    script = "return document.querySelector(arguments[0])?.innerText ?? ''"
    eventually(lambda: text.lower() in str(driver.execute_script(script, css)).lower(), f"{text!r} in {css}")


def test_a_new_user_walks_on_from_the_demo(models_python: Path, tmp_path: Path) -> None:
    with demo(models_python, tmp_path, "hold=True, seconds=1.0, rate=150.0") as running, browser() as driver:
        steps = steps_of(running)
        with prometheus(steps["Prometheus, if installed"], tmp_path) as values:
            opened_and_asked(driver, steps)
            split_by_curl(driver, steps, values)
            broken_and_rolled_back(driver, steps, values)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE) == 0, running.log.read_text(encoding="utf-8")
        assert running.left() == []


def opened_and_asked(driver: webdriver.Chrome, steps: dict[str, str]) -> None:
    driver.get(steps["the status page"])
    shows(driver, "#feed", "live")
    shows(driver, ".card .badges", "rolled back")
    answer = run(steps["one request"])
    assert answer.startswith("HTTP/1.1 200")
    assert "x-penumbra-version: cancer-v1" in answer


def split_by_curl(driver: webdriver.Chrome, steps: dict[str, str], values: Callable[[str], list[float]]) -> None:
    assert json.loads(run(steps["25 % for cancer-v2"]))["split"] == {"cancer-v1": 75.0, "cancer-v2": 25.0}
    assert "cancer-v2 25 %" in run(steps["how it stands"])
    shows(driver, ".legend", "25 %")
    eventually(lambda: values('penumbra_split_percent{version="cancer-v2"}') == [25.0], "the split in Prometheus")
    legs = 'penumbra_requests_total{version="cancer-v2", role="canary", code="200"}'
    before = values(legs)
    eventually(lambda: values(legs) > before, "traffic of the canary in Prometheus")


def broken_and_rolled_back(
    driver: webdriver.Chrome, steps: dict[str, str], values: Callable[[str], list[float]]
) -> None:
    driver.execute_script("window.same = true")
    (before,) = values("sum(penumbra_rollbacks_total)")
    broken = time.time()
    run(steps["break cancer-v2"])
    shows(driver, ".card .badges", "rolled back")
    shows(driver, "#changes li:first-child", "by scorecard")
    assert driver.execute_script("return window.same"), "the page was not loaded again"
    eventually(lambda: values("sum(penumbra_rollbacks_total)") == [before + 1], "the rollback in Prometheus")
    assert 'penumbra_rescued_total{reason="connect_failed",route="cancer",version="cancer-v2"}' in run(
        steps["the same in numbers"]
    )
    newest = json.loads(run(steps["who did what, and why"]))["entries"][0]
    assert (newest["who"], newest["action"]) == ("scorecard", "rollback")
    assert broken < newest["at"]
    assert newest["why"].startswith("error_rate")
    log = Path(steps["the log"]).read_text(encoding="utf-8").splitlines()
    assert f"cancer: rollback: {newest['why']}" in {json.loads(line)["event"] for line in log}
    assert run(steps["one request"]).startswith("HTTP/1.1 200")

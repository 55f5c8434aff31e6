"""The README's example, carried out as it stands there: its FastAPI model served by uvicorn three times, its
configuration, its calls. Only ports are replaced by free ones."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from proxy.demo.servers import ModelsVenvMissing, models_python
from tests.support.running import PATIENCE, Running, call, eventually

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUESTS = 1500
ADMIN = "localhost:9900"
CURL = {"Content-Type": "application/x-www-form-urlencoded"}
"""What `curl -d` sends without a header of its own."""


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language; "" is a shell's."""
    every = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [block for name, block in every if name == language]


def servers() -> list[tuple[dict[str, str], str]]:
    """(environment, port) of each line that starts uvicorn."""
    lines = [line for block in blocks("") for line in block.splitlines() if "uvicorn" in line]
    words = [shlex.split(line.partition("&")[0]) for line in lines]
    return [(dict(word.split("=") for word in each if "=" in word), each[-1]) for each in words]


def calls() -> list[list[str]]:
    """The words of each line that begins with `curl`, without what a pipe does to its output."""
    lines = [line for block in blocks("") for line in block.splitlines() if line.startswith("curl ")]
    return [shlex.split(line.partition(" | ")[0], comments=True) for line in lines]


def body_of(place: str) -> Any:
    """The JSON that the README sends to `place`."""
    (words,) = (each for each in calls() if place in each)
    return json.loads(words[words.index("-d") + 1])


@pytest.fixture(scope="module")
def python() -> Path:
    """An interpreter that has FastAPI and uvicorn: that of the model servers."""
    try:
        found = models_python(Path(os.environ.get("PENUMBRA_MODELS_VENV", ROOT / ".venv-models")).absolute())
    except ModelsVenvMissing as problem:
        pytest.skip(f"no environment with FastAPI: {problem}")
    asked = subprocess.run([found, "-c", "import fastapi, uvicorn"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip(f"{found} has no FastAPI or no uvicorn")
    return found


@pytest.fixture(scope="module")
def running(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Penumbra in front of the three versions of `app.py`."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "app.py").write_text(blocks("python")[0], encoding="utf-8")
    config = blocks("yaml")[0].replace("8080", "0").replace("9900", "0").replace("penumbra.db", f"{folder}/state.db")
    with ExitStack() as stack:
        for environment, port in servers():
            free = free_port()
            config = config.replace(f"{port}}}", f"{free}}}")
            argv = [str(python), "-m", "uvicorn", "app:app", "--port", str(free), "--log-level", "warning"]
            process = stack.enter_context(subprocess.Popen(argv, cwd=folder, env=os.environ | environment))
            stack.callback(process.wait, PATIENCE)
            stack.callback(process.terminate)
            eventually(lambda free=free: serves(free), f"uvicorn on {free}")  # type: ignore[misc]
        (folder / "penumbra.yaml").write_text(config, encoding="utf-8")
        yield stack.enter_context(Running(folder / "penumbra.yaml"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def serves(port: int) -> bool:
    try:
        return call(f"127.0.0.1:{port}", "GET", "/openapi.json").status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def labels(running: Running) -> list[dict[str, Any]]:
    """Requests like the README's, and for each a label like the README's; the truth follows v1."""
    chance, found = random.Random(12), []
    body, label = body_of("localhost:8080/predict"), body_of(f"{ADMIN}/v1/feedback")
    for _ in range(REQUESTS):
        row = {name: chance.gauss(0.0, 2.0) for name in body["features"]}
        answer = call(running.data, "POST", "/predict", body | {"features": row})
        assert (answer.status, list(answer.json())) == (200, ["prediction"])
        truth = 0.5 * row["income"] - 0.8 * row["debt"] + chance.gauss(0.0, 1.0) > 0
        found.append(label | {"request_id": answer.headers["x-request-id"], "label": int(truth)})
    return found


def see(running: Running, what: str) -> Any:
    """The answer to the README's `curl localhost:9900/v1/routes/loans/WHAT`."""
    (words,) = (each for each in calls() if each[-1].endswith(f"/{what}"))
    return running.ask("GET", words[-1].removeprefix(ADMIN)).json()


def test_the_example_answers_as_it_says(running: Running) -> None:
    answer = call(running.data, "POST", "/predict", body_of("localhost:8080/predict"))
    assert answer.status == 200
    assert answer.headers["x-penumbra-version"] in {"v1", "v2"}
    assert answer.headers["x-request-id"]


def test_answers_of_the_shadow_are_compared(running: Running, labels: list[dict[str, Any]]) -> None:
    eventually(lambda: see(running, "disagreements")["versions"], "pairs")
    (shadow,) = see(running, "disagreements")["versions"]
    assert shadow["version"] == "v3"
    assert shadow["pairs"] > REQUESTS / 2
    assert shadow["ratio"] > 0.5, "v3 was made to differ"


def test_drift_has_a_row_for_each_feature(running: Running, labels: list[dict[str, Any]]) -> None:
    wanted = {("income", "v1"), ("debt", "v1"), ("prediction", "v1"), ("prediction", "v3")}
    eventually(lambda: wanted <= rows(running), f"drift of {wanted}")


def rows(running: Running) -> set[tuple[str, str]]:
    """(feature, version) of each row of the README's look at drift."""
    return {(row["feature"], row["version"]) for row in see(running, "drift")["features"]}


def test_labels_become_quality_and_lines_of_the_scorecard(running: Running, labels: list[dict[str, Any]]) -> None:
    def joined() -> bool:
        outcome = call(running.admin, "POST", "/v1/feedback", labels, CURL).json()
        return bool(outcome["joined"] + outcome["duplicate"] == REQUESTS)

    eventually(joined, "a prediction for each label")
    eventually(lambda: quality(running, "v1", "primary") and quality(running, "v3", "shadow"), "figures of quality")
    assert quality(running, "v1", "primary") > 0.7 > quality(running, "v3", "shadow")
    lines = eventually(lambda: lines_of_labels(running), "lines of the scorecard that rest on labels")
    assert {line["metric"] for line in lines} == {"accuracy", "auroc"}


def lines_of_labels(running: Running) -> list[dict[str, Any]]:
    """The scorecard's lines on labels, as soon as each has met one."""
    lines = [line for line in see(running, "scorecard")["metrics"] if line["metric"] in ("accuracy", "auroc")]
    return lines if all(line["n"] for line in lines) else []


def quality(running: Running, version: str, role: str) -> float:
    """`penumbra_quality` of accuracy, 0 without one."""
    (words,) = (each for each in calls() if each[-1].endswith("/metrics"))
    text = running.ask("GET", words[-1].removeprefix(ADMIN)).body.decode()
    rows = re.findall(r"^penumbra_quality\{(.*)\} (\S+)$", text, re.MULTILINE)
    wanted = {'metric="accuracy"', f'version="{version}"', f'role="{role}"', 'route="loans"'}
    return next((float(value) for labels, value in rows if wanted == set(labels.split(","))), 0.0)


def test_the_calls_to_see_it_work_are_answered(running: Running) -> None:
    asked = [words[-1].removeprefix(ADMIN) for words in calls() if words[-1].startswith(ADMIN)]
    assert len(asked) == 5
    assert {running.ask("GET", path).status for path in asked} == {200}

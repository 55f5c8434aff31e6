"""Captured calls of gRPC, sent to real servers of grpcio that nobody uses yet."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from proxy.contracts.replay import ReplayReport, decode, encode, settled
from tests.e2e.test_grpc_streams import streaming
from tests.e2e.test_grpcio_servers import configured, metrics, serving
from tests.support.certificates import Authority, written
from tests.support.http2_server import Asked, Http2Server
from tests.support.oip_messages import framed, message, tensor
from tests.support.running import PATIENCE, Running, eventually

CLIENT = Path(__file__).with_name("unary_client.py")
CALLS = 420
OTHERS = 30
STREAMS = 12


@pytest.fixture(scope="module")
def captured(models_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a capture: calls of two services, and streams behind them, that a route of gRPC has carried."""
    folder = tmp_path_factory.mktemp("captured")
    with serving(models_python, "well") as ports:
        route = {"match": {"path": "/"}, "protocol": "grpc", "primary": "v1"}
        config = configured(folder, {"v1": {"url": f"http://127.0.0.1:{ports[0]}"}}, route)
        content = yaml.safe_load(config.read_text())
        content["capture"] = {"path": str(folder / "records"), "percent": 100, "bodies": True, "max_bytes": "64MiB"}
        config.write_text(yaml.safe_dump(content))
        with Running(config) as running:

            def are_captured(count: int) -> None:
                name = "penumbra_captured_records_total"
                eventually(lambda: metrics(running).total(name) >= count, "everything is captured")

            argv = [str(models_python), str(CLIENT), running.data, str(CALLS), str(OTHERS)]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
            assert len(json.loads(done.stdout)) == CALLS
            are_captured(CALLS + OTHERS)
            with streaming(models_python, running) as client:
                are_captured(CALLS + OTHERS + STREAMS)
                client.ended()
    return folder


@pytest.fixture
def well(models_python: Path) -> Iterator[str]:
    """HOST:PORT of a model that answers as the one that was captured."""
    with serving(models_python, "well") as ports:
        yield f"127.0.0.1:{ports[0]}"


def command(captured: Path, folder: Path, url: str, *more: str) -> list[str]:
    """A replay by what CI judges by; its report is `report.json` in the folder."""
    stages = [{"shadow": 100, "requests": 200}, {"canary": 50, "requests": 200}]
    release = {"candidate": "v2", "strategy": "canary", "stages": stages, "scorecard": {"disagreement": {"max": 0.05}}}
    route = {"match": {"path": "/"}, "protocol": "grpc", "primary": "v1", "release": release}
    config = configured(folder, {name: {"url": "http://127.0.0.1:1"} for name in ("v1", "v2")}, route)
    argv = [sys.executable, "-m", "proxy", "replay", str(captured / "records"), str(config), "--route", "r"]
    return [*argv, "--against", url, "--json", str(folder / "report.json"), "--unsealed", *more]


def replay(captured: Path, folder: Path, url: str, *more: str) -> tuple[int, ReplayReport | None]:
    """Exit code, and the report if there is one."""
    place = folder / "report.json"
    place.unlink(missing_ok=True)
    argv = command(captured, folder, url, *more)
    code = subprocess.run(argv, capture_output=True, timeout=120, check=False).returncode
    return code, decode(place.read_bytes()) if place.exists() else None


def test_as_good_a_model_passes_and_the_report_is_the_same_again(captured: Path, well: str, tmp_path: Path) -> None:
    code, report = replay(captured, tmp_path, f"http://{well}", "--junit", str(tmp_path / "junit"))
    assert report is not None and (code, report.verdict) == (0, "pass"), report
    good = report.outcomes[-1]
    assert good.outcomes == {"good": report.counts.sent} and good.codes == {"grpc:0": report.counts.sent}
    assert report.counts.answered == report.counts.sent >= CALLS + OTHERS + STREAMS and not report.counts.skipped
    assert report.agreement.pairs == report.counts.sent - OTHERS
    assert f"{OTHERS} of the requests are calls whose messages are not read: they count by status" in report.notes
    assert report.agreement.disagreements == 0 and b"<failure" not in (tmp_path / "junit").read_bytes()
    code, again = replay(captured, tmp_path, f"http://{well}")
    assert again is not None and encode(settled(again)) == encode(settled(report))
    code, report = replay(captured, tmp_path, f"grpc://{well}")
    assert report is not None and (code, report.against) == (0, f"grpc://{well}")


@pytest.mark.parametrize(
    ("manner", "why", "outcomes"),
    [("worse", "disagreement", "good"), ("garbage", "invalid_rate", "good"), ("idle", "error_rate", "failed")],
)
def test_a_model_that_is_worse_fails_as_soon_as_that_shows(
    manner: str, why: str, outcomes: str, captured: Path, models_python: Path, tmp_path: Path
) -> None:
    with serving(models_python, manner) as ports:
        code, report = replay(captured, tmp_path, f"http://127.0.0.1:{ports[0]}")
    assert report is not None and (code, report.verdict, report.ending) == (1, "fail", "decided")
    assert why in report.sentence and report.counts.sent < CALLS and outcomes in report.outcomes[-1].outcomes
    worst = report.agreement.worst
    assert len(worst) == 5 and worst[0].detail.keys() >= {"primary", "candidate"}
    assert manner != "worse" or worst[0].shift == 50.0


def test_a_server_that_is_not_there_is_no_verdict(captured: Path, tmp_path: Path) -> None:
    assert replay(captured, tmp_path, "grpc://127.0.0.1:1") == (3, None)


def test_a_primary_beside_it_is_asked_twice_and_both_by_tls(
    captured: Path, models_python: Path, tmp_path: Path
) -> None:
    authority = Authority()
    own = written(tmp_path / "own", authority.issue("ip:127.0.0.1"), authority)
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(models_python, "well", own.certificate, own.key))[1] for _ in range(2)]
        argv = command(
            captured, tmp_path, f"grpcs://127.0.0.1:{ports[0]}", "--primary", f"https://127.0.0.1:{ports[1]}"
        )
        config = Path(argv[5])
        content = yaml.safe_load(config.read_text())
        for version in content["versions"].values():
            version |= {"url": "https://127.0.0.1:1", "tls": {"ca": own.ca}}
        config.write_text(yaml.safe_dump(content))
        code = subprocess.run(argv, capture_output=True, timeout=120, check=False).returncode
    report = decode((tmp_path / "report.json").read_bytes())
    assert (code, report.verdict, report.beside) == (0, "pass", f"https://127.0.0.1:{ports[1]}")
    assert report.agreement.noise_pairs > 0 and report.agreement.noise_disagreements == 0
    assert report.run is not None and [arm.arm for arm in report.run.latencies] == ["primary", "candidate"]


async def summed(asked: Asked) -> None:
    """A model that answers as that one, of the reference's HTTP/2."""
    await asked.ended.wait()
    request = message("ModelInferRequest").FromString(asked.body[5:])
    total = sum(value for each in request.inputs for value in each.contents.fp64_contents)
    answer = message("ModelInferResponse", model_name="m", outputs=[tensor("y", "FP64", [1], [total])])
    asked.head((b"content-type", b"application/grpc"))
    await asked.data(framed(answer.SerializeToString()))
    asked.end((b"grpc-status", b"0"))


def test_one_that_is_interrupted_says_what_it_has(captured: Path, tmp_path: Path) -> None:
    async def main() -> tuple[int | None, str]:
        enough = asyncio.Event()

        async def script(asked: Asked) -> None:
            await summed(asked)
            if len(server.seen) > 30:
                enough.set()

        async with Http2Server(script) as server:
            argv = command(captured, tmp_path, f"http://127.0.0.1:{server.port}", "--pace", "0.1")
            process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
            await asyncio.wait_for(enough.wait(), PATIENCE)
            process.send_signal(signal.SIGINT)
            shown, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
            return process.returncode, shown.decode()

    code, shown = asyncio.run(main())
    report = decode((tmp_path / "report.json").read_bytes())
    assert (code, report.ending) == (5, "interrupted") and 0 < report.counts.answered < CALLS
    assert "interrupted: " in shown and report.agreement.disagreements == 0

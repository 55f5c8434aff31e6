"""`penumbra replay` in a job that goes wrong: ended, without room on its disk, beside servers that mean no good. What
was there before stays, and nothing is there by halves."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from proxy.contracts.replay import decode, encode
from proxy.control.capture.format import Captured
from proxy.control.capture.reading import legs_in
from tests.cli.replay.test_command import CONFIG
from tests.support.replayed import answer, capture, request, serving, whole
from tests.support.replays import failed
from tests.support.running import PATIENCE, Running, call, eventually

NUMBERS = {request(number): number for number in range(1001)}
REPORT = encode(failed())
"""What an earlier job has left."""

Respond = Callable[[int, bytes], bytes | None]
Start = Callable[..., Running]
Watch = Callable[[asyncio.subprocess.Process, list[bytes]], Awaitable[None]]


def good(number: int, body: bytes) -> bytes:
    return whole(answer(NUMBERS[body]))


def at_first(number: int, body: bytes) -> bytes | None:
    """Nothing more from the twelfth request on."""
    return good(number, body) if number < 12 else None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "penumbra.yaml").write_text(CONFIG)
    capture(tmp_path / "records", 40)
    (tmp_path / "report.json").write_bytes(REPORT)
    return tmp_path


def replayed(folder: Path, respond: Respond, watch: Watch | None = None, room: int = 0) -> tuple[int, str]:
    """The exit code, and what it said on stderr. `room`: bytes that its files may have."""

    def bounded() -> None:
        if room:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    async def main() -> tuple[int, str]:
        async with serving(respond) as (port, seen):
            command = ["-m", "proxy", "replay", str(folder / "records"), str(folder / "penumbra.yaml")]
            command += ["--route", "cancer", "--against", f"http://127.0.0.1:{port}", "--concurrency", "4"]
            command += ["--json", str(folder / "report.json"), "--html", str(folder / "report.html")]
            child = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
                preexec_fn=bounded,
            )  # fmt: skip
            if watch is not None:
                await watch(child, seen)
            _, told = await asyncio.wait_for(child.communicate(), PATIENCE)
            assert child.returncode is not None
            return child.returncode, told.decode()

    return asyncio.run(main())


def ends(number: signal.Signals) -> Watch:
    """Ends a replay by a signal, once its server is silent."""

    async def watch(child: asyncio.subprocess.Process, seen: list[bytes]) -> None:
        while len(seen) < 16:  # noqa: ASYNC110  a list has no event
            await asyncio.sleep(0.02)
        child.send_signal(number)

    return watch


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("penumbra.yaml", "records"))


def test_one_that_is_killed_leaves_what_was_there(folder: Path) -> None:
    code, _ = replayed(folder, at_first, ends(signal.SIGKILL))
    assert code == -signal.SIGKILL
    assert names(folder) == ["report.json"] and (folder / "report.json").read_bytes() == REPORT


def test_one_that_is_ended_says_what_it_has(folder: Path) -> None:
    code, _ = replayed(folder, at_first, ends(signal.SIGTERM))
    report = decode((folder / "report.json").read_bytes())
    assert (code, report.ending, report.verdict, report.counts.sent) == (5, "interrupted", "undecided", 12)
    assert names(folder) == ["report.html", "report.json"]


def test_a_full_disk_takes_no_report_away(folder: Path) -> None:
    code, told = replayed(folder, good, room=1000)
    assert code == 2 and f"{folder / 'report.json'}: File too large" in told
    assert names(folder) == ["report.json"] and (folder / "report.json").read_bytes() == REPORT


@pytest.mark.parametrize("more", [b"", b"x" * 100_000])
def test_an_announced_flood_is_no_answer_and_nobody_waits_for_it(folder: Path, more: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10000000000\r\n\r\n"
    code, told = replayed(folder, lambda number, body: head + more)
    assert code == 3 and "gave no answer" in told and "answer_too_large" in told
    assert (folder / "report.json").read_bytes() == REPORT, "no verdict"


def test_a_capture_survives_a_disk_that_was_full(start: Start, tmp_path: Path) -> None:
    """Nothing half is written; what came meanwhile is counted as lost, and clients notice nothing."""
    records = tmp_path / "records"
    running = start(top=f"capture: {{percent: 100, path: {records}, max_bytes: 64MiB, bodies: true}}")
    control = running.child("control")
    asked(running, 40)
    eventually(lambda: len(legs(records)) == 40, "the first records")
    resource.prlimit(control, resource.RLIMIT_FSIZE, (records.stat().st_size + 1000, resource.RLIM_INFINITY))
    asked(running, 60)
    eventually(
        lambda: counted(running, "penumbra_capture_errors_total") > 0, "that it cannot be written, and is counted"
    )
    resource.prlimit(control, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    asked(running, 40)
    eventually(lambda: len(legs(records)) >= 80, "the records after it")
    eventually(
        lambda: counted(running, "penumbra_captured_records_total") == len(legs(records)),
        "that the counts agree",
    )


def asked(running: Running, count: int) -> None:
    assert [call(running.data, "POST", "/predict", {}).status for _ in range(count)] == [200] * count


def legs(records: Path) -> list[Captured]:
    return list(legs_in([records])) if records.exists() else []


def counted(running: Running, name: str) -> float:
    text = running.ask("GET", "/metrics").body.decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{name} "))

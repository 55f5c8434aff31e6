"""Unary calls of gRPC: messages of the Open Inference Protocol, servers that cost next to nothing (nghttpd, which has a
file for an answer and a status for its trailers), and two loads.

h2load sends the same head again and again. Where no two heads are to be alike, `loadtests.talk` sends the calls.
"""

from __future__ import annotations

import random
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadtests.compiled import HOUSE
from loadtests.load import LoadFailed
from loadtests.processes import accepts, free_ports, program, running, wait_until
from loadtests.results import Load

SERVICE = "/inference.GRPCInferenceService/"
CALL = SERVICE + "ModelInfer"
PATIENCE = 20.0
"""Seconds that a load may take longer than it was asked to."""

HEADERS = ("te: trailers", "content-type: application/grpc", "user-agent: grpc-c/42.0.0 (linux; chttp2)")
COUNTS = re.compile(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")
RECEIVED = re.compile(r"^traffic: .*\((\d+)\) total", re.MULTILINE)
"""What h2load prints."""


def _field(number: int, value: bytes) -> bytes:
    """A field of bytes (less than 16 KiB) of a protobuf message."""
    size = len(value)
    return bytes([number << 3 | 2]) + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + value


def _tensor(name: str, row: Sequence[float]) -> bytes:
    """An input or an output tensor: name, datatype, shape, contents."""
    contents = _field(7, struct.pack(f"<{len(row)}d", *row))
    return _field(1, name.encode()) + _field(2, b"FP64") + _field(3, bytes((1, len(row)))) + _field(5, contents)


def message(data: bytes) -> bytes:
    """A message as gRPC frames it, not compressed."""
    return struct.pack(">BI", 0, len(data)) + data


def infer_request(features: int, rng: random.Random) -> bytes:
    """A ModelInferRequest with one row: 30 features make about 0.3 KB."""
    row = [round(rng.lognormvariate(1.0, 1.0), 4) for _ in range(features)]
    return message(_field(1, b"cancer") + _field(3, b"%016x" % rng.getrandbits(64)) + _field(5, _tensor("x", row)))


def infer_response(version: str, score: float) -> bytes:
    """A ModelInferResponse."""
    return message(_field(1, b"cancer") + _field(2, version.encode()) + _field(5, _tensor("predict", [score])))


def served(home: Path, port: int) -> list[str]:
    """The command line of a server that answers with the files in `home`."""
    where = ["--no-tls", "--address=127.0.0.1", f"--htdocs={home}"]
    return [program("nghttpd"), *where, "--trailer=grpc-status: 0", str(port)]


@contextmanager
def answering_calls(home: Path, versions: int, tls: bool = False) -> Iterator[list[int]]:
    """`versions` servers, whose scores differ a little; yields their ports."""
    ports = free_ports(versions)
    with ExitStack() as stack:
        for index, port in enumerate(ports, 1):
            folder = home / f"calls-{index}"
            answer = folder / CALL[1:]
            answer.parent.mkdir(parents=True)
            answer.write_bytes(infer_response(f"v{index}", 0.9 + index / 100))
            log = folder / "log"
            process = stack.enter_context(running(served(folder, port), log))
            wait_until(lambda port=port: accepts(port), process, log)  # type: ignore[misc]
        yield ports


@contextmanager
def echoing(home: Path, versions: int, tls: bool = False) -> Iterator[list[int]]:
    """`versions` servers that send back what they get, message by message; yields their ports."""
    ports = free_ports(versions)
    with ExitStack() as stack:
        for port in ports:
            log = home / f"echo-{port}"
            command = [sys.executable, "-m", "loadtests.talk", "echo", str(port)]
            process = stack.enter_context(running(command, log, cwd=HOUSE))
            wait_until(lambda port=port: accepts(port), process, log)  # type: ignore[misc]
        yield ports


@dataclass(frozen=True, slots=True)
class CallDrive:
    """How a run is driven: `connections` with so many `streams` each. `unique`: each call has an id and a trace parent
    of its own; `rate`: calls a second in all (None: as fast as it goes)."""

    body: Path
    connections: int = 16
    streams: int = 1
    unique: bool = False
    rate: int | None = None

    def drive(self, port: int, seconds: float) -> Load:
        """One run against a loopback port. Raises LoadFailed without a result."""
        if self.unique:
            return talked(["calls", str(self.connections), str(self.streams), str(self.body)], port, seconds)
        with tempfile.TemporaryDirectory() as home:
            log = Path(home) / "log"
            given = [f"-D{max(1, round(seconds))}", f"-c{self.connections}", f"-m{self.streams}", f"--log-file={log}"]
            if self.rate is not None:
                given.append(f"--rps={self.rate / self.connections:g}")
            given += [word for each in HEADERS for word in ("-H", each)]
            command = ["h2load", "-t1", *given, f"-d{self.body}", f"http://127.0.0.1:{port}{CALL}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE)
            if done.returncode or not COUNTS.search(done.stdout):
                raise LoadFailed(f"h2load ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
            return read_load(done.stdout, log.read_text(), seconds)


def talked(words: Sequence[str], port: int, seconds: float) -> Load:
    """One run of `loadtests.talk`. Raises LoadFailed without a result."""
    command = [sys.executable, "-m", "loadtests.talk", *words, str(port), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE, cwd=HOUSE)
    if done.returncode:
        raise LoadFailed(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return msgspec.json.decode(done.stdout, type=Load)


def read_load(said: str, log: str, seconds: float) -> Load:
    """What h2load has seen, by what it `said` and its `log`: a line for each answer, when, status, microseconds."""
    found, received = COUNTS.search(said), RECEIVED.search(said)
    assert found is not None and received is not None
    _, _, failed, errored, timeout = map(int, found.groups())
    taken = [int(line.rpartition("\t")[2]) for line in log.splitlines()]
    return load_of(taken, seconds, int(received[1]), failed, errored, timeout)


def load_of(taken: list[int], seconds: float, size: int, failed: int, errored: int = 0, timeout: int = 0) -> Load:
    """A load from the microseconds that each answer took."""
    if not taken:
        raise LoadFailed("no call was answered")
    taken.sort()
    p50, p90, p99, p999 = (float(taken[min(len(taken) - 1, int(len(taken) * part))]) for part in QUANTILES)
    mean, slowest = sum(taken) / len(taken), float(taken[-1])
    return Load(len(taken), seconds, size, 0, errored, 0, failed, timeout, p50, p90, p99, p999, mean, slowest)


@dataclass(frozen=True, slots=True)
class StreamDrive:
    """`connections` with a stream each, both ways: of so many `messages`, each of which waits for its echo. Then comes
    another stream. What is counted are messages."""

    body: Path
    connections: int = 16
    messages: int = 1_000

    def drive(self, port: int, seconds: float) -> Load:
        """One run against a loopback port. Raises LoadFailed without a result."""
        return talked(["streams", str(self.connections), str(self.messages), str(self.body)], port, seconds)


QUANTILES = (0.5, 0.9, 0.99, 0.999)

"""wrk, its script and the model servers, at work for a second."""

import shutil
import socket
from pathlib import Path

import pytest

from loadtests.load import Drive, LoadFailed, drive
from loadtests.misbehaving import MISBEHAVING, _answer
from loadtests.processes import program
from loadtests.traffic import write_bodies
from loadtests.upstreams import answering
from tests.support.counting import model_server

wrk = pytest.mark.skipif(
    not shutil.which("wrk") or not shutil.which(program("nginx")), reason="wrk and nginx are not installed"
)


@wrk
@pytest.mark.parametrize("size", [None, 200_000], ids=["rows", "200 KB"])
def test_wrk_gets_answers_from_the_model_servers(tmp_path: Path, size: int | None) -> None:
    tmp_path.chmod(0o755)
    with answering(tmp_path, 2) as (port, _):
        seen = drive(port, Drive(write_bodies(tmp_path / "bodies", size=size), connections=4), 1)
    assert seen.requests > 100
    assert seen.errors == 0
    assert 0 < seen.p50 <= seen.p99 <= seen.max


@wrk
def test_a_paced_load_is_paced(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with answering(tmp_path, 1) as (port,):
        seen = drive(port, Drive(write_bodies(tmp_path / "bodies"), connections=4, pause_ms=20, close=True), 1)
    assert 20 < seen.requests <= 4 * 110
    assert seen.errors == 0


@wrk
def test_no_server_is_not_a_result(tmp_path: Path) -> None:
    with MISBEHAVING["dead"]() as port, pytest.raises(LoadFailed, match="refused"):
        drive(port, Drive(write_bodies(tmp_path / "bodies"), connections=1), 1)


def test_each_shadow_misbehaves_in_its_own_way() -> None:
    with MISBEHAVING["hung"]() as port, socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    with MISBEHAVING["dead"]() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    with MISBEHAVING["black hole"]() as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.3)
    with MISBEHAVING["garbage"]() as port, socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n\r\n")
        assert not connection.recv(100).startswith(b"HTTP")


def test_a_slow_name_server_says_where_the_server_is() -> None:
    """What it answers, without the mount that only root may make."""
    asked = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"\4slow\4test\0"
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        client.bind(("127.0.0.1", 0))
        for kind, count in ((b"\0\1", 1), (b"\0\x1c", 0)):
            _answer(server, asked + kind + b"\0\1", client.getsockname())
            answer = client.recv(512)
            assert answer[:2] == asked[:2] and answer[7] == count
            assert answer.endswith(socket.inet_aton("127.0.0.1")) == bool(count)


@wrk
def test_unique_requests_are_whole_and_no_two_heads_are_alike(tmp_path: Path) -> None:
    with model_server() as server:
        seen = drive(server.server_port, Drive(write_bodies(tmp_path / "bodies"), connections=2, unique=True), 1)
    heads = server.heads
    assert seen.errors == 0
    assert len(heads) >= seen.requests > 20
    assert len(set(heads)) == len(heads)
    assert all(id.startswith("5d3c1f20-") and trace.startswith("00-") and length > 250 for id, trace, length in heads)

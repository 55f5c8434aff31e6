"""Every peer does the work it is measured for: all requests answered, a tenth split off, every one copied."""

import http.client
import shutil
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests import compiled
from loadtests.proxies import PEER, PEERS, Plan, proxied, render
from loadtests.traffic import PATH
from tests.support.counting import Counting, model_server

REQUESTS = 300
PLAN = Plan(primary=1, canary=2, shadow=3)


def available(name: str) -> bool:
    if name == "penumbra" and not compiled.possible():
        return False
    program = PEER[name].command(Path("config"), PLAN)[0]
    return shutil.which(program) is not None or Path(program).exists()


def send(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for number in range(REQUESTS):
        connection.request("POST", PATH, f"request {number}", {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"{}")
    connection.close()


def counts(server: Counting) -> Counter[bytes]:
    return Counter({body: n for body, n in server.seen.items() if body.startswith(b"request")})


def until(condition: object, tries: int = 200) -> bool:
    assert callable(condition)
    pause = threading.Event()
    return any(condition() or pause.wait(0.02) for _ in range(tries))


@pytest.mark.parametrize("name", sorted(PEER))
@pytest.mark.parametrize("mirror", [True, False], ids=["mirror", "split"])
def test_a_peer_splits_and_mirrors(name: str, mirror: bool, tmp_path: Path) -> None:
    if not available(name) or (mirror and not PEER[name].mirrors):
        pytest.skip(f"{name} is not installed, or cannot mirror")
    with ExitStack() as stack:
        primary, canary, shadow = (stack.enter_context(model_server()) for _ in range(3))
        plan = Plan(primary.server_port, canary.server_port, shadow.server_port, percent=10, mirror=mirror)
        proxy = stack.enter_context(proxied(PEER[name], plan, tmp_path))
        send(proxy.port)
        live = counts(primary) + counts(canary)
        assert len(live) == live.total() == REQUESTS
        # 10 % of 300: outside 8 to 60 once in millions of runs.
        assert 8 <= counts(canary).total() <= 60
        expected = live if mirror else Counter[bytes]()
        assert until(lambda: counts(shadow) == expected)


@pytest.mark.parametrize("name", sorted(PEER))
def test_nothing_is_left_to_fill_in_and_no_mirror_without_mirroring(name: str) -> None:
    template = (PEERS / PEER[name].template).read_text()
    full = render(template, PLAN, 4, 5, Path("/home"))
    bare = render(template, Plan(1, 2, 3, mirror=False), 4, 5, Path("/home"))
    assert "@{" not in full
    assert "# mirror" not in bare
    assert ("# mirror" in full) is PEER[name].mirrors


def test_an_unknown_placeholder_is_an_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        render("listen @{nobody}", PLAN, 4, 5, Path("/home"))


@pytest.mark.parametrize("name", ["penumbra", "interpreted"])
def test_penumbra_runs_with_this_python(name: str) -> None:
    assert PEER[name].command(Path("c.yaml"), PLAN) == [sys.executable, "-P", "-m", "proxy", "run", "c.yaml"]


def test_statistics_are_lines_of_their_own() -> None:
    template = (PEERS / "penumbra.yaml").read_text()
    without = render(template, PLAN, 4, 5, Path("/home"))
    judged = render(template, Plan(1, 2, 3, statistics=True), 4, 5, Path("/home"))
    assert "protocol: opaque" in without and "scorecard:" not in without
    assert "protocol: oip" in judged and "input_drift" in judged


@pytest.mark.parametrize("name", sorted(PEER))
def test_a_peer_passes_bodies_that_need_many_reads(name: str, tmp_path: Path) -> None:
    """What `body-1m` sends: without an answer to each, a case would measure nothing."""
    if not available(name):
        pytest.skip(f"{name} is not installed")
    sizes = (300_000, 64, 3_000_000, 70_000)
    with ExitStack() as stack:
        server = stack.enter_context(model_server())
        plan = Plan(server.server_port, server.server_port, server.server_port, mirror=False)
        proxy = stack.enter_context(proxied(PEER[name], plan, tmp_path))
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        for size in sizes:
            connection.request("POST", PATH, b"request" + b"x" * size, {"Content-Type": "application/json"})
            assert connection.getresponse().read() == b"{}"
        connection.close()
        assert [len(body) for body in counts(server)] == [size + len(b"request") for size in sizes]

"""Real processes on loopback: two versions, one route, one configuration file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.running import Running
from tests.support.upstream import Upstream

Start = Callable[..., Running]
Write = Callable[..., Path]


@pytest.fixture
def a() -> Iterator[Upstream]:
    with Upstream("a") as upstream:
        yield upstream


@pytest.fixture
def b() -> Iterator[Upstream]:
    with Upstream("b") as upstream:
        yield upstream


@pytest.fixture
def write(tmp_path: Path, a: Upstream, b: Upstream) -> Write:
    """Writes the configuration: `route` and `top` are added to it."""

    def write(route: str = "", top: str = "", listen: str = "127.0.0.1:0") -> Path:
        path = tmp_path / "penumbra.yaml"
        new = tmp_path / "penumbra.new"
        new.write_text(
            f"listen: {listen}\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path / 'state.db'}\n"
            f"versions: {{a: {{url: {a.url}}}, b: {{url: {b.url}}}}}\n"
            f"routes: {{r: {{match: {{path: /}}, protocol: json, primary: a{route and ', '}{route}}}}}\n{top}\n"
        )
        return new.replace(path)

    return write


@pytest.fixture
def start(write: Write) -> Iterator[Start]:
    """Starts `penumbra run` and waits until it is ready."""
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(Running(write(**config)))

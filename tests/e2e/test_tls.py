"""Real MLServer processes behind what ends TLS for them: versions by `https://`, live and as a shadow."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.certificates import Authority, written
from tests.support.terminator import terminated

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Models, Penumbra

CA = Authority()
ROWS = 60


def test_versions_behind_a_terminator(models: Models, start: Callable[..., Penumbra], tmp_path: Path) -> None:
    """Answers are those of the servers in clear, and copies meet them."""
    own = written(tmp_path / "own", CA.issue("dns:models.test"), CA)
    plain = {version: models.servers[version].url for version in ("cancer-v1", "cancer-v2")}
    address = plain["cancer-v1"].removeprefix("http://")
    direct = models.exchanges(address, count=ROWS, rate=400.0, connections=1)
    with ExitStack() as stack:
        folders = {version: tmp_path / version for version in plain}
        ports = {v: stack.enter_context(terminated(folders[v], own, url)) for v, url in plain.items()}
        penumbra = start(
            {version: f"https://127.0.0.1:{port}" for version, port in ports.items()},
            tls={"ca": own.ca, "server_name": "models.test"},
            primary="cancer-v1",
            shadows=[{"version": "cancer-v2", "percent": 100}],
        )
        through = models.exchanges(penumbra.address, count=ROWS, rate=200.0, connections=1)
        assert [(e.version, e.probability, e.error) for e in through] == [
            (e.version, e.probability, e.error) for e in direct
        ]
        shadows = lambda _: penumbra.metrics().total("penumbra_requests_total", role="shadow", code="200") >= ROWS  # noqa: E731
        penumbra.until(shadows, "all copies answered")
        handshakes = penumbra.metrics().total("penumbra_tls_handshakes_total", side="upstream", result="ok")
        assert 2 <= handshakes <= ROWS  # connections are kept

"""MLServer by gRPC: Triton's client in front, a canary that is compared, killed under load, and rolled back."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.conftest import Models, Penumbra

CLIENT = Path(__file__).with_name("grpc_client.py")
MATCH = {"path": "/inference.GRPCInferenceService"}
WARM = 60


@contextlib.contextmanager
def asking(models: Models, address: str, count: int = 0, threads: int = 4) -> Iterator[subprocess.Popen[str]]:
    """A client by gRPC."""
    argv = [str(models.python), str(CLIENT), address, str(models.folder / "rows.json"), str(count), str(threads)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> list[Any]:
    """What a client saw, once it has been told to stop, or has asked all that it was to ask."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    seen: list[Any] = json.loads(out)
    return seen


def test_a_release_by_grpc_is_compared_and_a_killed_canary_reaches_no_client(
    models: Models, start: Callable[..., Penumbra], tmp_path: Path
) -> None:
    ports = [free_port(), free_port()]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        models.another("cancer-v1", tmp_path / "a", ports[0]),
        models.another("cancer-v2", tmp_path / "b", ports[1]) as doomed,
    ):
        penumbra = start(
            {"cancer-v1": f"http://127.0.0.1:{ports[0]}", "cancer-v2": f"http://127.0.0.1:{ports[1]}"},
            http=2,
            match=MATCH,
            primary="cancer-v1",
            shadows=[{"version": "cancer-v2", "percent": 100}],
        )
        with asking(models, penumbra.address, count=80) as client:
            seen = ended(client)
        assert {(version, error) for version, _, error in seen} == {("cancer-v1", "")}
        penumbra.until(lambda _: penumbra.legs(role="shadow", code="grpc:0") == 80, "copies")
        penumbra.until(lambda _: compared(penumbra) > 60, "answers of both that were compared")
        assert penumbra.metrics().total("penumbra_invalid_total") == 0

        penumbra.put("shadows", {})
        penumbra.put("split", {"cancer-v2": 50})
        with asking(models, penumbra.address) as client:
            penumbra.until(lambda _: penumbra.legs(role="canary", code="grpc:0") > WARM, "traffic of the canary")
            doomed.child.kill()
            penumbra.until(lambda route: route["phase"] == "rolled_back", "the rollback")
            served = penumbra.legs(role="primary")
            penumbra.until(lambda _: penumbra.legs(role="primary") > served + WARM, "traffic after the rollback")
            seen = ended(client)
    assert [error for _, _, error in seen if error] == []
    assert {version for version, _, _ in seen} == {"cancer-v1", "cancer-v2"}
    assert penumbra.metrics().total("penumbra_rescued_total", version="cancer-v2") > 0


def compared(penumbra: Penumbra) -> int:
    """Pairs of answers that were compared."""
    return int(
        penumbra.metrics().total("penumbra_pairs_total")
        - penumbra.metrics().total("penumbra_pairs_total", result="lost")
    )

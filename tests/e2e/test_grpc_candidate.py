"""One model by two protocols: MLServer by REST in front, and by gRPC as the candidate of a release, asked by
`grpc://`. Copies are compared, then it gets traffic, is killed under load, and rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.conftest import Models, Penumbra

COPIES = 60
WARM = 60


def test_a_release_from_rest_to_grpc_is_compared_by_tensors_and_a_killed_candidate_reaches_no_client(
    models: Models, start: Callable[..., Penumbra], tmp_path: Path
) -> None:
    port = free_port()
    stages = [{"shadow": 100, "requests": COPIES}, {"canary": 50, "requests": 1_000_000}]
    with models.another("cancer-v1", tmp_path, port) as doomed:
        penumbra = start(
            {"rest": models.servers["cancer-v1"].url, "grpc": f"grpc://127.0.0.1:{port}"},
            primary="rest",
            release={
                "candidate": "grpc",
                "strategy": "canary",
                "stages": stages,
                "scorecard": {"disagreement": {"max": 0.05}},
            },
        )
        with models.drive(penumbra.address) as drive:
            penumbra.until(lambda _: penumbra.legs(role="canary", code="grpc:0") > WARM, "traffic of the candidate")
            metrics = penumbra.metrics()
            doomed.child.kill()
            penumbra.until(lambda route: route["phase"] == "rolled_back", "the rollback")
            served = penumbra.legs(role="primary")
            penumbra.until(lambda _: penumbra.legs(role="primary") > served + WARM, "traffic after the rollback")
            seen = drive.stop()

    assert [each.error for each in seen if each.error] == []
    assert metrics.total("penumbra_requests_total", version="grpc") == metrics.total(
        "penumbra_requests_total", version="grpc", code="grpc:0"
    )
    assert metrics.total("penumbra_pairs_total", result="agrees") >= COPIES
    assert metrics.total("penumbra_pairs_total", result="differs") == 0
    assert metrics.total("penumbra_invalid_total") == 0
    assert penumbra.metrics().total("penumbra_rescued_total", version="grpc") > 0

"""The demo's client by gRPC: its requests are those of protobuf's own library, and it notices every kind of error."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.calls import PATH, CallClient, encode
from proxy.http2.codes import INTERNAL_ERROR
from tests.support.http2_server import Asked, Http2Server, Script, says
from tests.support.oip_messages import message, tensor

GRPC = (b"content-type", b"application/grpc")


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=300))
def test_a_row_becomes_an_inference_request(row: list[float]) -> None:
    framed = encode(row)
    assert framed[:5] == b"\0" + (len(framed) - 5).to_bytes(4, "big")
    wanted = message(
        "ModelInferRequest",
        model_name="cancer",
        inputs=[tensor("row", "FP64", [1, len(row)], row)],
        outputs=[message("Requested", name=name) for name in ("predict", "predict_proba")],
    )
    assert message("ModelInferRequest").FromString(framed[5:]) == wanted


async def refuses(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head(
        GRPC, (b"x-penumbra-version", b"v2"), (b"grpc-status", b"13"), (b"grpc-message", b"no%20GPU"), ended=True
    )


async def answers(asked: Asked) -> None:
    await asked.ended.wait()
    asked.head(GRPC, (b"x-penumbra-version", b"v1"))
    await asked.data(b"\0\0\0\0\0")
    asked.end((b"grpc-status", b"0"))


async def resets(asked: Asked) -> None:
    await asked.ended.wait()
    asked.refuse(INTERNAL_ERROR)


async def cuts(asked: Asked) -> None:
    asked.connection.writer.transport.abort()


@pytest.mark.parametrize(
    ("script", "version", "error"),
    [
        (answers, "v1", ""),
        (refuses, "v2", "INTERNAL from v2: no GPU"),
        (resets, "", "reset by nobody"),
        (cuts, "", "reset by nobody"),
        (says(b""), "", "UNKNOWN from nobody: "),
    ],
    ids=["good", "refused", "reset", "cut", "no status"],
)
def test_answers_refusals_and_lost_connections_are_told_apart(script: Script, version: str, error: str) -> None:
    async def test() -> tuple[str, str]:
        async with Http2Server(script) as server:
            client = CallClient(f"http://127.0.0.1:{server.port}{PATH}")
            async with client.opened(1):
                seen = await client.ask("anna", client.encode([1.0]))
            assert [(each.field(":path"), each.field("x-user-id")) for each in server.seen] == [(PATH, "anna")]
            return seen

    assert asyncio.run(test()) == (version, error)


def test_calls_share_a_connection() -> None:
    async def test() -> None:
        async with Http2Server(answers) as server:
            client = CallClient(f"http://127.0.0.1:{server.port}{PATH}")
            async with client.opened(16):
                seen = await asyncio.gather(*[client.ask("anna", client.encode([1.0])) for _ in range(16)])
            assert (set(seen), server.connections) == ({("v1", "")}, 1)

    asyncio.run(test())

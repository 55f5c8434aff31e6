"""Heads and trailers that are larger than a client has said that it takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.table import Rescue, Share
from proxy.http2.fields import MOST_GROWTH, block_of, size_of
from tests.dataplane.h2.test_deadlines import GRPC
from tests.support.http2_client import Fields, Heard, Http2Client
from tests.support.http2_server import Asked, Script, says
from tests.support.http2_version import between
from tests.support.plane import route, run

MOST = 16 * 1024
TOO_MANY = [(b"x-%d" % number, bytes(1000).replace(b"\0", b"v")) for number in range(17)]
FEW = TOO_MANY[:15]
GOOD = (b"grpc-status", b"0")


async def heard_by(client: Http2Client, most: int | None) -> Heard:
    """What a client hears that has said so; the library would not read what is larger."""
    if most is not None:
        client.raw(b"\0\0\x06\x04\0\0\0\0\0\0\x06" + most.to_bytes(4, "big"))
    return await client.ask(b"message", GRPC)


@pytest.mark.parametrize(
    ("most", "trailers", "status", "code"),
    [
        (MOST, TOO_MANY, "8", "fields_too_large"),
        (MOST, FEW, "0", "grpc:0"),
        (None, TOO_MANY, "0", "grpc:0"),
        (1, FEW, "8", "fields_too_large"),
        (1, FEW[:5], "0", "grpc:0"),
    ],
)
def test_a_version_has_failed_whose_trailers_a_client_does_not_take(
    most: int | None, trailers: Fields, status: str, code: str
) -> None:
    async def test() -> None:
        async with between(says(b"fine", GOOD, *trailers)) as (p, _), Http2Client(p.port) as client:
            heard = await heard_by(client, most)
            assert (heard.body, heard.trailer("grpc-status")) == (b"fine", status)
            await p.until(lambda: p.codes() == {("v1", "primary", code): 1})

    run(test)


def alone(fields: Fields) -> Script:
    """Answers with a head that is all."""

    async def script(asked: Asked) -> None:
        asked.head((b"content-type", b"application/grpc"), GOOD, *fields, ended=True)

    return script


def test_the_primary_answers_in_place_of_a_head_that_is_too_large() -> None:
    async def test() -> None:
        split = route(split=(Share("v2", 100.0),), rescue=Rescue())
        async with between(alone(TOO_MANY), split, name="v2") as (p, _), Http2Client(p.port) as client:
            heard = await heard_by(client, MOST)
            assert heard.version == "v1"
            await p.until(lambda: p.codes()["v2", "canary", "fields_too_large"] == 1)

    run(test)


def test_without_anybody_else_the_client_hears_of_it() -> None:
    async def test() -> None:
        async with between(alone(TOO_MANY)) as (p, _), Http2Client(p.port) as client:
            heard = await heard_by(client, MOST)
            assert (heard.status, heard.field("grpc-status")) == (200, "8")
            assert "takes no head of this size" in (heard.field("grpc-message") or "")

    run(test)


@given(
    st.lists(st.tuples(st.from_regex(rb"[a-z-]{1,40}", fullmatch=True), st.from_regex(rb"[a-z]{0,40}", fullmatch=True)))
)
def test_a_block_is_never_larger_as_a_list_than_it_is_taken_for(fields: Fields) -> None:
    assert size_of(tuple(fields)) <= MOST_GROWTH * len(block_of(fields))

"""Requests that no client of good will sends: every endpoint answers with a problem that says why, and none fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.control.api.endpoints import ENDPOINTS
from proxy.control.api.handlers import application
from tests.control.api.test_handlers import Client, context_of, problem
from tests.control.api.test_handlers import play as tell
from tests.control.houses import House

ODD_VALUES = (
    '"\\ud800"',
    '"\\udfff\\ud800"',
    "1" + "0" * 400,
    "1" + "0" * 4400,
    "-" + "9" * 4400,
    "0." + "0" * 4400 + "1",
    "1e999",
    "-1e999",
    "NaN",
    "-Infinity",
    "true",
    "null",
    "[]",
    "{}",
    "[[1]]",
    '"' + "x" * 20_000 + '"',
    '"\\u0000"',
    '"\\u202e\\u2028"',
    '{"\\ud800": 1}',
    '{"a": 1, "a": 2}',
    "[" * 5000,
    '{"a":' * 5000,
)
KEYS = (
    "v2",
    "split",
    "shadows",
    "reason",
    "version",
    "candidate",
    "strategy",
    "stages",
    "label",
    "request_id",
    "\\ud800",
)
BODIES = (
    *ODD_VALUES,
    *(f'{{"{key}": {value}}}' for key in KEYS for value in ODD_VALUES),
    *(f'{{"candidate": "v2", "stages": [{{"canary": {value}}}]}}' for value in ODD_VALUES),
    *(f'{{"candidate": "v2", "rollback_window": {value}}}' for value in ODD_VALUES),
    *(f'{{"request_id": "r", "label": {value}}}' for value in ODD_VALUES),
    *(f'{{"request_id": {value}, "label": 1}}' for value in ODD_VALUES),
)
RAW_BODIES = (b"\xff", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00", b'{"\xed\xa0\x80": 1}', b"\x00", b"{'a': 1}", b"1 2")
CHANGES = [endpoint for endpoint in ENDPOINTS if endpoint.method != "GET"]
LOOKS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET" and endpoint.path != "/v1/events"]
QUERIES: tuple[bytes, ...] = (
    b"limit=" + b"0" * 4400,
    b"limit=" + b"9" * 4400,
    b"limit=-1",
    b"limit=\xff",
    b"limit=%ED%A0%80",
    b"limit=1e3",
)
QUERIES += (
    b"after=" + b"0" * 4400 + b"1",
    b"after=%00",
    b"limit=%C2%B2",
    b"route=%ED%A0%80",
    b"route=%FF",
    b"&&=;",
    b"%",
)
FIELDS: tuple[bytes, ...] = (
    b"If-Match: \xff",
    b'If-Match: "' + b"a" * 7000 + b'"',
    b"Content-Type: \xff/\xfe",
    b"Content-Type: ;;;",
)
FIELDS += (
    b"Accept: application/openmetrics-text; version=x; escaping=\xff",
    b"Authorization: Bearer \xff",
    b"Origin: \xff",
)
FIELDS += tuple(
    b"Accept: application/openmetrics-text; version=" + version + b"; escaping=" + escaping
    for version in (b"x", b"1.x", b".", b"", b"99", b"1.0.0", b"\xb2", b"0.0.4")
    for escaping in (b"allow-utf-8", b"\xff", b"x", b"", b"values")
)
PATHS = (
    b"/v1/routes/%ED%A0%80",
    b"/v1/routes/%FF/scorecard",
    b"/v1/routes/%00",
    b"/page/%ED%A0%80",
    b"/\xff",
    b"//",
    b"/%",
)

Send = Callable[[bytes], Awaitable[tuple[int, bytes]]]


def raw(method: str, path: bytes, fields: bytes = b"", body: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    start = b"%b %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % (method.encode(), path)
    return start + length + (fields + b"\r\n" if fields else b"") + b"\r\n" + body


def play(house: House, requests: Iterator[bytes]) -> None:
    """Sends each on a connection of its own; none is answered by a 500, and every refusal says why."""

    async def scene() -> None:
        async with TestServer(application(context_of(house))) as server:
            for request in requests:
                reader, writer = await asyncio.open_connection(server.host, server.port, limit=1 << 22)
                writer.write(request)
                head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
                writer.close()
                check(request, int(head.split(b" ", 2)[1]), head, body)

    asyncio.run(scene())


def check(request: bytes, status: int, head: bytes, body: bytes) -> None:
    shown = request[:200]
    assert status < 500 or status == 503, (shown, status)
    assert len(head) + len(body) < 200_000
    if status >= 400 and b"application/problem+json" in head:  # otherwise aiohttp could not read it as HTTP
        document: dict[str, Any] = json.loads(body.decode())
        assert document["status"] == status and document["detail"] and len(body) < 10_000, shown
    elif status >= 400:
        assert status in (400, 409, 425), shown  # 409, 425: the gate


def path_of(endpoint: Any) -> bytes:
    return bytes(endpoint.path.replace("{route}", "cancer").encode())


@pytest.mark.parametrize("endpoint", CHANGES, ids=lambda each: f"{each.method} {each.path}")
def test_bodies(house: House, endpoint: Any) -> None:
    bodies = [*(body.encode() for body in BODIES), *RAW_BODIES]
    media = b"Content-Type: application/json"
    play(house, (raw(endpoint.method, path_of(endpoint), media, body) for body in bodies))


@pytest.mark.parametrize("endpoint", LOOKS, ids=lambda each: each.path)
def test_queries_and_fields(house: House, endpoint: Any) -> None:
    path = path_of(endpoint)
    asked = [raw("GET", path + b"?" + query) for query in QUERIES] + [raw("GET", path, field) for field in FIELDS]
    play(house, iter(asked))


@pytest.mark.parametrize("name", ["limit", "after"])
@pytest.mark.parametrize(
    ("number", "status"), [("0" * 4400, 400), ("9" * 4400, 400), ("0" * 39 + "1", 200), ("9" * 40, 422), ("-1", 422)]
)
def test_numbers_of_a_query(house: House, name: str, number: str, status: int) -> None:
    async def story(client: Client) -> None:
        response = await client.get(f"/v1/audit?{name}={number}")
        if status == 200:
            assert response.status == 200
        else:
            await problem(response, status, name)

    tell(house, story)


def test_a_client_that_leaves_within_its_body_is_no_mistake_of_this_program(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        runner = web.AppRunner(application(context_of(house)), access_log=None)  # a TestServer cancels its handlers
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(b"POST /v1/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n[")
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        await runner.cleanup()

    asyncio.run(scene())
    assert [record.message for record in caplog.records] == []


def test_fields_of_changes_and_paths(house: House) -> None:
    asked = [raw(e.method, path_of(e), field, b"{}") for e in CHANGES for field in FIELDS]
    asked += [raw(method, path) for method in ("GET", "PUT", "POST", "DELETE", "BREW") for path in PATHS]
    play(house, iter(asked))


def test_what_was_said_oddly_can_still_be_shown(house: House) -> None:
    label = b'{"request_id": "r", "label": "\\u0000\\u202e"}'
    media = b"Content-Type: application/json"
    asked = [raw("POST", b"/v1/feedback", media, label)] + [raw("GET", path_of(endpoint)) for endpoint in LOOKS]
    play(house, iter(asked))


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(exclude_categories=()), max_size=8),
        st.sampled_from(KEYS[:-1]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS[:-1]), st.text(max_size=4)), inner, max_size=4),
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from(CHANGES), JSON), min_size=1, max_size=20))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json(house: House, asked: list[tuple[Any, Any]]) -> None:
    media = b"Content-Type: application/json"
    bodies = ((endpoint, json.dumps(value).encode()) for endpoint, value in asked)
    play(house, (raw(endpoint.method, path_of(endpoint), media, body) for endpoint, body in bodies))


def test_ten_thousand_equal_keys_are_refused_in_time_that_grows_as_they_do() -> None:
    from proxy.control.api.problems import ApiError
    from proxy.control.api.request_bodies import MAX_FEEDBACK, read

    keys = b",".join(b'"%x":1' % number for number in range(60_000))
    body = b"{" + keys + b"," + keys[: MAX_FEEDBACK - len(keys) - 100].rpartition(b",")[0] + b"}"
    with pytest.raises(ApiError, match="stands twice"):  # 60,000 × 60,000 comparisons would take minutes
        read(body)

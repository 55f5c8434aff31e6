"""Parsers of single values: what each takes, what it refuses, and that a refusal says what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import values
from proxy.config.model_url import base_url
from proxy.config.values import Parser, Refused
from proxy.contracts.address import Address
from proxy.contracts.table import Sticky

PARSERS: list[Parser] = [
    *(
        values.duration,
        values.patience,
        values.span,
        values.hook_url,
        values.size,
        values.percent,
        values.fraction,
        values.ratio,
    ),
    *(values.probability, values.truth, values.name, values.plain, values.readable, values.secret, values.address),
    *(base_url, values.path_prefix, values.header_name, values.header_value, values.sticky, values.pointer),
    *(values.Whole(1, 9), values.OneOf(("a", "b")), values.Known(("v1",))),
]


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (values.duration, "500ms", 0.5),
        (values.duration, "1.5s", 1.5),
        (values.duration, "24h", 86_400.0),
        (values.patience, "1s", 1.0),
        (values.patience, "2m", 120.0),
        (values.span, "30m", 1800.0),
        (values.span, "7d", 604_800.0),
        (values.size, "4096", 4096),
        (values.duration_or_none, "0", 0.0),
        (values.duration_or_none, "2s", 2.0),
        (values.size_or_none, "0", 0),
        (values.size_or_none, "1KiB", 1024),
        (values.size, "64MiB", 64 * 1024**2),
        (values.size, "1024GiB", values.MAX_SIZE_BYTES),
        (values.percent, "0", 0.0),
        (values.percent, "12.5", 12.5),
        (values.ratio, "1e3", 1000.0),
        (values.probability, "0.001", 0.001),
        (values.truth, "true", True),
        (values.truth, "false", False),
        (values.name, "cancer-v1.2_x", "cancer-v1.2_x"),
        (values.secret, "", ""),
        (values.address, "127.0.0.1:0", Address("127.0.0.1", 0)),
        (values.address, "[::1]:65535", Address("::1", 65_535)),
        (values.address, ":8080", Address("", 8080)),
        (values.address, "*:8080", Address("", 8080)),
        (base_url, "http://Models:9000/base/", ("models", 9000, "models:9000", "/base", "system", False)),
        (base_url, "http://model_1.svc.:80", ("model_1.svc.", 80, "model_1.svc.:80", "", "system", False)),
        (base_url, "http://[::1]", ("::1", 80, "[::1]", "", "system", False)),
        (values.hook_url, "https://hooks.example/x?y=1", "https://hooks.example/x?y=1"),
        (values.header_name, "X-User-Id", "x-user-id"),
        (values.sticky, "header:X-User", Sticky("header", "x-user")),
        (values.sticky, "cookie:Session", Sticky("cookie", "Session")),
        (values.sticky, "json:/user/id", Sticky("json", "/user/id")),
        (values.pointer, "", ""),
        (values.pointer, "/a/~0~1", "/a/~0~1"),
    ],
)
def test_what_a_parser_takes(parse: Parser, text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "allowed"),
    [
        (values.duration, "2", "500ms, 2s or 1m"),
        (values.duration, "0s", "above 0"),
        (values.duration, "25h", "at most 24h"),
        (values.patience, "999ms", "at least 1s"),
        (values.patience, "25h", "at most 24h"),
        (values.span, "91d", "at most 90d"),
        (values.size, "0", "above 0"),
        (values.size, "1TiB", "2GiB"),
        (values.duration_or_none, "0s", "0, or a duration"),
        (values.size_or_none, "-1", "0, or a size"),
        (values.percent, "101", "from 0 to 100"),
        (values.percent, "nan", "from 0 to 100"),
        (values.ratio, "0", "above 0"),
        (values.probability, "1", "below 1"),
        (values.truth, "yes", "true | false"),
        (values.name, "-a", "beginning with a letter or digit"),
        (values.plain, "two\nlines", "one line"),
        (values.address, "127.0.0.1", "host:port"),
        (values.address, "h:65536", "port 0 to 65535"),
        (base_url, "ftp://h", "or http"),
        (base_url, "http://fraud-v2..svc", "labels"),
        (base_url, "http://fraud-v2.svc..:8080", "labels"),
        (base_url, "http://fraud-.svc", "labels"),
        (base_url, f"http://{'a' * 64}.svc", "labels"),
        (base_url, "http://10.0.0.256", "four numbers"),
        (base_url, "http://10.0.0", "four numbers"),
        (values.hook_url, "https://hooks..example/x", "labels"),
        (values.address, "a..b:80", "labels"),
        (values.host_name, "a..b", "labels"),
        (values.path_prefix, "v2", "begins with /"),
        (values.sticky, "header", "header:<name>"),
        (values.pointer, "a", "JSON pointer"),
        (values.Known(("v1", "v2")), "v3", "v1, v2"),
        (values.Known(()), "v3", "there is none"),
        (values.readable, "/no/such/file", "can be read"),
        (values.probability, "1.5", "below 1"),
        (values.probability, "1e400", "below 1"),
    ],
)
def test_a_refusal_says_what_is_allowed(parse: Parser, text: str, allowed: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert allowed in caught.value.allowed


@pytest.mark.parametrize(
    ("parse", "text"),
    [(values.secret, "hunter2 "), (base_url, "http://me:hunter2@h"), (values.hook_url, "http://me:hunter2@h")],
)
def test_a_secret_is_not_repeated(parse: Parser, text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.found
    assert "hunter2" not in caught.value.found + caught.value.allowed


@given(st.sampled_from(PARSERS), st.text(max_size=40))
def test_any_text_is_a_value_or_refused(parse: Parser, text: str) -> None:
    try:
        parse(text)
    except Refused as refused:
        assert refused.allowed


@given(st.floats(0.001, 86_400.0))
def test_a_duration_is_read_to_the_microsecond(seconds: float) -> None:
    assert values.duration(f"{seconds:.6f}s") == pytest.approx(seconds, abs=1e-6)

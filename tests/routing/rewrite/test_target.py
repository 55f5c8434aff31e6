"""Paths and queries, rewritten: on segment boundaries, decoded, and nothing else changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.rewrite.target import PathRule, faults_of, named_in, with_model, with_query

IRIS = "/v2/models/iris"
TWO = "/v2/models/iris/versions/2"


@pytest.mark.parametrize(
    ("source", "to", "path", "made"),
    [
        (IRIS, TWO, "/v2/models/iris/infer", "/v2/models/iris/versions/2/infer"),
        (IRIS, TWO, "/v2/models/iris", "/v2/models/iris/versions/2"),
        (IRIS + "/", TWO + "/", "/v2/models/iris/ready", "/v2/models/iris/versions/2/ready"),
        (IRIS, TWO, "/v2/models/iris2/infer", None),
        (IRIS, TWO, "/x/v2/models/iris/infer", None),
        (IRIS, TWO, "/v2/models/ir%69s/inf%65r", "/v2/models/iris/versions/2/inf%65r"),
        (IRIS, TWO, "/v2/models%2Firis/infer", None),
        ("/v1/models/iris", "/v1/models/iris-v2", "/v1/models/iris:predict", "/v1/models/iris-v2:predict"),
        ("/v1/models/iris", "/v1/models/iris-v2", "/v1/models/iris%3Apredict", "/v1/models/iris-v2%3Apredict"),
        ("/v1/models/iris", "/v1/models/iris-v2", "/v1/models/iris:b", None),
        ("/v1/models/iris", "/v1/models/iris-v2", "/v1/models/iris:predicted", None),
        (
            "/v1/models/{m}:predict",
            "/v1/models/{m}-v2:predict",
            "/v1/models/a%2Fb:predict",
            "/v1/models/a%2Fb-v2:predict",
        ),
        ("/v1/models/{m}", "/v1/models/{m}-v2", "/v1/models/iris:predict", "/v1/models/iris-v2:predict"),
        ("/{tenant}/models/{m}", "/m/{m}/t/{tenant}", "/acme/models/iris/infer?", "/m/iris/t/acme/infer?"),
        ("/v2/models/{m}/infer", "/{m}", "/v2/models//infer", None),
        ("/", "/canary", "/v2/x", "/canary/v2/x"),
        ("/a", "/", "/a/b", "/b"),
        ("/a", "/", "/a", "/"),
        ("/a b"[:2], "/c", "/A", None),
    ],
)
def test_a_prefix_is_replaced(source: str, to: str, path: str, made: str | None) -> None:
    assert PathRule(source, to).applied(path.encode()) == (None if made is None else made.encode())


@given(st.text("ab/%2F:{}.", max_size=40))
def test_any_path_begins_with_a_prefix_or_stays(path: str) -> None:
    made = PathRule("/a/{x}", "/b/{x}").applied(b"/" + path.encode())
    assert made is None or made.startswith(b"/b/")


def test_a_long_path_is_read_in_one_pass() -> None:
    assert PathRule("/{a}/{b}/{c}:predict", "/x").applied(b"/a" + b"a:b" * 5000 + b"/b/c") is None


@pytest.mark.parametrize(
    ("source", "to", "fault"),
    [
        ("/a/{x}", "/b/{x}", ""),
        ("/a", "/b", ""),
        ("/{x}{y}", "/b", "one named part in a segment"),
        ("/{x}/{x}", "/b", "each named part once"),
        ("/a", "/{x}", "x is none"),
        ("/a/{", "/b", "named parts as"),
        ("/a/{1}", "/b", "named parts as"),
    ],
)
def test_rules_that_can_never_work_are_refused(source: str, to: str, fault: str) -> None:
    assert fault in faults_of(source, to) and bool(fault) == bool(faults_of(source, to))


@pytest.mark.parametrize(
    ("path", "model", "version", "made"),
    [
        ("/v2/models/iris/infer", "iris-v2", "", "/v2/models/iris-v2/infer"),
        ("/v2/models/iris/versions/1/infer", "iris-v2", "", "/v2/models/iris-v2/versions/1/infer"),
        ("/v2/models/iris/versions/1/infer", "", "2", "/v2/models/iris/versions/2/infer"),
        ("/v2/models/iris/infer", "", "2", "/v2/models/iris/versions/2/infer"),
        ("/v1/models/iris:predict", "", "2", "/v1/models/iris/versions/2:predict"),
        ("/v1/models/iris/versions/1:predict", "ft", "2", "/v1/models/ft/versions/2:predict"),
        ("/v1/models/iris%3Apredict", "ft", "", "/v1/models/ft%3Apredict"),
        ("/v2/models/llama3:8b/infer", "ft", "", "/v2/models/ft/infer"),
        ("/base/v2/models/a%2Fb/ready", "c/d", "", "/base/v2/models/c%2Fd/ready"),
        ("/openai/deployments/gpt/chat/completions", "ft", "", "/openai/deployments/ft/chat/completions"),
        ("/v1beta/models/gemini:streamGenerateContent", "ft", "", "/v1beta/models/ft:streamGenerateContent"),
        ("/v2/models/iris", "ft", "", "/v2/models/ft"),
        ("/v2/models/", "ft", "", None),
        ("/v1/chat/completions", "ft", "", None),
    ],
)
def test_the_model_in_a_path(path: str, model: str, version: str, made: str | None) -> None:
    assert with_model(path.encode(), model, version) == (None if made is None else made.encode())


def test_the_model_that_a_path_names() -> None:
    assert named_in(b"/v2/models/a%2Fb/versions/3/infer") == (b"a/b", b"3")
    assert named_in(b"/v1/models/iris:predict") == (b"iris", b"")
    assert named_in(b"/v1/completions") == (b"", b"")


@pytest.mark.parametrize(
    ("target", "made"),
    [
        (b"/p", b"/p?v=2%26"),
        (b"/p?", b"/p?v=2%26"),
        (b"/p?a=1&v=1&b", b"/p?a=1&v=2%26&b"),
        (b"/p?v=1&v=3", b"/p?v=2%26"),
        (b"/p?%76=1&de+bug=1&debu%67=2&x=%20+", b"/p?v=2%26&de+bug=1&x=%20+"),
    ],
)
def test_parameters_of_the_query(target: bytes, made: bytes) -> None:
    assert with_query(target, [(b"v", b"2&")], frozenset((b"debug",))) == made


def test_a_query_may_go() -> None:
    assert with_query(b"/p?debug=1", [], frozenset((b"debug",))) == b"/p"


@pytest.mark.parametrize(
    ("path", "made", "names"),
    [
        ("/v2/%6dodels/iris/infer", "/v2/%6dodels/m/versions/2/infer", ("iris", "")),
        ("/v2/models/iris/versions/%37/infer", "/v2/models/m/versions/2/infer", ("iris", "7")),
        ("/v2/models/iris/%76ersions/7/infer", "/v2/models/m/versions/2/infer", ("iris", "7")),
        ("/v2/models/iris/versions/7:8/infer", "/v2/models/m/versions/2/infer", ("iris", "7:8")),
        ("/v2/models/iris/versions//infer", "/v2/models/m/versions/2/infer", ("iris", "")),
        ("/v1/models/iris/versions/7%3apredict", "/v1/models/m/versions/2%3apredict", ("iris", "7")),
    ],
)
def test_what_names_a_model_is_compared_decoded(path: str, made: str, names: tuple[str, str]) -> None:
    assert with_model(path.encode(), "m", "2") == made.encode()
    assert named_in(path.encode()) == (names[0].encode(), names[1].encode())

"""Routes of gRPC: what follows for their versions, and what cannot be on them."""

from __future__ import annotations

import pytest

from proxy.config.calls import told
from proxy.config.load import parse
from proxy.contracts.settings import ConfigError, Settings

FILE = """
listen: 127.0.0.1:0
versions: {{v1: {{url: "http://h:1"{first}}}, v2: {{url: "http://h:2"{second}}}, v3: {{url: "http://h:3"}}}}
routes:
  calls: {{match: {{{match}}}, protocol: {protocol}, primary: v1, {more}}}
  rest: {{match: {{path: /rest}}, protocol: opaque, primary: {rest}}}
"""
CALL = "grpc: inference.GRPCInferenceService/ModelInfer"


def read(
    match: str = CALL, protocol: str = "grpc", more: str = "", first: str = "", second: str = "", rest: str = "v3"
) -> Settings:
    return parse(FILE.format(match=match, protocol=protocol, more=more, first=first, second=second, rest=rest), {})


def problems(**given: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(**given)
    return {problem.path: str(problem) for problem in caught.value.problems}


CANARY = "canary: {version: v2, percent: 5}"


@pytest.mark.parametrize(
    ("match", "protocol"),
    [(CALL, "grpc"), ("path: /", "grpc"), (CALL, "oip"), ("grpc: a.B", "auto"), ("grpc: a.B", "opaque")],
)
def test_versions_of_a_route_of_grpc_are_asked_by_http2(match: str, protocol: str) -> None:
    settings = read(match, protocol, f"{CANARY}, shadows: [{{version: v3}}]", rest="v1")
    assert [version.http for version in settings.versions.values()] == [2, 2, 2]
    assert settings.routes[0].calls and not settings.routes[1].calls


def test_other_versions_are_asked_as_before_and_a_shared_one_by_http2() -> None:
    assert [each.http for each in read(more=CANARY).versions.values()] == [2, 2, 1]
    assert [each.http for each in read("path: /v2", "oip").versions.values()] == [1, 1, 1]
    shared = read(more=CANARY, rest="v2")
    assert shared.versions["v2"].http == 2
    assert list(told(shared)) == [
        "route calls takes calls of inference.GRPCInferenceService/ModelInfer; by HTTP/2: v1, v2 (for rest, too)"
    ]
    assert list(told(read("path: /"))) == ["route calls takes calls of gRPC; by HTTP/2: v1"]
    assert list(told(read("path: /", "oip"))) == []


def test_a_release_names_versions_too() -> None:
    release = "release: {candidate: v2, strategy: canary, stages: [{canary: 50, requests: 9}]}"
    assert read(more=release).versions["v2"].http == 2


def test_http_of_a_version_may_say_so_and_may_not_contradict() -> None:
    assert read(first=", http: 2").versions["v1"].http == 2
    found = problems(first=", http: 1")
    assert list(found) == ["versions.v1.http"] and "routes.calls" in found["versions.v1.http"]
    assert list(problems(first=", http: 3")) == ["versions.v1.http"], "one mistake is said once"
    assert read(second=", http: 1").versions["v2"].http == 1, "which no route of gRPC names"


@pytest.mark.parametrize(
    "name",
    [
        *('""', "/a.B/C", "a.B/", "a.B/C/D", "a..B/C", ".a/B", "a.B.", "a.B/*", "a.*/C", "1a/B", "a b/C", "'a.B/C?d'"),
        *("http://h/a.B", "a-b/C", "'a.B/C '", "[a.B]"),
    ],
)
def test_what_is_no_name_of_a_service_or_method_is_refused_at_its_place(name: str) -> None:
    assert list(problems(match=f"grpc: {name}")) == ["routes.calls.match.grpc"]


@pytest.mark.parametrize("name", ["B", "B/C", "a.B", "a.b_1.B/C2", "_a._B/_c", "true"])
def test_names_of_services_and_methods(name: str) -> None:
    match = read(f"grpc: {name}").routes[0].match
    assert (match.grpc, match.path) == (name, f"/{name}")


def test_either_a_path_or_a_service() -> None:
    assert "both" in problems(match=f"path: /, {CALL}")["routes.calls.match.path"]
    assert "neither" in problems(match="methods: [POST]")["routes.calls.match.path"]


@pytest.mark.parametrize("protocol", ["kserve-v1", "mlflow", "openai", "json"])
def test_protocols_that_have_no_calls(protocol: str) -> None:
    assert list(problems(protocol=protocol)) == ["routes.calls.protocol"]


@pytest.mark.parametrize("match", [CALL, "path: /"])
def test_calls_are_posted(match: str) -> None:
    assert list(problems(match=f"{match}, methods: [GET, PUT]")) == ["routes.calls.match.methods"]
    assert list(problems(match=match, more="inference: {methods: [GET]}")) == ["routes.calls.inference.methods"]
    assert read(f"{match}, methods: [POST]", more="inference: {methods: [POST], paths: [/a.B/*]}")


def test_a_sticky_key_is_in_the_metadata() -> None:
    for place, more in (
        ("sticky", f"{CANARY}, sticky: 'json:/user'"),
        ("canary.sticky", "canary: {version: v2, percent: 5, sticky: 'json:/user'}"),
    ):
        found = problems(more=more)
        assert list(found) == [f"routes.calls.{place}"] and "metadata" in found[f"routes.calls.{place}"]
    assert read(more=f"{CANARY}, sticky: 'header:x-user'").routes[0].sticky
    assert read("path: /", "auto", f"{CANARY}, sticky: 'json:/user'").routes[0].sticky, "which may get JSON"


def test_a_sticky_key_of_a_release_over_several_routes() -> None:
    text = """
listen: 127.0.0.1:0
versions: {a: {url: "http://h:1"}, b: {url: "http://h:2"}, c: {url: "http://h:3"}, d: {url: "http://h:4"}}
routes:
  calls: {match: {grpc: a.B}, protocol: grpc, primary: a}
  rest: {match: {path: /}, protocol: json, primary: c}
releases:
  both:
    routes: {calls: {candidate: b%s}, rest: {candidate: d}}
    strategy: canary
    sticky: %s
    stages: [{canary: 5, requests: 5}]
"""
    for own, common, path in (
        ("", "json:/user", "releases.both.sticky"),
        (", sticky: json:/user", "header:x-user", "releases.both.routes.calls.sticky"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse(text % (own, common), {})
        assert [problem.path for problem in caught.value.problems] == [path]
    assert parse(text % (", sticky: header:x-user", "json:/user"), {})


@pytest.mark.parametrize(
    ("rewrite", "place"),
    [
        ("{model: m}", "model"),
        ("{model_version: 2}", "model_version"),
        ("{json: {/a: 1}}", "json"),
        ("{query: {set: {a: b}}}", "query"),
        ("{query: {remove: [a]}}", "query"),
        ("{answer: {json: {/a: b}}}", "answer.json"),
    ],
)
def test_messages_are_not_rewritten(rewrite: str, place: str) -> None:
    for match, protocol in ((CALL, "grpc"), ("path: /", "grpc"), ("grpc: a.B", "auto")):
        found = problems(match=match, protocol=protocol, more=CANARY, second=f", rewrite: {rewrite}")
        assert list(found) == [f"versions.v2.rewrite.{place}"]
        assert "messages of gRPC are not rewritten" in found[f"versions.v2.rewrite.{place}"]
    assert read("path: /", "auto", second=f", rewrite: {rewrite}")


def test_heads_are_rewritten() -> None:
    rewrite = "{headers: {set: {seldon-model: iris-2}, remove: [x-a]}, host: client, path: {to: /c.D}, answer: off}"
    assert read("grpc: a.B", more=CANARY, second=f", rewrite: {rewrite}").rewrites["v2"]


def test_lines_about_bodies_need_a_service_that_is_read() -> None:
    line = f"{CANARY}, scorecard: {{disagreement: {{max: 0.1}}}}"
    assert [route.reading for route in read(more=line).routes] == ["grpc", "opaque"]
    assert read("path: /", more=line).routes[0].reading == "grpc"
    for match in ("grpc: a.B/C", "path: /tensorflow.serving.PredictionService"):
        found = problems(match=match, more=line)["routes.calls.scorecard.disagreement"]
        assert "a service other than inference.GRPCInferenceService never feeds" in found
    held = read("grpc: a.B/C", more=CANARY).routes[0]
    assert held.reading == "opaque" and "invalid_rate" not in held.assumed


GRPC_URL = """
listen: 127.0.0.1:0
versions: {a: {url: "http://h:1"}, b: {url: "grpc://h:2"}}
routes:
  r: {match: {path: /v2/}, protocol: PROTOCOL, primary: a, shadows: [{version: b, percent: 100}]}
"""


def test_a_version_by_grpc_is_asked_by_http_2_on_a_route_of_rest() -> None:
    version = parse(GRPC_URL.replace("PROTOCOL", "oip"), {}).versions["b"]
    assert (version.http, version.grpc, version.secure, version.url) == (2, True, False, "grpc://h:2")


def test_other_protocols_have_no_calls_for_it() -> None:
    with pytest.raises(ConfigError, match=r"versions\.b\.url: found grpc://h:2 beside protocol: json of routes\.r"):
        parse(GRPC_URL.replace("PROTOCOL", "json"), {})


@pytest.mark.parametrize("more", ["http: 1", "rewrite: {query: {set: {a: b}}}"])
def test_what_calls_do_not_have_is_refused(more: str) -> None:
    text = GRPC_URL.replace("PROTOCOL", "oip").replace('"grpc://h:2"', '"grpc://h:2", ' + more)
    with pytest.raises(ConfigError, match=r"versions\.b\."):
        parse(text, {})

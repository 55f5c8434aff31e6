"""Which route a request belongs to."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.table import Match, Route
from proxy.routing.inference import MAX_REMEMBERED, MAX_REMEMBERED_BYTES
from proxy.routing.match import WAITS, RouteIndex, model_in_path, model_of


def index(*matches: Match) -> RouteIndex:
    return RouteIndex([Route(str(n), match, "oip", "v1") for n, match in enumerate(matches)])


def nothing(name: bytes) -> None:
    return None


def test_a_prefix_ends_on_a_segment() -> None:
    routes = index(Match("/v2/models/cancer/"))
    assert routes.find(b"/v2/models/cancer/infer", b"POST", nothing) == 0
    assert routes.find(b"/v2/models/cancer", b"GET", nothing) == 0
    assert routes.find(b"/v2/models/cancer-next/infer", b"POST", nothing) is None
    assert routes.find(b"/", b"GET", nothing) is None


def test_the_longest_prefix_wins_and_the_root_takes_the_rest() -> None:
    routes = index(Match("/"), Match("/a"), Match("/a/b"))
    assert [routes.find(path, b"GET", nothing) for path in (b"/", b"/x", b"/a", b"/a/c", b"/a/b", b"/a/b/c")] == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip


def test_conditions_all_hold_and_more_of_them_win() -> None:
    routes = index(
        Match("/a"),
        Match("/a", methods=("POST",)),
        Match("/a", methods=("POST",), headers={"x-tenant": "t"}),
    )
    tenant = {b"x-tenant": b"t"}.get
    assert routes.find(b"/a", b"GET", tenant) == 0
    assert routes.find(b"/a", b"POST", nothing) == 1
    assert routes.find(b"/a", b"POST", tenant) == 2


def test_a_route_whose_conditions_fail_leaves_the_request_to_a_shorter_prefix() -> None:
    routes = index(Match("/a"), Match("/a/b", methods=("POST",)))
    assert routes.find(b"/a/b", b"GET", nothing) == 0


def test_what_is_remembered_of_paths_is_bounded_and_changes_nothing() -> None:
    routes = index(Match("/m/"), Match("/m/a/", methods=("GET",)))
    long = b"/m/a/" + b"x" * MAX_REMEMBERED_BYTES
    for _ in range(2):
        assert routes.find(b"/m/a/b", b"GET", nothing) == routes.find(long, b"GET", nothing) == 1
        assert routes.find(b"/m/a/b", b"PUT", nothing) == routes.find(long, b"PUT", nothing) == 0
    assert list(routes._remembered) == [b"/m/a/b"]
    for number in range(MAX_REMEMBERED + 1):
        assert routes.find(b"/m/%d" % number, b"GET", nothing) == 0
    assert 0 < len(routes._remembered) <= MAX_REMEMBERED


def test_paths_are_compared_decoded_and_without_verbs() -> None:
    routes = index(Match("/v1/models/iris"), Match("/v1/models/", model="wïne"), Match("/a b/"))
    for path in (b"iris", b"iris:predict", b"iris:explain", b"iris%3Apredict", b"%69ris", b"iris/x:predict"):
        assert routes.find(b"/v1/models/" + path, b"POST", nothing) == 0
    for path in ("w\xefne:predict".encode(), b"w%C3%AFne%3apredict"):
        assert routes.find(b"/v1/models/" + path, b"POST", nothing) == 1
    for path in (b"iris2", b"iris:other", b"iris2:predict", b"iris%2Fx", b"iris%252F", b"iris:predict:x"):
        assert routes.find(b"/v1/models/" + path, b"POST", nothing) is None
    assert routes.find(b"/a%20b/c", b"POST", nothing) == 2


def test_model_in_path() -> None:
    assert model_in_path(b"/v2/models/cancer/infer") == "cancer"
    assert model_in_path(b"/v1/models/cancer:predict") == "cancer"
    assert model_in_path(b"/v2/health/live") is None


def test_model_in_body_waits_for_the_body() -> None:
    routes = index(Match("/v1/chat/completions", model="llama"))
    path = b"/v1/chat/completions"
    assert routes.wants_body(path, b"POST")
    assert not routes.wants_body(b"/other", b"POST")
    assert routes.find(path, b"POST", nothing) == WAITS
    assert routes.find(path, b"POST", nothing, b"") is None
    assert routes.find(path, b"POST", nothing, b'{"model": "llama"}') == 0
    assert routes.find(path, b"POST", nothing, b'{"model": "other"}') is None


def test_the_model_of_a_form() -> None:
    routes = index(Match("/v1/", model="whisper-1"))
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'
    media = {b"content-type": b"multipart/form-data; boundary=b"}.get
    assert routes.find(b"/v1/audio/transcriptions", b"POST", media, form) == 0
    assert routes.find(b"/v1/audio/transcriptions", b"POST", nothing, form) is None


def test_bodies_that_name_no_model() -> None:
    for body in (None, b"", b"[]", b"{", b'{"model": 1}', b"\xff"):
        assert model_of(b"/x", nothing, body, True)[0] is None


def test_a_route_without_a_model_gets_what_the_body_does_not_give_to_another() -> None:
    routes = index(Match("/v1"), Match("/v1", model="llama"), Match("/v1/chat", model="ft"), Match("/"))
    path = b"/v1/chat/completions"
    assert routes.find(path, b"POST", nothing) == WAITS
    named = [b'{"model": "ft"}', b'{"model": "llama"}', b'{"model": "x"}', b"{"]
    assert [routes.find(path, b"POST", nothing, body) for body in named] == [2, 1, 0, 0]
    assert routes.find(b"/other", b"POST", nothing) == 3, "which no body decides about"
    assert routes.find(b"/v1", b"POST", {b"content-type": b"application/grpc"}.get) == 0, "whose message names none"


def test_a_body_is_wanted_where_it_can_decide_alone() -> None:
    routes = index(Match("/a", methods=("POST",), model="m"), Match("/v2/models/", model="m"), Match(CALLS, model="m"))
    assert routes.wants_body(b"/a", b"POST") and not routes.wants_body(b"/a", b"PUT")
    assert not routes.wants_body(b"/v2/models/other/infer", b"POST")
    assert routes.wants_body(INFER, b"POST", CALL) and routes.wants_body(INFER, b"POST", nothing)
    for path in (b"/inference.GRPCInferenceService/ServerLive", b"/inference.GRPCInferenceService/Unknown"):
        assert not routes.wants_body(path, b"POST", CALL), "its messages name no model"
    for media in (b"application/grpc+json", b"application/grpc+flatbuffers"):
        assert not routes.wants_body(INFER, b"POST", {b"content-type": media}.get)


CALLS = "/inference.GRPCInferenceService"
INFER = CALLS.encode() + b"/ModelInfer"
CALL = {b"content-type": b"application/grpc+proto"}.get


def called(grpc: str, **more: Any) -> Match:
    return Match("/" + grpc, grpc=grpc, **more)


def test_calls_match_by_service_and_method_and_by_nothing_else() -> None:
    routes = index(Match("/a.B"), called("a.B"), called("a.B/C"))
    asked = [b"/a.B/C", b"/a.B/D", b"/a.B/C/", b"/a.B/C/D", b"/a.B", b"/a.B/", b"/a.B/c", b"/a.B/C:predict", b"/A.B/C"]
    assert [routes.find(path, b"POST", CALL) for path in asked] == [2, 1, 0, 0, 0, 0, 1, 1, None]
    assert {routes.find(path, b"POST", nothing) for path in asked[:-1]} == {0}
    assert routes.find(b"/a.B/C", b"POST", {b"content-type": b"application/grpc-web+proto"}.get) == 0


def test_the_model_of_a_call_is_that_of_its_first_message() -> None:
    name = called(CALLS[1:])
    routes = index(called(CALLS[1:], model="iris"), called(CALLS[1:], model="wine"), name, Match("/a.B", model="iris"))
    body = b"\0\0\0\0\x06\x0a\x04wine"
    assert routes.find(INFER, b"POST", CALL, body) == 1
    assert routes.find(INFER, b"POST", CALL, body[:-2] + b"??") == 2
    assert routes.find(INFER, b"POST", CALL) == WAITS
    assert routes.find(INFER, b"POST", CALL, b"") == 2
    assert routes.find(CALLS.encode() + b"/ServerReady", b"POST", CALL, body) == 2
    assert routes.find(b"/a.B/C", b"POST", CALL, b"\0\0\0\0\x06\x0a\x04iris") is None
    assert routes.find(b"/a.B/C", b"POST", nothing, b'{"model": "iris"}') == 3


PLACES = st.sampled_from(["", "a.B", "a.B/C", "a.B/D", "a.E"])
MATCHES = st.builds(
    lambda grpc, path, methods, model: (
        called(grpc, methods=methods, model=model) if grpc else Match("/" + path, {}, methods, model)
    ),
    PLACES,
    PLACES,
    st.sampled_from([(), ("POST",), ("GET",)]),
    st.sampled_from([None, "m", "n"]),
)
ASKED = st.sampled_from(["/", "/a.B", "/a.B/C", "/a.B/D", "/a.B/C/x", "/a.E/C", "/a.BB/C", "/a%2EB/C", "/a.B/"])
MEDIA = st.sampled_from([b"application/grpc", b"application/grpc-web", b"application/json"])


def fits(match: Match, path: str, method: str, media: bytes) -> bool:
    """Whether all conditions but that on the model hold, as simply as it can be said."""
    path = path.replace("%2E", ".")
    prefix = match.path.rstrip("/")
    if not (path == prefix or path.startswith(prefix + "/")) or (match.methods and method not in match.methods):
        return False
    service, _, name = path[1:].partition("/")
    call = service in match.grpc and match.grpc in (service, f"{service}/{name}") and name and "/" not in name
    return not match.grpc or bool(call and media == b"application/grpc")


@given(st.lists(MATCHES, min_size=1, max_size=6), ASKED, st.sampled_from(["POST", "GET"]), MEDIA)
def test_routes_are_found_as_by_trying_each(matches: list[Match], path: str, method: str, media: bytes) -> None:
    body = b'{"model": "m"}'
    found = index(*matches).find(path.encode(), method.encode(), {b"content-type": media}.get, body)
    asked = None if media == b"application/grpc" else "m"  # none of these methods names a model
    fitting = [n for n, each in enumerate(matches) if fits(each, path, method, media) and each.model in (None, asked)]

    def rank(n: int) -> tuple[int, int, int]:
        match = matches[n]
        return len(match.path.rstrip("/")), bool(match.methods) + bool(match.model) + bool(match.grpc), -n

    assert found == max(fitting, key=rank, default=None)


SEGMENT = st.sampled_from(["a", "b", "c", "model", "model-next"])


@given(
    st.lists(st.lists(SEGMENT, min_size=1, max_size=3), min_size=1, max_size=6, unique_by=tuple),
    st.lists(SEGMENT, max_size=5),
)
def test_find_agrees_with_trying_every_route(prefixes: list[list[str]], path: list[str]) -> None:
    routes = index(*(Match("/" + "/".join(prefix)) for prefix in prefixes))
    fitting = [n for n, prefix in enumerate(prefixes) if path[: len(prefix)] == prefix]
    expected = max(fitting, key=lambda n: len(prefixes[n]), default=None)
    assert routes.find(("/" + "/".join(path)).encode(), b"GET", nothing) == expected

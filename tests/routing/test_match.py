"""Which route a request belongs to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.table import Match, Route
from proxy.routing.inference import MAX_REMEMBERED, MAX_REMEMBERED_BYTES
from proxy.routing.match import RouteIndex, model_in_body, model_in_path


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
    assert routes.wants_body(path)
    assert not routes.wants_body(b"/other")
    assert routes.find(path, b"POST", nothing) is None
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
        assert model_in_body(body) is None


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

"""What one version has rewritten: inferences wholly or not at all, and nothing that was not asked for."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.message import RequestHead
from proxy.contracts.rewrite import CREDENTIAL_FIELDS, Credential, CredentialSource, PathRewrite, Rewrite
from proxy.routing.rewrite.plan import MAX_REWRITTEN, RewritePlan, Rewritten, plan_of, without_digests
from proxy.routing.rewrite.unwritable import CODING, GRPC, NO_PLACE, NOT_JSON, PATH, TOO_LARGE, Unwritable

JSON = b"content-type: application/json\r\n"
CHAT = b'{"model": "llama", "seed": 12345678901234567890, "messages": []}'


def head(
    path: bytes = b"/v1/chat/completions", fields: bytes = JSON, length: int | None = None, method: bytes = b"POST"
) -> RequestHead:
    made = RequestHead(method, b"api.example", path, fields)
    made.length = length
    return made


def rewritten(
    rewrite: Rewrite,
    body: bytes = CHAT,
    fields: bytes = JSON,
    path: bytes = b"/v1/chat/completions",
    inference: bool = True,
    credential: Credential | None = None,
) -> Rewritten:
    return RewritePlan(rewrite, credential or Credential(), "/v2/models/iris").applied(
        head(path, fields, len(body)), body, inference
    )


def refused(*given: Any, **more: Any) -> str:
    with pytest.raises(Unwritable) as caught:
        rewritten(*given, **more)
    return caught.value.reason


FT = Rewrite(model="llama-ft")


def test_the_model_is_set_in_the_body_and_every_other_byte_stays() -> None:
    made = rewritten(FT)
    assert made.body == CHAT.replace(b'"llama"', b'"llama-ft"')
    assert (made.head.length, made.head.streamed) == (len(made.body), False)
    assert made.head.target == b"/v1/chat/completions"
    assert (["model"], b'"llama-ft"', b'"llama"') in made.names


def test_the_model_is_set_in_the_path_where_that_names_one() -> None:
    made = rewritten(Rewrite(model="iris-v2"), b'{"inputs": []}', path=b"/v2/models/iris/infer?x=%20")
    assert (made.head.target, made.body) == (b"/v2/models/iris-v2/infer?x=%20", None)
    assert made.names == [([place], b'"iris-v2"', b'"iris"') for place in ("model_name", "model")]


def test_the_model_is_set_in_the_query_where_the_client_has_it_there() -> None:
    made = rewritten(FT, b"", path=b"/v1/realtime?model=llama&x=1", inference=False)
    assert made.head.target == b"/v1/realtime?model=llama-ft&x=1"
    assert rewritten(FT, path=b"/v1/completions?submodel=a").head.target == b"/v1/completions?submodel=a"


def test_the_version_of_a_model() -> None:
    two = Rewrite(model_version="2")
    assert rewritten(two, path=b"/v2/models/iris/infer").head.path == b"/v2/models/iris/versions/2/infer"
    made = rewritten(two, path=b"/v1/models/iris/versions/1:predict")
    assert made.head.path == b"/v1/models/iris/versions/2:predict"
    assert made.names == [(["model_version"], b'"2"', b'"1"')]
    assert refused(two, path=b"/predict") == PATH


def test_a_path_rule_that_does_not_fit_an_inference_sends_it_nowhere() -> None:
    rule = Rewrite(path=PathRewrite("/v2/models/iris/versions/2"))
    assert rewritten(rule, path=b"/v2/models/iris/infer").head.path == b"/v2/models/iris/versions/2/infer"
    assert refused(rule, path=b"/v2/models/rose/infer") == PATH
    assert rewritten(rule, path=b"/v2/health/ready", inference=False).head.path == b"/v2/health/ready"


def test_an_inference_that_names_no_model_anywhere_goes_nowhere() -> None:
    assert refused(FT, b"") == PATH
    assert rewritten(FT, b"", inference=False).body is None


def test_values_in_the_body() -> None:
    rule = Rewrite(json={"/model": '"ft"', "/options/n": "2"})
    made = rewritten(rule, b'{"model": "a", "options": {}}')
    assert made.body == b'{"model": "ft", "options": {"n": 2}}'
    assert refused(rule, b'{"model": "a"}') == NO_PLACE
    assert refused(rule, b"[]") == NO_PLACE
    assert rewritten(rule, b"no json", inference=False).body is None


@pytest.mark.parametrize(
    "body",
    [
        b"no",
        b'{"model": "a"',
        b'{"model": tru}',
        b"{'model': 1}",
        '{"model":"a"}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b"a=b",
    ],
)
def test_what_is_no_json_goes_nowhere(body: bytes) -> None:
    assert refused(FT, body) == NOT_JSON


def test_what_is_too_large_or_too_costly_goes_nowhere() -> None:
    assert refused(FT, b'{"a":"' + b"x" * MAX_REWRITTEN + b'"}') == TOO_LARGE
    assert refused(FT, b'{"a":[' + b"{}," * 100_000 + b"{}]}") == TOO_LARGE
    plan = RewritePlan(FT, Credential(), "/")
    with pytest.raises(Unwritable):
        plan.applied(head(length=10), None, True)


@pytest.mark.parametrize(
    ("coding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"identity", bytes)]
)
def test_a_compressed_body_is_sent_without_its_coding(coding: bytes, pack: Any) -> None:
    made = rewritten(FT, pack(CHAT), JSON + b"Content-Encoding: " + coding + b"\r\n")
    assert made.body == CHAT.replace(b'"llama"', b'"llama-ft"')
    assert made.head.field(b"content-encoding") is None


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, br", b"gzip"])
def test_an_unknown_coding_goes_nowhere(coding: bytes) -> None:
    assert refused(FT, CHAT, JSON + b"content-encoding: " + coding + b"\r\n") == CODING


def test_digests_of_a_rewritten_body_are_left_out() -> None:
    digests = b"Content-MD5: x\r\nDigest: sha-256=y\r\nContent-Digest: z\r\nrepr-digest: z\r\n"
    assert rewritten(FT, CHAT, digests + JSON).head.fields == JSON + b"accept-encoding: identity\r\n"
    kept = Rewrite(headers_set={"x-a": "1"})
    assert rewritten(kept, CHAT, digests + JSON).head.fields == digests + JSON + b"x-a: 1\r\n"
    assert without_digests(digests + JSON) == JSON


def test_a_form_has_its_field_set() -> None:
    media = b"content-type: multipart/form-data; boundary=b\r\n"
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--b--\r\n'
    made = rewritten(FT, form, media, b"/v1/audio/transcriptions")
    assert made.body == form.replace(b"whisper", b"llama-ft")
    assert (["model"], b'"llama-ft"', b'"whisper"') in made.names
    assert refused(Rewrite(json={"/a/b": "1"}), form, media) == NOT_JSON


def test_tensors_behind_the_json_stay_and_the_json_s_length_is_told() -> None:
    rule, document = Rewrite(json={"/id": '"abc"'}), b'{"inputs": []}'
    fields = b"Inference-Header-Content-Length: 14\r\n"
    made = rewritten(rule, document + b"\0\1{", fields, b"/v2/models/m/infer")
    told = made.head.field(b"inference-header-content-length")
    assert made.body is not None and told is not None
    assert json.loads(made.body[: int(told)]) == {"inputs": [], "id": "abc"}
    assert made.body[int(told) :] == b"\0\1{"
    assert refused(rule, document, b"inference-header-content-length: 99\r\n") == NOT_JSON


def test_fields_query_and_host() -> None:
    rule = Rewrite(
        headers_set={"x-tenant": "acme"}, headers_remove=("x-debug",), query_set={"v": "2"}, query_remove=("d",)
    )
    made = rewritten(rule, fields=b"X-Debug: 1\r\nX-Tenant: other\r\nA: b\r\nx-tenant: c\r\n", path=b"/p?d=1&e")
    assert made.head.fields == b"A: b\r\nx-tenant: acme\r\n"
    assert made.head.target == b"/p?e&v=2" and made.body is None and made.names == []
    for host, sent in (("version", b""), ("client", b"api.example"), ("other.example", b"other.example")):
        assert RewritePlan(Rewrite(host=host), Credential(), "/").authority(head()) == sent


CLIENTS = b"".join(name.encode() + b": client-secret\r\n" for name in CREDENTIAL_FIELDS)


def test_credentials_of_clients_do_not_reach_a_version_with_its_own() -> None:
    own = Credential("own", "api-key", "version-secret")
    made = rewritten(Rewrite(host="client"), fields=CLIENTS + b"a: b\r\n", credential=own)
    assert made.head.fields == b"a: b\r\napi-key: version-secret\r\n"
    made = rewritten(Rewrite(), fields=CLIENTS.upper() + b"a: b\r\n", credential=Credential("none"))
    assert made.head.fields == b"a: b\r\n"
    assert rewritten(Rewrite(), fields=CLIENTS).head.fields == CLIENTS
    assert "version-secret" not in repr(own) + str(own) + repr([own])


@pytest.mark.parametrize("source", ["none", "own"])
@pytest.mark.parametrize("name", [b"X_Api_Key", b"x-api_key", b"Ocp_Apim-Subscription_Key", b"X-API-Key"])
def test_however_they_spell_the_names_of_fields_and_behind_the_body_too(name: bytes, source: CredentialSource) -> None:
    plan = plan_of(None, Credential(source, value="own" * (source == "own")), "/")
    assert plan is not None
    block = b"a: b\r\n%b: client-secret\r\n" % name
    assert b"client-secret" not in plan.applied(head(fields=block), b"", True).head.fields
    assert plan.trailers(block) == b"a: b\r\n"


def test_fields_that_are_removed_or_set_are_so_by_any_spelling() -> None:
    plan = plan_of(Rewrite(headers_remove=("x-tenant",), headers_set={"x_team": "ours"}), None, "/")
    assert plan is not None
    made = plan.applied(head(fields=b"X_Tenant: a\r\nx-team: b\r\nc: d\r\n"), b"", True)
    assert made.head.fields == b"c: d\r\nx_team: ours\r\n"


def test_nor_does_who_they_are_by_their_certificate() -> None:
    sent = head(fields=b"x-who: spiffe://test/one\r\na: b\r\n")
    cases: list[tuple[CredentialSource, bytes]] = [("none", b"a: b\r\n"), ("client", sent.fields)]
    for source, got in cases:
        plan = plan_of(None, Credential(source), "/", ("x-who",))
        assert plan is not None
        assert plan.applied(sent, b"", True).head.fields == got


@pytest.mark.parametrize("source", ["none", "own"])
@pytest.mark.parametrize("name", [b"key", b"API_Key", b"api%5Fkey", b"access_token", b"X-Amz-Signature"])
def test_nor_do_they_in_the_query(name: bytes, source: CredentialSource) -> None:
    target = b"/v1/chat?alt=sse&%b=client-secret&n=1" % name
    for at, kept in ((target, b"/v1/chat?alt=sse&n=1"), (b"/v1/chat?%b=s" % name, b"/v1/chat")):
        made = rewritten(Rewrite(), path=at, credential=Credential(source, "api-key", "own"))
        assert made.head.target == kept
        assert rewritten(Rewrite(), path=at).head.target == at, "a version that is told what clients say"
    own = Rewrite(query_set={"key": "own"})
    assert rewritten(own, path=b"/v1/chat?key=s", credential=Credential("none")).head.target == b"/v1/chat?key=own"


@pytest.mark.parametrize("target", [b"/p", b"/p?", b"/p?a", b"/p?a=1&&b=%20", b"/p?monkey=1&keys=2"])
def test_a_query_without_credentials_stays_as_it_is(target: bytes) -> None:
    assert rewritten(Rewrite(), path=target, credential=Credential("none")).head.target == target


def test_names_are_mapped_back_unless_the_route_says_not() -> None:
    assert rewritten(Rewrite(model="ft", answer=False)).names == []
    both = rewritten(Rewrite(model="ft", answer_set={"/model_version": '"1"'}))
    assert both.names[-1] == (["model_version"], b"", b'"1"') and len(both.names) > 1
    asked = rewritten(Rewrite(model="llama"))
    assert asked.names == [] and asked.body == CHAT
    assert rewritten(FT, b'{"messages": []}').names == []


def test_only_bodies_that_are_rewritten_are_waited_for() -> None:
    def reads(rewrite: Rewrite, **more: Any) -> bool:
        return RewritePlan(rewrite, Credential(), "/").reads_body(head(**more))

    assert reads(FT, length=5) and not reads(FT, length=0) and not reads(FT)
    assert not reads(FT, length=5, path=b"/v2/models/m/infer")
    assert not reads(Rewrite(headers_set={"a": "b"}), length=5)
    assert reads(Rewrite(json={"/a": "1"}), length=5, path=b"/v2/models/m/infer")
    streamed = head()
    streamed.streamed = True
    assert RewritePlan(FT, Credential(), "/").reads_body(streamed)
    streamed.tunnel = True
    assert not RewritePlan(FT, Credential(), "/").reads_body(streamed)


def test_nothing_configured_is_no_plan() -> None:
    assert plan_of(None, None, "/") is None
    assert plan_of(Rewrite(model="a"), None, "/") is not None and plan_of(None, Credential("none"), "/") is not None


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "model"]),
        st.integers() | st.text() | st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    ),
    st.sampled_from([None, 2]),
)
def test_any_document_reads_as_before_but_for_the_model(document: dict[str, Any], indent: int | None) -> None:
    made = rewritten(FT, json.dumps(document, indent=indent).encode())
    assert made.body is not None
    assert json.loads(made.body) == document | {"model": "llama-ft"}
    assert made.head.length == len(made.body)


def test_numbers_of_any_length_stay() -> None:
    body = CHAT.replace(b"12345678901234567890", b"9" * 5000)
    assert rewritten(FT, body).body == body.replace(b'"llama"', b'"llama-ft"')
    assert refused(FT, body + b"]") == NOT_JSON


def test_a_model_in_the_query_is_found_however_it_is_written() -> None:
    assert rewritten(FT, path=b"/v1/completions?%6dod%65l=llama").head.target == b"/v1/completions?model=llama-ft"


def test_a_model_in_the_path_is_found_however_it_is_written() -> None:
    made = rewritten(Rewrite(model="iris-v2"), path=b"/v2/%6dodels/iris/infer")
    assert (made.head.path, made.body) == (b"/v2/%6dodels/iris-v2/infer", None)


@pytest.mark.parametrize("dots", [b"..", b".", b"%2e%2E", b".%2e", b"..;x", b"..%2Fx", b"..%5cx"])
@pytest.mark.parametrize("inference", [True, False])
def test_a_path_that_the_server_would_resolve_goes_nowhere(dots: bytes, inference: bool) -> None:
    for rewrite, credential in ((FT, None), (Rewrite(), Credential("own", "authorization", "Bearer x"))):
        for path in (b"/v1/chat/%b/files", b"/v1/chat%%2f%b", b"/%b"):
            assert refused(rewrite, path=path % dots, inference=inference, credential=credential) == PATH
    assert rewritten(FT, path=b"/v1/chat/...x/..y/.z").head.path == b"/v1/chat/...x/..y/.z"


def test_nothing_is_added_to_bodies_of_what_is_no_inference() -> None:
    rewrite = Rewrite(model="ft", json={"/seed": "1", "/a/b": "2"})
    assert rewritten(rewrite, b'{"purpose": "x"}', path=b"/v1/files", inference=False).body == b'{"purpose": "x"}'
    both = b'{"model": "ft", "seed": 1}'
    assert rewritten(rewrite, b'{"model": "llama", "seed": 3}', path=b"/v1/tokenize", inference=False).body == both
    form = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nx\r\n--b--\r\n'
    fields = b"content-type: multipart/form-data; boundary=b\r\n"
    assert rewritten(FT, form, fields, path=b"/v1/files", inference=False).body == form


def test_a_form_has_no_json_of_a_size_of_its_own() -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nx\r\n--b--\r\n'
    fields = b"content-type: multipart/form-data; boundary=b\r\ninference-header-content-length: %b\r\n"
    for size in (b"abc", b"3"):
        assert refused(FT, form, fields % size, path=b"/v1/audio/transcriptions") == NOT_JSON


CALL = b"content-type: application/grpc\r\ngrpc-encoding: gzip\r\n"
INFER = b"/inference.GRPCInferenceService/ModelInfer"


@pytest.mark.parametrize(
    "rewrite",
    [
        FT,
        Rewrite(model_version="2"),
        Rewrite(json={"/a": "1"}),
        Rewrite(query_set={"a": "b"}),
        Rewrite(answer_set={"/a": "1"}),
    ],
)
def test_messages_of_grpc_are_not_rewritten(rewrite: Rewrite) -> None:
    assert refused(rewrite, b"\0\0\0\0\0", CALL, INFER) == GRPC
    made = plan_of(rewrite, None, "/")
    assert made is not None and not made.reads_body(head(INFER, CALL, None)), "nobody waits for the end of a stream"
    passed = rewritten(rewrite, b"\0\0\0\0\0", CALL, INFER, inference=False)
    assert passed.body is None


def test_heads_of_calls_are_rewritten() -> None:
    rewrite = Rewrite(headers_set={"seldon-model": "iris-2"}, path=PathRewrite("/b.C", "/a.B"))
    made = rewritten(rewrite, b"\0\0\0\0\0", CALL, b"/a.B/D")
    assert (made.head.target, made.head.field(b"seldon-model"), made.body) == (b"/b.C/D", b"iris-2", None)
    assert made.names == []

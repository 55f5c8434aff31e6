"""What a version that takes calls of gRPC has made of requests of REST (Open Inference Protocol).

1. Everything else that is rewritten for the version (model, path, values, fields, credential) is done first, on the
   request of REST; then that becomes a call. Its fields are the call's metadata, as far as they can be (`metadata`).
2. What has no counterpart goes nowhere (`Unwritable`). So does a question for a model in a body that the protocol does
   not have, which a server of REST would have refused.
3. A call that a client of gRPC sends on such a route goes as it is.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.field_rules import without_fields
from proxy.contracts.grpc_status import GRPC, is_grpc
from proxy.contracts.message import RequestHead
from proxy.contracts.rewrite import Credential, Rewrite
from proxy.routing import expanded
from proxy.routing.oip.call import OipCall
from proxy.routing.oip.method import INFER, SERVICE, OipMethod, method_of
from proxy.routing.oip.request import Wanted, infer_request
from proxy.routing.oip.wire import bytes_field
from proxy.routing.rewrite.metadata import as_metadata
from proxy.routing.rewrite.plan import MAX_REWRITTEN, RewritePlan, Rewritten
from proxy.routing.rewrite.unwritable import CALL, CODING, NOT_JSON, TOO_LARGE, Unwritable

_JSON_SIZE: Final = b"inference-header-content-length"

_OF_REST: Final = frozenset(
    (
        *(
            b"content-type",
            b"content-encoding",
            b"content-language",
            b"content-location",
            b"accept",
            b"accept-encoding",
        ),
        *(b"accept-charset", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"want-digest"),
        *(b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"),
        *(_JSON_SIZE, b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding", b"expect", b"upgrade"),
    )
)
"""Fields of a request of REST that say nothing of a call, or something that is untrue of it."""

_CALL_FIELDS: Final = b"content-type: %b\r\n" % GRPC


class CallPlan(RewritePlan):
    """The plan of a version that takes calls of gRPC, on a route of REST."""

    __slots__ = ()

    def reads_body(self, head: RequestHead) -> bool:
        if head.tunnel or is_grpc(head.field(b"content-type")) or not (head.streamed or head.length):
            return False
        return head.method == b"POST"

    def trailers(self, block: bytes) -> bytes:
        return b""  # a client's half of a call ends without

    def applied(self, head: RequestHead, body: bytes | None, inference: bool) -> Rewritten:
        if is_grpc(head.field(b"content-type")):
            return super().applied(head, body, inference)
        if head.tunnel:
            raise Unwritable(CALL, "a tunnel is no call of gRPC")
        made = super().applied(head, body, inference)
        method = method_of(made.head.method, made.head.path)
        if method is None:
            raise Unwritable(CALL, "the request has no call of gRPC that means the same")
        whole = body if made.body is None else made.body
        wanted = Wanted()
        message = _message(method, made.head, whole, wanted)
        frame = b"\0" + len(message).to_bytes(4, "big") + message
        fields = as_metadata(without_fields(made.head.fields, _OF_REST)) + _CALL_FIELDS
        call = RequestHead(b"POST", head.authority, SERVICE + method.name, fields)
        call.scheme, call.request_id, call.hops = head.scheme, head.request_id, head.hops
        call.shadowed, call.trailers, call.length = head.shadowed, True, len(frame)
        return Rewritten(call, frame, made.names, OipCall(method.name, wanted))


def _message(method: OipMethod, head: RequestHead, body: bytes | None, wanted: Wanted) -> bytes:
    """The message of a call. Raises Unwritable."""
    if method.name != INFER:
        return _named(method)
    if body is None or len(body) > MAX_REWRITTEN:
        raise Unwritable(TOO_LARGE, f"bodies of up to {MAX_REWRITTEN} bytes become calls of gRPC")
    plain = expanded.plain(body, head.field(b"content-encoding"))
    if plain is None:
        raise Unwritable(CODING, "the body has a content coding that cannot be read, or is too large without it")
    size, said = len(plain), head.field(_JSON_SIZE)
    if said is not None:
        if not said.isdigit() or len(said) > 9 or int(said) > size:
            raise Unwritable(NOT_JSON, "the body is shorter than its JSON is said to be")
        size = int(said)
    return infer_request(method.model, method.version, plain, size, wanted)


def _named(method: OipMethod) -> bytes:
    """The message of a call that names a model, or nothing."""
    made = bytes_field(1, method.model) if method.model else b""
    return made + (bytes_field(2, method.version) if method.version else b"")


def call_plan(
    rewrite: Rewrite | None, credential: Credential | None, prefix: str, identities: tuple[str, ...] = ()
) -> CallPlan:
    """The plan of a version that takes calls of gRPC, on a route whose paths begin with `prefix`."""
    made = CallPlan(rewrite or Rewrite(), credential or Credential(), prefix, identities)
    made.calls = True
    return made

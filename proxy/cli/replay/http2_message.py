"""A captured request as a head and a body for one server of HTTP/2: by the rules by which a worker sends copies.

1. Of the metadata of a call goes what the capture has kept, less what no replay sends (`fields_of`).
2. A call has the time that the replay gives it. That of its client is not in a capture, and says nothing about a copy;
   a stream may take longer than its head.
3. A request of REST becomes a call for a version that takes calls alone (`grpc://`), as in production.
"""

from __future__ import annotations

from math import inf

from proxy.cli.replay.message import BODILESS, MAX_HEADS, RequestMessage, fields_of, id_of, line_of
from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.message import RequestHead
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Version
from proxy.control.capture.format import Captured
from proxy.http2.fields import FieldList
from proxy.http2.request import write_request
from proxy.routing.calls import is_read, is_unary
from proxy.routing.rewrite.call import call_plan
from proxy.routing.rewrite.plan import RewritePlan, plan_of


class Http2Addressed:
    """Writes requests for one server. `version`: where it is; its rewrites are those of its name. `seconds`: what a
    call that has one message each way may take."""

    def __init__(self, settings: Settings, section: RouteSettings, version: Version, seconds: float) -> None:
        rewrite, credential = settings.rewrites.get(version.name), settings.credentials.get(version.name)
        make = call_plan if version.grpc and not section.calls else plan_of
        self._plan: RewritePlan | None = make(rewrite, credential, section.match.path)
        self._authority, self._base_path = version.authority.encode(), version.base_path.encode()
        self._scheme, self._seconds = b"https" if version.secure else b"http", seconds
        self._extra = b"x-penumbra-shadow: %b\r\n" % version.name.encode()
        self._starts: dict[tuple[str, str, bytes], tuple[RequestHead, FieldList]] = {}

    def message(self, asked: Captured) -> RequestMessage:
        """The request. Raises Unwritable where the version cannot have it, or nobody can."""
        body = asked.request or b""
        if self._plan is not None:
            return self._rewritten(self._head(asked), self._plan, body, id_of(asked))
        key = asked.method, asked.path, asked.request_fields
        known = self._starts.get(key)
        if known is None:
            if len(self._starts) >= MAX_HEADS:
                self._starts.clear()
            head = self._head(asked)
            known = self._starts[key] = head, self._start(head, self._authority)
        return _message(*known, body, id_of(asked))

    def _rewritten(self, head: RequestHead, plan: RewritePlan, body: bytes, named: bytes) -> RequestMessage:
        head.length, head.request_id = len(body), named
        rewritten = plan.applied(head, body, True)
        authority = plan.authority(head) or self._authority
        made, body = rewritten.head, body if rewritten.body is None else rewritten.body
        made.length = None  # it is written below
        return _message(made, self._start(made, authority), body, named)

    def _head(self, asked: Captured) -> RequestHead:
        method, target = line_of(asked)
        head = RequestHead(method, self._authority, target, fields_of(asked))
        head.scheme = self._scheme
        return head

    def _start(self, head: RequestHead, authority: bytes) -> FieldList:
        """A head up to what differs from request to request."""
        head.trailers = is_call(head)
        unary = head.trailers and is_read(head.path) and is_unary(head.path)
        return write_request(head, self._base_path, authority, self._extra, -1, self._seconds if unary else inf)


def is_call(head: RequestHead) -> bool:
    """Whether a request is a call of gRPC."""
    return is_grpc(head.field(b"content-type"))


def _message(head: RequestHead, start: FieldList, body: bytes, named: bytes) -> RequestMessage:
    fields = list(start)
    if named:
        fields.append((b"x-request-id", named))
    if body or head.method not in BODILESS:
        fields.append((b"content-length", b"%d" % len(body)))
    return RequestMessage(body, head.method == b"HEAD", fields, head.trailers)

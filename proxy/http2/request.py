"""Heads of requests in HTTP/2: read from a client, written for a model server.

The engine has refused what RFC 9113 §8 calls malformed. What it leaves open stands here:

1. No CONNECT and no TRACE; `:scheme` is http or https; a path in origin form.
2. `:authority`, or one Host; where there are both they say the same (RFC 9113 §8.3.1).
3. A head is as large as in HTTP/1.1, decoded.
4. A request without Content-Length whose stream goes on has a body of unknown length.
5. The time that a client of gRPC gives its call is kept apart: each version is told what is left of it for its leg.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

from proxy.contracts.field_rules import (
    FRAMING,
    HOP_BY_HOP,
    NO_TRAILERS,
    REQUEST_SPECIAL,
    content_length,
    host_is_clean,
    target_is_clean,
)
from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.message import RequestHead
from proxy.http2.bounds import Http2Bounds
from proxy.http2.fields import COLON, FieldGroup, FieldList, added, block_of, listed, size_of
from proxy.http2.hpack_reader import HeaderBlock, NeverIndexed
from proxy.http2.timeout import seconds_of, written

_TE_TRAILERS = (b"te", b"trailers")
_UNSUPPORTED = (b"CONNECT", b"TRACE")

TIMEOUT: Final = b"grpc-timeout"

_APART: Final = REQUEST_SPECIAL | {TIMEOUT, b"cookie", b":method", b":scheme", b":path", b":authority", b":protocol"}
"""Fields with a meaning, and those that are joined. Others are passed on as they are."""

MAX_REMEMBERED: Final = 256
"""Hosts and targets that were found clean: clients name few of either."""

MAX_REMEMBERED_BYTES: Final = 256

_clean_hosts: set[bytes] = set()
_clean_targets: set[bytes] = set()

NO_ANSWER_TRAILERS: Final = HOP_BY_HOP | FRAMING | {b"x-penumbra-version"}
"""What an answer's trailers do not carry. A server of gRPC may say there whatever else it likes."""


class Http2RequestError(Exception):
    """A request that is refused; its connection goes on.

    - `reason`: a key of `contracts.failure.FAILURES`
    - `detail`: the rule that was broken, for the client
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Http2RequestHead(RequestHead):
    """The head of a request that was admitted.

    - `expects`: its client waits for a word before it sends the body
    - `listed`: its fields as the list that HTTP/2 carries; None: nobody has made it
    - `call`: it is one of gRPC; `repeats`: a block of equal bytes has come before, and it stands for both
    """

    __slots__ = ("call", "expects", "listed", "repeats")

    def __init__(self, method: bytes, authority: bytes, target: bytes, fields: bytes = b"") -> None:
        super().__init__(method, authority, target, fields)
        self.expects = self.call = self.repeats = False
        self.listed: FieldList | None = None


_WHOLE: Final = 1
_BEGUN: Final = 2
_TRAILERS: Final = -1
"""What a block is made for: a head behind which nothing stands, or something does; trailers of an answer."""


def request_of(block: HeaderBlock, ended: bool, bounds: Http2Bounds) -> Http2RequestHead:
    """The head of a request that has come; equal ones of a connection are one object. Raises Http2RequestError."""
    made_for = _WHOLE if ended else _BEGUN
    if block.made_for == made_for:
        made: Http2RequestHead = block.made
        made.repeats = True
        return made
    head = read_request(block.fields, ended, bounds)
    head.unindexed = block.never
    block.made, block.made_for = head, made_for
    return head


def read_request(fields: tuple[tuple[bytes, bytes], ...], ended: bool, bounds: Http2Bounds) -> Http2RequestHead:
    """The head of a request. `ended`: there is nothing behind it. Raises Http2RequestError."""
    if len(fields) > bounds.fields:  # RFC 6585 §5
        raise Http2RequestError("head_too_large", f"the head has more than {bounds.fields} fields")
    if size_of(fields) > bounds.head:
        raise Http2RequestError("head_too_large", f"the head is larger than {bounds.head} bytes")
    special: FieldList = []
    passed: FieldList = []
    pairs: Any = fields  # a pair that is only ever an `Any` is not made again
    for pair in pairs:
        if pair[0] in _APART:
            special.append(pair)
        else:
            passed.append(pair)
    head = _started(special)
    _take_special(head, special, passed)
    head.listed, head.fields = passed, block_of(passed)
    head.streamed = not ended and head.length is None
    if ended and head.length is None and head.method not in (b"GET", b"HEAD", b"DELETE", b"OPTIONS"):
        head.length = 0  # a body was meant, and is empty (RFC 9110 §8.6)
    return head


def refused_head(fields: FieldList) -> Http2RequestHead:
    """What of a refused head decides how its client is told so: whether it asked for a body, and whether by gRPC."""
    known = dict(fields)
    content = known.get(b"content-type", b"")
    block = b"content-type: %b\r\n" % content if content else b""
    return Http2RequestHead(known.get(b":method", b""), b"", b"/", block)


def _started(special: FieldList) -> Http2RequestHead:
    method = target = scheme = authority = b""
    for name, value in special:
        if name == b":method":
            method = value
        elif name == b":path":
            target = value
        elif name == b":scheme":
            scheme = value
        elif name == b":authority":
            authority = value
    if method in _UNSUPPORTED:  # RFC 9110 §15.6.2
        raise Http2RequestError("not_implemented", f"{method.decode()} is not supported")
    if scheme not in (b"http", b"https"):
        raise Http2RequestError("bad_request", "the scheme is not http or https")
    if target not in _clean_targets:
        if not target_is_clean(target):
            raise Http2RequestError("bad_request", "the request target is not valid")
        _remember(_clean_targets, target)
    head = Http2RequestHead(method, authority, target)
    head.scheme = scheme
    return head


def _remember(clean: set[bytes], value: bytes) -> None:
    if len(value) <= MAX_REMEMBERED_BYTES:
        if len(clean) >= MAX_REMEMBERED:
            clean.clear()
        clean.add(value)


def _take_special(head: Http2RequestHead, special: FieldList, passed: FieldList) -> None:
    """Writes the fields with a meaning into the head; those that are passed on into the list."""
    hosts: FieldList = []
    crumbs: FieldList = []
    shadows: FieldList = []
    timeouts: FieldList = []
    for field in special:
        name, value = field
        if name[0] == COLON:
            continue
        if name == b"te":
            head.trailers = True  # the engine lets `trailers` alone pass
        elif name == b"content-length":
            head.length = content_length(value)  # the engine has refused what is none, and a second one
        elif name == b"x-request-id":
            head.request_id = head.request_id or value
        elif name == TIMEOUT:
            timeouts.append(field)
        elif name == b"host":
            hosts.append(field)
        elif name == b"cookie":
            crumbs.append(field)
        elif name == b"expect":
            head.expects = value.lower() == b"100-continue"
        elif name == b"x-penumbra-shadow":
            shadows.append(field)
        elif name == b"x-penumbra-hop":
            head.hops += b" " + value
            passed.append(field)
    _take_host(head, hosts)
    if crumbs:
        passed.append((b"cookie", b"; ".join([value for _, value in crumbs])))
    if head.request_id:
        passed.append((b"x-request-id", head.request_id))
    head.shadowed = bool(shadows)
    passed += shadows
    head.call = _is_call(passed)
    if timeouts:
        _take_timeouts(head, timeouts, passed)


def _is_call(passed: FieldList) -> bool:
    for name, value in passed:
        if name == b"content-type":
            return is_grpc(value)
    return False


def _take_timeouts(head: Http2RequestHead, timeouts: FieldList, passed: FieldList) -> None:
    """Notes the time that a call has; in any other request the field is one as others."""
    if not head.call:
        passed += timeouts
        return
    seconds = seconds_of(timeouts[0][1]) if len(timeouts) == 1 else None
    if seconds is None:
        raise Http2RequestError("bad_request", "malformed grpc-timeout: one of up to 8 digits and H, M, S, m, u or n")
    head.timeout = seconds


def _take_host(head: RequestHead, hosts: FieldList) -> None:
    for _, value in hosts:
        if value != (head.authority or hosts[0][1]):  # RFC 9113 §8.3.1
            raise Http2RequestError("bad_request", "Host and :authority differ, or there are two Host fields")
    head.authority = head.authority or (hosts[0][1] if hosts else b"")
    if head.authority not in _clean_hosts:
        if not host_is_clean(head.authority):  # RFC 9110 §7.2
            raise Http2RequestError("bad_request", "the authority is not valid")
        _remember(_clean_hosts, head.authority)


def begun_request(head: RequestHead, base_path: bytes, authority: bytes) -> FieldGroup:
    """What a request for a model server begins with, the same for each request with this head: `base_path` stands
    before its target."""
    fields: FieldList = [
        (b":method", head.method),
        (b":scheme", head.scheme),
        (b":path", base_path + head.target),
        (b":authority", authority),
    ]
    fields += fields_of(head)
    if head.trailers:
        fields.append(_TE_TRAILERS)
    return FieldGroup(fields)


def fields_of(head: RequestHead) -> FieldList:
    """The fields that a head passes on."""
    passed = head.listed if isinstance(head, Http2RequestHead) else None
    if passed is not None:
        return passed
    return listed(NeverIndexed(head.fields) if head.unindexed else head.fields)


def rest_of_request(head: RequestHead, extra: bytes, length: int, left: float = inf) -> FieldList:
    """The fields of one request alone: `extra` as a block of more fields.

    - `length`: the whole body of so many bytes is at hand, whatever the head announces; -1: as it announces
    - `left`: seconds that the call has left, inf: nobody has said
    """
    fields = added(extra) if extra else []
    size = head.length if length < 0 else length
    if size is not None and not (head.length is None and size == 0):
        fields.append((b"content-length", b"%d" % size))
    if left < inf:
        fields.append((TIMEOUT, written(left)))
    return fields


def write_request(
    head: RequestHead, base_path: bytes, authority: bytes, extra: bytes, length: int, left: float = inf
) -> FieldList:
    """All fields of a request for a model server."""
    return begun_request(head, base_path, authority).fields + rest_of_request(head, extra, length, left)


def trailers_of(fields: tuple[tuple[bytes, bytes], ...], without: frozenset[bytes] = NO_TRAILERS) -> bytes:
    """Trailers as a block; pseudo-fields, and those that are not allowed there, are left out. Where no table may keep
    one of them it may keep none: a block does not tell them apart."""
    kept: FieldList = []
    never = False
    for name, value in fields:
        if name[0] != COLON and name not in without:
            kept.append((name, value))
            never = never or type(value) is NeverIndexed
    block = block_of(kept)
    return NeverIndexed(block) if never else block


def answer_trailers(block: HeaderBlock) -> bytes:
    """Trailers of an answer as a block of lines; those of equal blocks of a connection are one object."""
    if block.made_for != _TRAILERS:
        block.made, block.made_for = trailers_of(block.fields, NO_ANSWER_TRAILERS), _TRAILERS
    made: bytes = block.made
    return made

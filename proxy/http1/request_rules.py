"""Which request heads are admitted: the rules that llhttp leaves open, over the pieces into which it cuts a head.

1. A request line is `method SP target SP HTTP/1.x` (RFC 9112 §3). No CR or LF alone anywhere (RFC 9112 §2.2).
2. Exactly one valid Host in HTTP/1.1; an absolute target replaces it (RFC 9112 §3.2, §3.2.2).
3. Transfer-Encoding is `chunked` alone, in HTTP/1.1 only; at most one Content-Length, never both (RFC 9112 §6.1, §6.3).
4. No CONNECT and no TRACE; targets in origin form or absolute form (RFC 9112 §3.2).
5. `Upgrade` is ignored unless it asks for a WebSocket (RFC 9110 §7.8 lets a server ignore it).
"""

from __future__ import annotations

from typing import Final

import httptools

from proxy.contracts.field_rules import content_length, host_is_clean, target_is_clean
from proxy.contracts.prefaces import PREFACES
from proxy.http1.fields import block, head_is_clean, tokens, without
from proxy.http1.request_head import Http1RequestHead

_LINE_ENDS: Final = {"1.1": b" HTTP/1.1\r\n", "1.0": b" HTTP/1.0\r\n"}


class RequestError(Exception):
    """A request that is refused.

    - `reason`: a key of `contracts.failure.FAILURES`
    - `detail`: the rule that was broken, for the client
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def admitted(
    raw: bytes,
    method: bytes,
    version: str,
    target: bytes,
    lines: list[bytes],
    special: list[tuple[bytes, bytes]],
    most: int,
) -> Http1RequestHead:
    """The head that llhttp has cut into pieces. Raises RequestError.

    - `raw`: the whole head with its final blank line
    - `version`: such as `1.1`; `target`: as it stands in the request line
    - `most`: how many fields it may have
    - `lines`: fields that are passed on; `special`: those of `fields.REQUEST_SPECIAL`, names in lower case
    """
    if method in (b"CONNECT", b"TRACE"):  # RFC 9110 §15.6.2
        raise RequestError("not_implemented", f"{method.decode()} is not supported")
    line_end = _LINE_ENDS.get(version)
    if line_end is None:  # RFC 9110 §15.6.6
        raise RequestError("version_not_supported", f"HTTP/{version}")
    # llhttp lets more spaces and other protocols pass (RTSP, ICE); which line ends do depends on its version.
    if not raw.startswith(method + b" " + target + line_end):  # RFC 9112 §3
        raise RequestError("bad_request", "the request line is not `method target HTTP/1.x`")
    if not head_is_clean(raw):  # RFC 9112 §2.2, RFC 9110 §5.5
        raise RequestError("bad_request", "the head holds a control character, or a CR or LF alone")
    authority, target = _split_target(target)
    head = Http1RequestHead(method, authority, target)
    head.http10 = version == "1.0"
    lines = _take_special(head, lines, special)
    head.fields = block(lines)
    if len(lines) + len(special) > most:  # RFC 6585 §5
        raise RequestError("head_too_large", f"the head has more than {most} fields")
    return head


def _split_target(target: bytes) -> tuple[bytes, bytes]:
    """Authority (empty in origin form) and target."""
    authority = b""
    if absolute := target[:7].lower() == b"http://":
        # RFC 9112 §3.2.2: the authority of an absolute target replaces the Host field.
        authority, slash, rest = target[7:].partition(b"/")
        target = slash + rest if slash else b"/"
        if b"?" in authority:  # RFC 9112 §3.2.1: an empty path is `/`
            authority, query, rest = authority.partition(b"?")
            target = b"/" + query + rest + target if slash else b"/" + query + rest
    # RFC 9110 §4.2.1: an empty host identifier is invalid.
    if not target_is_clean(target) or (absolute and not authority):  # RFC 9112 §3.2
        raise RequestError("bad_request", "the request target is not valid")
    return authority, target


def _take_special(head: Http1RequestHead, lines: list[bytes], special: list[tuple[bytes, bytes]]) -> list[bytes]:
    """Writes the fields with a meaning into the head; returns the lines that are passed on."""
    named: list[bytes] = []
    hosts: list[bytes] = []
    for name, value in special:
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            head.length = _length(head, value)
        elif name == b"transfer-encoding":
            _take_coding(head, value)
        elif name == b"connection":
            named += tokens(value)
        elif name == b"upgrade":
            head.upgrade = head.upgrade + b", " + value if head.upgrade else value
        elif name == b"te":
            head.trailers = b"trailers" in tokens(value)
        elif name == b"expect":
            _take_expectation(head, value)
        elif name == b"x-request-id":
            head.request_id = head.request_id or value
        elif name == b"x-penumbra-shadow":
            head.shadowed = True
        elif name == b"x-penumbra-hop":
            head.hops += b" " + value
            lines.append(b"x-penumbra-hop: " + value)
    _take_host(head, hosts)
    if head.request_id:
        lines.append(b"x-request-id: " + head.request_id)
    if head.shadowed:
        lines += [b"x-penumbra-shadow: " + v for n, v in special if n == b"x-penumbra-shadow"]
    head.keep_alive = b"close" not in named and (not head.http10 or b"keep-alive" in named)  # RFC 9112 §9.3
    head.tunnel = head.upgrade.lower() == b"websocket" and b"upgrade" in named and head.method == b"GET"
    if len(named) > 1 or (named and named[0] not in (b"keep-alive", b"close", b"upgrade")):
        return without(lines, named)
    return lines


def _length(head: Http1RequestHead, value: bytes) -> int:
    length = content_length(value)
    if length is None or head.length is not None or head.streamed:  # RFC 9112 §6.3
        raise RequestError("bad_request", "Content-Length is repeated, not a number, or beside Transfer-Encoding")
    return length


def _take_coding(head: Http1RequestHead, value: bytes) -> None:
    if head.streamed or head.length is not None or head.http10:
        # RFC 9112 §6.1: both framings, two codings fields, or a coding in HTTP/1.0 are what smuggling is made of.
        raise RequestError("bad_request", "Transfer-Encoding is repeated, beside Content-Length, or in HTTP/1.0")
    if value.lower() != b"chunked":  # RFC 9112 §6.1
        raise RequestError("not_implemented", "the only transfer coding supported is `chunked`")
    head.streamed = True


def _take_host(head: Http1RequestHead, hosts: list[bytes]) -> None:
    if len(hosts) > 1 or (not hosts and not head.http10):  # RFC 9112 §3.2
        raise RequestError("bad_request", "exactly one Host field is needed")
    head.authority = head.authority or (hosts[0] if hosts else b"")
    given = [*hosts, head.authority] if head.authority else hosts
    if not all(host_is_clean(host) for host in given):  # RFC 9110 §7.2
        raise RequestError("bad_request", "the Host field is not valid")


def _take_expectation(head: Http1RequestHead, value: bytes) -> None:
    if value.lower() != b"100-continue":  # RFC 9110 §10.1.1
        raise RequestError("expectation_failed", "the only expectation supported is `100-continue`")
    head.expects = not head.http10


def refusal(error: Exception, raw: bytes = b"") -> RequestError:
    """What an error of llhttp means. `raw`: the head, as far as it has come."""
    for preface, reason, detail in PREFACES:
        if raw.startswith(preface):
            return RequestError(reason, detail)
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return RequestError("not_implemented", "unknown method")
    if "HTTP version" in str(error) or "HTTP/2" in str(error) or "PRI/Upgrade" in str(error):
        return RequestError("version_not_supported", str(error))
    return RequestError("bad_request", str(error))

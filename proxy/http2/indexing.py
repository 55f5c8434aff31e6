"""Which fields are kept out of a peer's HPACK table (RFC 7541 §7.1.3), which all streams of its connection share.

A decoder may keep with an entry of its table that the value could not be parsed, and fail each later field that names
the entry, whatever that one's own value is: gRPC's C core does. One odd answer of a canary would so end the primary's
answers to the same client, and one odd call those of other clients to the same version. So:

1. A field that gRPC parses enters the table with the values that every implementation takes, and with no other.
2. Binary metadata (`-bin`) never enters it: base64 has many dialects, and its values hardly ever repeat.

What is sent stays as it is: only how it is written differs.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.grpc_status import HTTP_STATUS

_CODINGS: Final = frozenset((b"identity", b"gzip", b"deflate"))
_NONE: Final[frozenset[bytes]] = frozenset()

SHARED: Final[dict[bytes, frozenset[bytes]]] = {
    b"grpc-status": frozenset([b"%d" % code for code in HTTP_STATUS]),
    b"grpc-encoding": _CODINGS,
    b"grpc-internal-encoding-request": _CODINGS,
    b"te": frozenset((b"trailers",)),
    b"grpc-timeout": _NONE,
    b"grpc-previous-rpc-attempts": _NONE,
    b"grpc-retry-pushback-ms": _NONE,
    b"grpclb_client_stats": _NONE,
}
"""Fields that gRPC parses, and those of their values that may be in a table."""

BINARY: Final = b"-bin"


def is_shared(name: bytes, value: bytes) -> bool:
    """Whether a field may be in the table of a peer.

    >>> is_shared(b"grpc-status", b"0"), is_shared(b"grpc-status", b"zero"), is_shared(b"x-user", b"7")
    (True, False, True)
    """
    values = SHARED.get(name)
    return value in values if values is not None else name[-4:] != BINARY

"""Fields of a request of REST that can be metadata of a call (`PROTOCOL-HTTP2.md` of the gRPC project).

Servers of gRPC refuse a whole call for a name or a value that is none, or take it for one that they cannot read: a
client of REST would have a version charged with what no server of REST minds. Such a field is left out. So is what the
protocol keeps for itself (`grpc-…`).
"""

from __future__ import annotations

import re

_CUSTOM = re.compile(rb"(?!grpc-)[0-9a-z_.-]+[ \t]*:[ \t]*([\x20-\x7e]*?)[ \t]*", re.IGNORECASE)
_BINARY = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?")
"""Base64, padded or not."""


def as_metadata(block: bytes) -> bytes:
    """The lines of a block that can be metadata.

    >>> as_metadata(b"x-user: a\\r\\nx-key-bin: AAE\\r\\nx-key-bin: ?\\r\\nx!: b\\r\\ngrpc-status: 0\\r\\n")
    b'x-user: a\\r\\nx-key-bin: AAE\\r\\n'
    """
    return b"".join([line + b"\r\n" for line in block.split(b"\r\n") if line and _is_one(line)])


def _is_one(line: bytes) -> bool:
    found = _CUSTOM.fullmatch(line)
    if found is None:
        return False
    name = line.partition(b":")[0].strip().lower()
    values = found.group(1).split(b",") if name.endswith(b"-bin") else ()
    return all(_BINARY.fullmatch(value.strip()) for value in values)

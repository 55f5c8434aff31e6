"""The static table of HPACK (RFC 7541 appendix A), and what a table counts."""

from __future__ import annotations

from typing import Final

OVERHEAD: Final = 32
"""Bytes that an entry counts beside its name and value (RFC 7541 §4.1)."""

TABLE: Final = 4_096
"""Bytes of a table until something else is said (RFC 9113 §6.5.2)."""

_WITH_VALUES: Final = (
    ":authority= :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204 "
    ":status=206 :status=304 :status=400 :status=404 :status=500 accept-charset= accept-encoding=gzip,_deflate"
)
_NAMES: Final = (
    "accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control "
    "content-disposition content-encoding content-language content-length content-location content-range content-type "
    "cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since "
    "last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after "
    "server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate"
)


def _static() -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    for each in _WITH_VALUES.split():
        name, _, value = each.partition("=")
        fields.append((name.encode(), value.replace("_", " ").encode()))
    return fields + [(each.encode(), b"") for each in _NAMES.split()]


STATIC: Final = _static()
"""Entry n of the table is at n - 1."""

"""What clients say first that take a port of plain HTTP/1.1 for another: RFC 8446 §5.1, RFC 9113 §3.4, HAProxy's
`proxy-protocol.txt`."""

from __future__ import annotations

from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0"
"""The beginning of the first bytes of a client of HTTP/2."""

PREFACES: Final = (
    (b"\x16", "tls_hello", "a TLS handshake; this port speaks plain HTTP/1.1"),
    (b"PRI ", "http2_preface", "the preface of HTTP/2, which has to be the first that a client says"),
    (b"PROX", "proxy_preface", "a header of the PROXY protocol, which this port does not read"),
    (b"\x00\r\nQUIT", "proxy_preface", "a header of the PROXY protocol, which this port does not read"),
)
"""First bytes, reason (of `contracts.failure`), detail."""

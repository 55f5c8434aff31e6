"""What a client may send, and how long it may take: on all routes, since most of it is read before one is found."""

from __future__ import annotations

from msgspec import Struct


class ClientBounds(Struct, frozen=True):
    """Times in seconds, sizes in bytes."""

    keep_alive: float = 75.0
    """How long a connection may stay without a request: nginx's default."""
    head_timeout: float = 15.0
    """From the first byte of a request's head to its last. nginx has 60, Envoy none by default, HAProxy asks."""
    body_timeout: float = 60.0
    """How long a body may pause that has not yet decided about its route (then the route's `timeouts.idle` holds)."""
    linger: float = 2.0
    """How long input is read and thrown away once a connection has ended (RFC 9112 §9.6)."""
    connection_age: float | None = None
    """After which a connection ends with its next answer, or as soon as it is idle, so that another handshake meets the
    certificates of then; None: never."""
    handshake_timeout: float = 10.0
    """From a connection's beginning to the end of its TLS handshake. Envoy has 15 for both, nginx 60, HAProxy asks."""
    handshakes: int = 512
    """TLS handshakes that have begun in one worker; others wait, together at most a quarter of its connections. One
    more takes the place of the one that has waited longest for its client."""
    head: int = 64 * 1024
    """A request head. Envoy's default is 60 KiB."""
    target: int = 16 * 1024
    """A request target: RFC 9112 §3 asks for at least 8,000."""
    fields: int = 128
    """Number of fields of a head. Envoy's default is 100."""
    deciding_body: int = 8 * 1024 * 1024
    """What is held of a body while the route depends on it."""

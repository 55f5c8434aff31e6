"""The meaning of the options on times, bounds, retries and rescues, as `option_docs` has that of all others."""

from __future__ import annotations

CLIENT_TEXTS = {
    "client": (
        "What clients may send, and how long they may take, on all routes: most of it is read before one is found."
    ),
    "client.keep_alive": (
        "How long a connection may stay without a request. Longer than the load balancer in front keeps its idle "
        "connections, else it sends requests into closed ones: see docs/load-balancers.md."
    ),
    "client.head_timeout": "From the first byte of a request's head to its last. Later: 408.",
    "client.body_timeout": (
        "How long a body may pause while the route depends on it. Later: 408. Then the route's `timeouts.idle` holds."
    ),
    "client.linger": "How long input is read and thrown away once a connection has ended, so that no answer is lost.",
    "client.connection_age": (
        "After which a connection ends with its next answer, or once it is idle, give or take a tenth: so that clients "
        "meet new certificates, and new sidecars. A WebSocket goes on."
    ),
    "client.handshake_timeout": "From the beginning of a connection to the end of its TLS handshake.",
    "client.handshakes": (
        "TLS handshakes that have begun in one worker; others wait, together at most a quarter of its `connections`. "
        "One more takes the place of the one that has waited longest for its client."
    ),
    "client.head": "A request head. Larger: 431.",
    "client.target": "Path and query of a request. Larger: 414. At most `client.head`.",
    "client.fields": "Number of header fields. More: 431.",
    "client.deciding_body": "What is held of a body while the route depends on it (`match.model`). Larger: 413.",
    "pair_wait": (
        "How long an answer waits in control for the one that it is compared with, or that answered in its place. "
        "Later, it is counted as lost."
    ),
}
"""The same for options of all routes."""

CLIENT_DEFAULTS = {
    "client": "{}",
    "client.keep_alive": "75s",
    "client.head_timeout": "15s",
    "client.body_timeout": "60s",
    "client.linger": "2s",
    "client.handshake_timeout": "10s",
    "client.handshakes": "512",
    "client.head": "64KiB",
    "client.target": "16KiB",
    "client.fields": "128",
    "client.deciding_body": "8MiB",
}

TEXTS = {
    "rescue": "The primary answers in the same exchange when a canary fails. `off`: its failures reach the client.",
    "rescue.after": "A canary whose first byte is later than this has failed, too.",
    "rescue.by": (
        "Which first byte: that of the `head`, or that of the `body`, until which the head is kept back. Servers that "
        "stream may write the head at once and then hang."
    ),
    "rescue.on": "Statuses of a canary that the primary's answer replaces; `[]`: none, only what is no answer at all.",
    "retry": (
        "Which requests are sent to the same version again, once, when their connection ends without a byte of an "
        "answer: where nothing can have been processed (`unprocessed`), also those that are idempotent (GET, HEAD, "
        "PUT, DELETE, OPTIONS, and any with an `Idempotency-Key`), all (`always`), or none (`never`)."
    ),
    "timeouts": "How long each part of an exchange may take.",
    "timeouts.connect": "Connection to a version: TCP, and the handshake of TLS where its URL is one of https.",
    "timeouts.response": "From the request sent to the head of the response, for each try.",
    "timeouts.idle": "Without a byte in either direction.",
    "timeouts.total": "The whole exchange.",
    "timeouts.connection_idle": (
        "How long a connection to a version may be idle before it is closed. Shorter than the version keeps it: one "
        "that is closed just as a request is sent costs another try."
    ),
    "timeouts.keepalive": (
        "How long a connection by HTTP/2 that has calls may be silent before its server is asked for a sign of life "
        "(PING). One that gives none within 20 seconds is dead, and its calls have failed. Servers of gRPC end "
        "connections that ask more often than they allow, by default every 5 minutes: less only where they are told so."
    ),
    "timeouts.connection_age": (
        "Age of a connection to a version after which it takes no further request, give or take a tenth: busy "
        "connections move on to the addresses that the version's name has by then. Addresses that the name does not "
        "have any more lose theirs within seconds, whatever this says."
    ),
    "limits": "How much there may be at once. What is above is refused, or not mirrored, and counted.",
    "limits.body": "One request body. Larger: 413.",
    "limits.request_buffer": (
        "What is at hand of a request body before a version gets it, where it is not complete sooner: a slow client "
        "holds no connection. `0`: the version gets it as it comes; a call of gRPC goes with its first message. At "
        "most `limits.body`."
    ),
    "limits.rescue_body": (
        "What is kept of a request body so that it can be sent again, or to the primary in place of a canary. Larger "
        "ones have neither once a version has a part of them. 64KiB are kept always. At most `limits.body`."
    ),
    "limits.mirror_body": "One request body that is copied. Larger: not mirrored. At most `limits.body`.",
    "limits.mirror_inflight": "Unfinished copies to one shadow, in one worker. More: not mirrored.",
    "limits.inflight": "Unfinished exchanges of the route, in one worker. More: 503.",
    "limits.connections": "Connections to one version, in one worker. More: legs wait.",
}
"""Path to what the option is for."""

DEFAULTS = {
    "rescue": "on",
    "rescue.by": "head",
    "retry": "unprocessed",
    "timeouts": "{}",
    "timeouts.connect": "1s",
    "timeouts.keepalive": "5m",
    "timeouts.connection_idle": "55s",
    "timeouts.connection_age": "5m",
    "limits": "{}",
    "limits.body": "64MiB",
    "limits.request_buffer": "1MiB",
    "limits.rescue_body": "8MiB",
    "limits.mirror_body": "8MiB",
    "limits.mirror_inflight": "256",
    "limits.inflight": "4096",
    "limits.connections": "1024",
}
"""Path to what may as well be written as left out."""

ABSENT = {
    "rescue.after": "no deadline of its own",
    "rescue.on": "`[502, 503, 504]`",
    "client.connection_age": "never",
    "pair_wait": "30 s longer than the slowest `timeouts.response`, at least 60 s",
    "timeouts.response": "`30s`; with `protocol: openai` or `auto` `10m`, as OpenAI's own clients wait",
    "timeouts.idle": "`60s`; with `protocol: openai` or `auto` `10m`",
    "timeouts.total": "not limited, for streams",
}
"""Path to what holds where the option is left out and no value would say the same."""

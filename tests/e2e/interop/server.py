"""The test service of the gRPC project's interop cases; a script for the models venv.

`python server.py [CERTIFICATE KEY]` prints its port in clear, and the one by TLS, and serves until it is ended.
Messages are JSON in place of the project's own, so that nobody needs generated code; what they ask for is the same.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
OURS = ("x-request-id", "x-penumbra-hop", "x-lane", "x-call")
"""Fields that differ from run to run, or that Penumbra adds."""

ended: dict[str, str] = {}
"""How calls ended, by their `x-call`."""


def begun(context: Any) -> dict[str, Any]:
    """A call's metadata; echoes what is to be echoed, and tells the client what came."""
    came = [(name, value if isinstance(value, str) else value.hex()) for name, value in context.invocation_metadata()]
    kept = sorted(each for each in came if each[0] not in OURS)
    metadata = dict(context.invocation_metadata())
    limited = (context.time_remaining() or 1e9) < 1e6
    trailing = [("x-seen", json.dumps([kept, limited]))]
    if TRAILING in metadata:
        trailing.append((TRAILING, metadata[TRAILING]))
    context.set_trailing_metadata(trailing)
    if INITIAL in metadata:
        context.send_initial_metadata([(INITIAL, metadata[INITIAL])])
    if "x-compress" in metadata:
        context.set_compression(grpc.Compression.Gzip)
    return metadata


def stopped(asked: dict[str, Any], context: Any) -> None:
    """Ends the call where the client asks for a status."""
    if status := asked.get("status"):
        code = next(each for each in grpc.StatusCode if each.value[0] == status["code"])
        context.abort(code, status["message"])


def empty(message: bytes, context: Any) -> bytes:
    begun(context)
    return message


def unary(message: bytes, context: Any) -> bytes:
    begun(context)
    asked = json.loads(message)
    stopped(asked, context)
    return bytes(asked["size"])


def streaming_input(messages: Iterator[bytes], context: Any) -> bytes:
    metadata = begun(context)
    context.add_callback(lambda: ended.setdefault(metadata.get("x-call", ""), "ended"))
    return json.dumps(sum(len(message) for message in messages)).encode()


def streaming_output(message: bytes, context: Any) -> Iterator[bytes]:
    begun(context)
    yield from map(bytes, json.loads(message)["sizes"])


def full_duplex(messages: Iterator[bytes], context: Any) -> Iterator[bytes]:
    metadata, over = begun(context), threading.Event()

    def done() -> None:
        ended[metadata.get("x-call", "")] = "ended"
        over.set()

    context.add_callback(done)
    for message in messages:
        asked = json.loads(message)
        stopped(asked, context)
        yield from map(bytes, asked["sizes"])
        if asked.get("sleeps"):
            over.wait(30)


def how_ended(message: bytes, context: Any) -> bytes:
    """Whether the call of that `x-call` is over here."""
    return ended.get(message.decode(), "").encode()


METHODS = {
    "EmptyCall": grpc.unary_unary_rpc_method_handler(empty),
    "UnaryCall": grpc.unary_unary_rpc_method_handler(unary),
    "StreamingInputCall": grpc.stream_unary_rpc_method_handler(streaming_input),
    "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(streaming_output),
    "FullDuplexCall": grpc.stream_stream_rpc_method_handler(full_duplex),
    "HowEnded": grpc.unary_unary_rpc_method_handler(how_ended),
}


class Service(grpc.GenericRpcHandler):
    def service(self, details: Any) -> Any:
        service, _, method = details.method.rpartition("/")
        return METHODS.get(method) if service == "/grpc.testing.TestService" else None


def main(*secrets: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(32), handlers=[Service()])
    ports = [server.add_insecure_port("127.0.0.1:0")]
    if secrets:
        certificate, key = (Path(each).read_bytes() for each in secrets)
        ports.append(server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)])))
    server.start()
    print(json.dumps(ports), flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The interop cases of the gRPC project (grpc/doc/interop-test-descriptions.md) by grpcio; for the models venv.

`python client.py TARGETS` takes a JSON list of {"address", "lane", "ca"} and prints for each of them a JSON object:
the case to what its client saw, field by field.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

SERVICE = "/grpc.testing.TestService/"
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
REQUESTS, ANSWERS = (27182, 8, 1828, 45904), (31415, 9, 2653, 58979)
LATE = 0.3
"""Seconds until a deadline. The project's own case has a millisecond, before which a call may not even begin."""
_numbers = itertools.count()


def message(body: int = 0, **asked: Any) -> bytes:
    return json.dumps(asked | {"body": "0" * body}).encode()


def fields(metadata: Any) -> list[list[str]]:
    return sorted([name, value if isinstance(value, str) else value.hex()] for name, value in metadata or ())


class Target:
    """One server, in front of which we are or are not."""

    def __init__(self, address: str, lane: str, ca: str = "") -> None:
        options = [("grpc.enable_http_proxy", 0)]
        if ca:
            credentials = grpc.ssl_channel_credentials(Path(ca).read_bytes())
            self.channel = grpc.secure_channel(address, credentials, options)
        else:
            self.channel = grpc.insecure_channel(address, options)
        self.lane = lane

    def metadata(self, call: str = "", *more: tuple[str, Any]) -> list[tuple[str, Any]]:
        return [("x-lane", self.lane), *([("x-call", call)] if call else []), *more]

    def seen(self, call: Any, messages: list[bytes]) -> dict[str, Any]:
        """What a call was, once it is over."""
        return {
            "code": call.code().value[0],
            "details": call.details(),
            "initial": fields(call.initial_metadata()),
            "trailing": fields(call.trailing_metadata()),
            "messages": [[len(each), hashlib.sha256(each).hexdigest()] for each in messages],
        }

    def one(self, kind: str, method: str, sent: Any, *more: tuple[str, Any], **options: Any) -> dict[str, Any]:
        """A call with one answer."""
        path = method if method.startswith("/") else SERVICE + method
        try:
            answer, call = getattr(self.channel, kind)(path).with_call(
                sent, metadata=self.metadata("", *more), **options
            )
        except grpc.RpcError as error:
            return self.seen(error, [])
        return self.seen(call, [answer])

    def many(self, kind: str, method: str, sent: Any, *more: tuple[str, Any], **options: Any) -> dict[str, Any]:
        """A call with many answers."""
        call = getattr(self.channel, kind)(SERVICE + method)(sent, metadata=self.metadata("", *more), **options)
        got: list[bytes] = []
        with contextlib.suppress(grpc.RpcError):
            got.extend(call)
        return self.seen(call, got)

    def has_ended(self, name: str) -> bool:
        """Whether the server has heard of a call's end."""
        ask = self.channel.unary_unary(SERVICE + "HowEnded")
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if ask(name.encode(), metadata=self.metadata()) == b"ended":
                return True
            time.sleep(0.01)
        return False

    # the cases

    def empty_unary(self) -> Any:
        return self.one("unary_unary", "EmptyCall", b"")

    def large_unary(self) -> Any:
        return self.one("unary_unary", "UnaryCall", message(271828, size=314159))

    def client_streaming(self) -> Any:
        return self.one("stream_unary", "StreamingInputCall", map(message, REQUESTS))

    def server_streaming(self) -> Any:
        return self.many("unary_stream", "StreamingOutputCall", message(sizes=ANSWERS))

    def ping_pong(self) -> Any:
        got: list[bytes] = []
        turn = threading.Semaphore(1)

        def asked() -> Iterator[bytes]:
            for size, answer in zip(REQUESTS, ANSWERS, strict=True):
                turn.acquire()
                yield message(size, sizes=[answer])

        call = self.channel.stream_stream(SERVICE + "FullDuplexCall")(asked(), metadata=self.metadata())
        for each in call:
            got.append(each)
            turn.release()
        return self.seen(call, got)

    def empty_stream(self) -> Any:
        return self.many("stream_stream", "FullDuplexCall", iter(()))

    def status_code_and_message(self) -> Any:
        asked = message(status={"code": 2, "message": "test status message"}, size=0, sizes=[])
        return [
            self.one("unary_unary", "UnaryCall", asked),
            self.many("stream_stream", "FullDuplexCall", iter([asked])),
        ]

    def special_status_message(self) -> Any:
        return self.one("unary_unary", "UnaryCall", message(status={"code": 2, "message": SPECIAL}))

    def every_status(self) -> Any:
        asked = [message(status={"code": code, "message": f"status {code}"}) for code in range(1, 17)]
        return [self.one("unary_unary", "UnaryCall", each) for each in asked]

    def custom_metadata(self) -> Any:
        more = [
            ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
            ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab\x00"),
            ("x-twice", "one"),
            ("x-twice", "two, three"),
        ]
        return [
            self.one("unary_unary", "UnaryCall", message(271828, size=314159), *more),
            self.many("stream_stream", "FullDuplexCall", iter([message(271828, sizes=[314159])]), *more),
        ]

    def unimplemented_method(self) -> Any:
        return self.one("unary_unary", "UnimplementedCall", b"")

    def unimplemented_service(self) -> Any:
        return self.one("unary_unary", "/grpc.testing.UnimplementedService/UnimplementedCall", b"")

    def cancel_after_begin(self) -> Any:
        name, hold = f"{self.lane}-{next(_numbers)}", threading.Event()

        def nothing() -> Iterator[bytes]:
            hold.wait(20)
            yield from ()

        begin = self.channel.stream_unary(SERVICE + "StreamingInputCall").future
        call = begin(nothing(), metadata=self.metadata(name))
        call.cancel()
        hold.set()
        return [call.cancelled(), call.code().value[0]]

    def cancel_after_first_response(self) -> Any:
        name, hold = f"{self.lane}-{next(_numbers)}", threading.Event()

        def asked() -> Iterator[bytes]:
            yield message(REQUESTS[0], sizes=[ANSWERS[0]])
            hold.wait(20)

        call = self.channel.stream_stream(SERVICE + "FullDuplexCall")(asked(), metadata=self.metadata(name))
        first = next(call)
        call.cancel()
        hold.set()
        return [len(first), call.code().value[0], self.has_ended(name)]

    def timeout_on_sleeping_server(self) -> Any:
        name = f"{self.lane}-{next(_numbers)}"
        begin = self.channel.stream_stream(SERVICE + "FullDuplexCall")
        asked = iter([message(REQUESTS[0], sizes=[9], sleeps=True)])
        call = begin(asked, metadata=self.metadata(name), timeout=LATE)
        got: list[int] = []
        with contextlib.suppress(grpc.RpcError):
            got.extend(map(len, call))
        return [got, call.code().value[0], self.has_ended(name)]

    def client_compressed_unary(self) -> Any:
        sent = message(271828, size=314159)
        return [
            self.one("unary_unary", "UnaryCall", sent, compression=how)
            for how in (grpc.Compression.Gzip, grpc.Compression.Deflate)
        ]

    def server_compressed_unary(self) -> Any:
        return self.one("unary_unary", "UnaryCall", message(271828, size=314159), ("x-compress", "1"))

    def client_compressed_streaming(self) -> Any:
        sent = map(message, REQUESTS)
        return self.one("stream_unary", "StreamingInputCall", sent, compression=grpc.Compression.Gzip)

    def server_compressed_streaming(self) -> Any:
        return self.many("unary_stream", "StreamingOutputCall", message(sizes=ANSWERS), ("x-compress", "1"))


CASES: dict[str, Callable[[Target], Any]] = {
    name: case
    for name, case in vars(Target).items()
    if not name.startswith("_") and name not in ("metadata", "seen", "one", "many", "has_ended")
}


def main(targets: str) -> None:
    found = []
    for each in json.loads(targets):
        target = Target(**each)
        found.append({name: case(target) for name, case in CASES.items()})
        target.channel.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Streams of the Open Inference Protocol by gRPC, as MLServer has them; a script for the models venv.

`python stream_client.py HOST:PORT THREADS` asks, from so many threads over one connection each, until its stdin is
closed: a stream has MESSAGES requests, and each of them five answers; the next request is sent when those of the one
before are there. Prints a JSON list: for each stream [version, answers, code of gRPC].
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from typing import Any

import grpc
from tritonclient.grpc import service_pb2

MESSAGES, WORDS = 2, 5
METHOD = "/inference.GRPCInferenceService/ModelStreamInfer"


def asked() -> bytes:
    request = service_pb2.ModelInferRequest(model_name="m")
    row = request.inputs.add(name="x", shape=[1, 2], datatype="FP64")
    row.contents.fp64_contents.extend([1.0, 2.0])
    message: bytes = request.SerializeToString()
    return message


def stream(ask: Any) -> list[Any]:
    """One stream to its end."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    waiting.put(asked())
    call = ask(iter(waiting.get, None))
    answers = 0
    try:
        for _ in call:
            answers += 1
            if answers == MESSAGES * WORDS:
                waiting.put(None)
            elif answers % WORDS == 0:
                waiting.put(asked())
    except grpc.RpcError:
        waiting.put(None)
    version = dict(call.initial_metadata()).get("x-penumbra-version", "")
    return [version, answers, call.code().value[0]]


def streams(address: str, stop: threading.Event, seen: list[Any]) -> None:
    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        ask = channel.stream_stream(METHOD)
        while not stop.is_set():
            seen.append(stream(ask))


def main(address: str, threads: str) -> None:
    seen: list[Any] = []
    stop = threading.Event()
    askers = [threading.Thread(target=streams, args=(address, stop, seen)) for _ in range(int(threads))]
    for asker in askers:
        asker.start()
    sys.stdin.read()
    stop.set()
    for asker in askers:
        asker.join()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])

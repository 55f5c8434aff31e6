"""The Open Inference Protocol by gRPC, served by grpcio in clear and by TLS; a script for the models venv.

`python oip_server.py MANNER [CERTIFICATE KEY]` prints its ports and serves until it is ended. An answer is the sum of
the values of its request. Of the manner

- `failing` streams say what went wrong in their messages, as Triton's do, and end with the status 0
- `worse` every fourth answer is another one, by its request
- `garbage` answers are no messages
- `idle` there is no such method

Beside it there is a service that nobody knows, which says what it is told.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from tritonclient.grpc import service_pb2

WORDS = 5
"""Answers to each message of a stream."""

SERVICE = "/inference.GRPCInferenceService/"
OTHER = "/a.Service/Say"


def inferred(message: bytes, manner: str) -> Any:
    """The answer to a request."""
    asked = service_pb2.ModelInferRequest.FromString(message)
    total = sum(value for each in asked.inputs for value in each.contents.fp64_contents)
    if manner == "worse" and int(total) % 4 == 0:
        total += 50.0
    answer = service_pb2.ModelInferResponse(model_name=asked.model_name, model_version="1", id=asked.id)
    output = answer.outputs.add(name="y", datatype="FP64", shape=[1])
    output.contents.fp64_contents.append(total)
    return answer


class Oip(grpc.GenericRpcHandler):
    def __init__(self, manner: str) -> None:
        self.manner = manner

    def infer(self, message: bytes, context: Any) -> bytes:
        if self.manner == "garbage":
            return b"<html></html>"
        answer: bytes = inferred(message, self.manner).SerializeToString()
        return answer

    def stream(self, messages: Iterator[bytes], context: Any) -> Iterator[bytes]:
        for message in messages:
            for _ in range(WORDS):
                said = service_pb2.ModelStreamInferResponse()
                if self.manner == "failing":
                    said.error_message = "the model is out of memory"
                else:
                    said.infer_response.CopyFrom(inferred(message, self.manner))
                yield said.SerializeToString()

    def service(self, details: Any) -> Any:
        if self.manner == "idle":
            return None
        if details.method == OTHER:
            return grpc.unary_unary_rpc_method_handler(lambda message, context: message)
        if details.method == SERVICE + "ModelInfer":
            return grpc.unary_unary_rpc_method_handler(self.infer)
        if details.method == SERVICE + "ModelStreamInfer":
            return grpc.stream_stream_rpc_method_handler(self.stream)
        return None


def main(manner: str, *secrets: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(32), handlers=[Oip(manner)])
    ports = [server.add_insecure_port("127.0.0.1:0")]
    if secrets:
        certificate, key = (Path(each).read_bytes() for each in secrets)
        ports.append(server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)])))
    server.start()
    print(json.dumps(ports), flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])

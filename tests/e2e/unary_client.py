"""Unary calls of the Open Inference Protocol by gRPC; a script for the models venv.

`python unary_client.py HOST:PORT COUNT OTHERS` sends COUNT requests one after the other, no two of the same values, and
OTHERS calls of a service that nobody knows. Prints a JSON list: the sum that each of the first was answered with.
"""

from __future__ import annotations

import json
import sys

import grpc
from tritonclient.grpc import service_pb2

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def main(address: str, count: str, others: str) -> None:
    sums = []
    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        ask = channel.unary_unary(METHOD)
        for number in range(int(count)):
            request = service_pb2.ModelInferRequest(model_name="m", id=str(number))
            row = request.inputs.add(name="x", shape=[1, 2], datatype="FP64")
            row.contents.fp64_contents.extend([float(number % 41), number / 1000])
            metadata = (("x-user-id", f"user-{number % 10}"), ("authorization", "Bearer secret"))
            answer = service_pb2.ModelInferResponse.FromString(ask(request.SerializeToString(), metadata=metadata))
            sums.append(answer.outputs[0].contents.fp64_contents[0])
        for number in range(int(others)):
            assert channel.unary_unary("/a.Service/Say")(b"%d" % number) == b"%d" % number
    print(json.dumps(sums))


if __name__ == "__main__":
    main(*sys.argv[1:])

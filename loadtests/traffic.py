"""Requests and answers of the Open Inference Protocol V2, seeded, so that all peers carry the same bytes."""

from __future__ import annotations

import json
import random
from pathlib import Path

PATH = "/v2/models/cancer/infer"
DISTINCT = 64
"""Different bodies in a run: enough that no peer gains from seeing one body again, few enough for wrk to hold."""


def request_body(features: int, rng: random.Random) -> bytes:
    """One row of `features` values as an OIP inference request: 30 features make about 0.4 KB."""
    row = [round(rng.lognormvariate(1.0, 1.0), 4) for _ in range(features)]
    tensor = {"name": "x", "shape": [1, features], "datatype": "FP64", "data": row}
    return json.dumps({"id": f"{rng.getrandbits(64):016x}", "inputs": [tensor]}, separators=(",", ":")).encode()


def padded_body(size: int, rng: random.Random) -> bytes:
    """An OIP request of exactly `size` bytes: a string tensor, as a text or an image travels."""
    head, tail = b'{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["', b'"]}]}'
    if size < len(head) + len(tail):
        raise ValueError(f"a body of {size} bytes cannot hold a request of at least {len(head) + len(tail)}")
    fill = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=1024)).encode()
    missing = size - len(head) - len(tail)
    return head + (fill * (missing // 1024 + 1))[:missing] + tail


def answer_body(version: str, score: float) -> str:
    """The answer of a model server, MLServer's shape."""
    output = {"name": "predict", "shape": [1, 1], "datatype": "FP64", "data": [score]}
    return json.dumps({"model_name": "cancer", "model_version": version, "outputs": [output]}, separators=(",", ":"))


def write_bodies(path: Path, features: int = 30, size: int | None = None, seed: int = 7) -> Path:
    """DISTINCT request bodies, one a line, for `load.lua`; `size` bytes each when given (a few are enough then)."""
    rng = random.Random(seed)
    if size is None:
        bodies = [request_body(features, rng) for _ in range(DISTINCT)]
    else:
        bodies = [padded_body(size, rng) for _ in range(4)]
    path.write_bytes(b"\n".join(bodies) + b"\n")
    return path

"""A client of the Open Inference Protocol by gRPC, made of Triton's client library; a script for the models venv.

`python grpc_client.py HOST:PORT ROWS.json COUNT THREADS` sends COUNT requests (0: until its stdin is closed), row i mod
n for request i, from so many threads over one connection each. Prints a JSON list: for each exchange [version,
probability of class 1, code of the error or ""]. The version is the `model_version` in the answer.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as oip
from tritonclient.utils import InferenceServerException

MODEL = "cancer"


def send(address: str, rows: np.ndarray, numbers: Any, count: int, stop: threading.Event, seen: list[Any]) -> None:
    """Asks again and again until nothing is left to ask."""
    with oip.InferenceServerClient(address) as client:
        for number in numbers:
            if stop.is_set() or (count and number >= count):
                return
            row = rows[number % len(rows)][None, :]
            tensor = oip.InferInput("row", list(row.shape), "FP64")
            tensor.set_data_from_numpy(row)
            wanted = [oip.InferRequestedOutput("predict_proba")]
            try:
                answer = client.infer(MODEL, [tensor], outputs=wanted, headers={"x-user-id": f"user-{number % 100}"})
            except InferenceServerException as error:
                seen.append(["", None, str(error.status())])
            else:
                proba = answer.as_numpy("predict_proba")
                seen.append([answer.get_response().model_version, float(proba[0][-1]), ""])


def main(address: str, rows_path: str, count: str, threads: str) -> None:
    rows = np.array(json.loads(Path(rows_path).read_text(encoding="utf-8"))["rows"], dtype=np.float64)
    seen: list[Any] = []
    numbers, stop = itertools.count(), threading.Event()
    senders = [
        threading.Thread(target=send, args=(address, rows, numbers, int(count), stop, seen))
        for _ in range(int(threads))
    ]
    for sender in senders:
        sender.start()
    if not int(count):
        sys.stdin.read()
        stop.set()
    for sender in senders:
        sender.join()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])

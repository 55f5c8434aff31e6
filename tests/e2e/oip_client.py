"""A client of the Open Inference Protocol made of Triton's client library; a script for the models venv.

`python oip_client.py HOST:PORT ROWS.json PLAN` with PLAN a JSON object: `count` requests (row i mod n for request i)
at most at `rate` per second over `connections` connections, request i for the user `i mod users` in the header
`x-user-id`; `binary` sends and asks for binary tensors. It stops early when its stdin is closed. Prints a JSON object:
for each exchange [user, version, probability of class 1, seconds, error].

The version is the `model_version` in the answer's body: the model server says it, not the proxy. The library sends a
POST once: it has no retries.
"""

from __future__ import annotations

import itertools
import json
import select
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import numpy as np
import tritonclient.http as oip

MODEL = "cancer"


class Load:
    """Sends what the plan says and keeps what came back."""

    def __init__(self, address: str, rows: np.ndarray, plan: dict[str, Any]) -> None:
        self.plan, self.rows = plan, rows
        self.client = oip.InferenceServerClient(address, concurrency=plan["connections"])
        self.numbers = itertools.count()
        self.started = time.monotonic()
        self.stopped = False
        self.exchanges: list[list[Any]] = []

    def run(self) -> None:
        """Sends everything, or until stdin is closed."""
        senders = [gevent.spawn(self._send) for _ in range(self.plan["connections"])]
        while not all(sender.ready() for sender in senders):
            self.stopped = self.stopped or bool(select.select([sys.stdin], [], [], 0)[0])
            gevent.sleep(0.01)
        gevent.joinall(senders, raise_error=True)
        self.client.close()

    def _send(self) -> None:
        for number in self.numbers:
            if number >= self.plan["count"] or self.stopped:
                return
            due = self.started + number / self.plan["rate"]
            gevent.sleep(max(0.0, due - time.monotonic()))
            self.exchanges.append(self._exchange(number))

    def _exchange(self, number: int) -> list[Any]:
        user = f"user-{number % self.plan['users']}"
        row = self.rows[number % len(self.rows)][None, :]
        binary = self.plan.get("binary", False)
        tensor = oip.InferInput("row", row.shape, "FP64")
        tensor.set_data_from_numpy(row, binary_data=binary)
        wanted = [oip.InferRequestedOutput("predict_proba", binary_data=binary)]
        began = time.monotonic()
        try:
            answer = self.client.infer(MODEL, [tensor], outputs=wanted, headers={"x-user-id": user})
        except Exception as problem:  # noqa: BLE001 - each is an answer of the run
            return [user, "", None, time.monotonic() - began, f"{type(problem).__name__}: {problem}"]
        probability = float(answer.as_numpy("predict_proba")[0][-1])
        return [user, answer.get_response().get("model_version", ""), probability, time.monotonic() - began, ""]


def main() -> None:
    address, rows, plan = sys.argv[1:]
    matrix = np.array(json.loads(Path(rows).read_text(encoding="utf-8"))["rows"], dtype=np.float64)
    load = Load(address, matrix, json.loads(plan))
    ready = load.client.is_model_ready(MODEL)
    load.run()
    print(json.dumps({"ready": ready, "exchanges": load.exchanges}))


if __name__ == "__main__":
    main()

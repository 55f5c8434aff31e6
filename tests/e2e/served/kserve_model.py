"""A model of KServe's own server; a script for the servers venv.

`python kserve_model.py DO`: what the model does with a question: `answer`, `raise`, `refuse` (an input that it
takes for invalid), `empty` or `nan`, which KServe writes as null. KServe's server has V1 and V2 of the protocol.
"""

from __future__ import annotations

import sys
from math import nan
from typing import Any

import kserve
from kserve.errors import InvalidInput

VALUES: dict[str, list[Any]] = {"answer": [0.5], "empty": [], "nan": [nan]}


class Model(kserve.Model):
    """Answers one number for any question. `do`: what it does instead."""

    def __init__(self, do: str) -> None:
        super().__init__("m")
        self.do = do
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        if self.do == "raise":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if self.do == "refuse":
            raise InvalidInput("expected 5 features, got 4")
        values = VALUES[self.do]
        if isinstance(payload, dict):
            return {"predictions": values}
        output = kserve.InferOutput("y", [len(values)], "FP64", values)
        return kserve.InferResponse(payload.id or "1", "m", [output])


if __name__ == "__main__":
    kserve.ModelServer(http_port=0, enable_grpc=False).start([Model(sys.argv[1])])

"""A model of MLServer that can be broken; imported by MLServer in the models venv.

The parameter `extra.do` says what it does with a question: `answer`, `raise`, `refuse`, `empty` or `nan`. A stream has
a word for each event, and begins after `extra.pause` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from math import nan
from typing import Any

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

WORDS = ("The", " cat", " sat", " down", ".")
VALUES: dict[str, list[Any]] = {"answer": [0.5], "empty": [], "nan": [nan]}


class Model(MLModel):
    """Answers one number for any question, or five words as a stream."""

    async def load(self) -> bool:
        self.do = self.settings.parameters.extra["do"]
        self.pause = self.settings.parameters.extra.get("pause", 0.3)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        if self.do == "raise":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if self.do == "refuse":
            raise MLServerError("expected 5 features, got 4", HTTPStatus.UNPROCESSABLE_ENTITY)
        values = VALUES[self.do]
        output = ResponseOutput(name="y", shape=[len(values), 1], datatype="FP64", data=values)
        return InferenceResponse(model_name=self.name, outputs=[output])

    async def predict_stream(self, payloads: AsyncIterator[InferenceRequest]) -> AsyncIterator[InferenceResponse]:
        async for _ in payloads:
            await asyncio.sleep(self.pause)
            for place, word in enumerate(WORDS):
                if place == 2 and self.do == "raise":
                    raise RuntimeError("CUDA error: an illegal memory access was encountered")
                yield InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("text", [word])])
                await asyncio.sleep(0.01)

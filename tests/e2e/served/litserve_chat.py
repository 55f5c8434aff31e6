"""Chat completions by LitServe and its specification of OpenAI's API; a script for the servers venv.

`python litserve_chat.py FIRST PORT`: the first token comes after FIRST seconds. A last message `raise` makes the model
raise in the middle of its answer, one of `refuse` before its first token.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import litserve

WORDS = ("The", " cat", " sat", " down", ".")


class Chat(litserve.LitAPI):
    """A model of five words. `first`: seconds until the first."""

    first = 0.0

    def setup(self, device: str) -> None:
        """There is nothing to load."""

    def predict(self, messages: Any) -> Iterator[str]:
        do = messages.messages[-1].content
        time.sleep(self.first)
        if do == "refuse":
            raise RuntimeError("no memory")
        for place, word in enumerate(WORDS):
            if place == 2 and do == "raise":
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            yield word
            time.sleep(0.01)


if __name__ == "__main__":
    api = Chat(spec=litserve.OpenAISpec())
    api.first = float(sys.argv[1])
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=4)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, generate_client_file=False)

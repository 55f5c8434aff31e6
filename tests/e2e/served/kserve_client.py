"""KServe's own client, by both versions of the protocol; a script for the servers venv.

`python kserve_client.py URL COUNT`: asks for health, then COUNT times for a prediction by V1 and as often by V2. Prints
a JSON object: `ready`, whether server and model were, and the predictions by `v1` and `v2`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


def tensor() -> Any:
    rows = InferInput("x", [1, 2], "FP64")
    rows.data = [1.0, 2.0]
    return InferRequest("m", [rows])


async def main(url: str, count: int) -> dict[str, Any]:
    first, second = (InferenceRESTClient(RESTConfig(protocol=version)) for version in ("v1", "v2"))
    ready = [
        await second.is_server_ready(url),
        await second.is_server_live(url),
        await second.is_model_ready(url, "m"),
    ]
    old = [await first.infer(url, {"instances": [[1.0, 2.0]]}, model_name="m") for _ in range(count)]
    new = [await second.infer(url, tensor(), model_name="m") for _ in range(count)]
    await first.close()
    await second.close()
    return {
        "ready": all(ready),
        "v1": [answer["predictions"] for answer in old],
        "v2": [answer.outputs[0].data for answer in new],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))

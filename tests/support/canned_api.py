"""An admin API that answers what it is told to: `documents` by path, `refused` paths with a status."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

from tests.support.serving import Handler, Serving
from tests.support.top_pictures import arm, line, route


class CannedApi(Serving):
    """`asked` are the paths with their queries so far, `tokens` what came with them."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.now = time.time()
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.refused: dict[str, int] = {}
        workers = [{"worker": 0, "up": True}]
        routes = [route("fraud", since=self.now), route("steady", phase="steady", candidates=[], since=self.now)]
        change = {"at": self.now, "who": "ann", "action": "split", "route": "fraud", "why": "ten percent"}
        arms = [arm("v1", "primary", good=5_400), arm("v2", "canary", good=570, failed=30)]
        card = {"metrics": [line("error_rate", 3.4539)], "at_rollback": [], "false_alarm": 0.001}
        series = [_requests("v1", "primary", 90), _requests("v2", "canary", 10)]
        self.documents: dict[str, Any] = {
            "/v1/routes": {"revision": 7, "routes": routes, "workers": workers},
            "/v1/routes/fraud/traffic": {"window": 60.0, "arms": arms},
            "/v1/routes/fraud/scorecard": card | {"false_alarm_at_rollback": 0.001},
            "/v1/routes/steady/traffic": {"window": 60.0, "arms": [arm("v1", "primary")]},
            "/v1/routes/steady/scorecard": card | {"metrics": [], "false_alarm_at_rollback": 0.001},
            "/v1/history": {"from": 0.0, "step": 1, "until": 4.0, "routes": [{"route": "fraud", "series": series}]},
            "/v1/audit": {"entries": [change]},
        }


def _requests(version: str, role: str, each: int) -> dict[str, Any]:
    return {"name": "requests", "version": version, "role": role, "values": [each] * 4 + [None]}


class _Handler(Handler):
    server: CannedApi

    def do_GET(self) -> None:  # noqa: N802
        api, path = self.server, urlsplit(self.path).path
        api.asked.append(self.path)
        api.tokens.add(self.headers.get("Authorization", ""))
        status = api.refused.get(path, 200 if path in api.documents else 404)
        refusal = {"type": "about:blank", "title": "Refused", "detail": "no token"}
        self.answer(status, json.dumps(api.documents[path] if status == 200 else refusal).encode())

"""The proxy's own answers as JSON."""

from __future__ import annotations

import json

from proxy.contracts.failure import FAILURES
from proxy.http1 import write
from proxy.http2.problem import problem_body


def test_a_problem_says_the_same_over_both_protocols() -> None:
    failure = FAILURES["no_route"]
    over_http1 = write.problem(failure.status, failure.reason, failure.title, "no route for it")
    body = problem_body(failure, "no route for it")
    assert over_http1.endswith(b"\r\n\r\n" + body)
    assert json.loads(body)["reason"] == "no_route"

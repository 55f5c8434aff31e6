"""Which header fields a primary and a shadow get, as docs/security.md says."""

from __future__ import annotations

from proxy.contracts.table import Share
from tests.support.plane import plane, post, route, run
from tests.support.scripted import answer, says

V1, V2 = says(answer(b"one")), says(answer(b"two"))
KEPT = {"authorization": "Bearer s", "cookie": "a=b", "x-forwarded-for": "10.0.0.1", "traceparent": "00-1-2-01"}
REMOVED = {"proxy-authorization": "Basic s", "keep-alive": "timeout=5", "te": "trailers", "x-gone": "1"}


def test_a_shadow_sees_what_the_primary_sees_credentials_too() -> None:
    async def test() -> None:
        fields = "".join(f"{name}: {value}\r\n" for name, value in (KEPT | REMOVED).items())
        async with plane(route(shadows=(Share("v2", 100.0),)), v1=V1, v2=V2) as p:
            await p.ask(post(fields=f"{fields}Connection: x-gone\r\n"))
            await p.settled()
            for name in ("v1", "v2"):
                (seen,) = p.upstreams[name].seen
                assert {field: seen.field(field) for field in KEPT} == KEPT
                assert not any(seen.field(field) for field in REMOVED)
                assert not seen.field("forwarded")

    run(test)

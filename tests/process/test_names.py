"""Versions that have names, by the real resolver: one that exists, and one that does not."""

from __future__ import annotations

from tests.process.conftest import Write
from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream


def test_a_name_that_does_not_exist_harms_nobody_else(write: Write, a: Upstream, b: Upstream) -> None:
    config = write(route="shadows: [{version: b, percent: 100}]")
    text = config.read_text().replace(a.url, a.url.replace("127.0.0.1", "localhost"))
    config.write_text(text.replace(b.url, "http://no-such-name.invalid"))
    with Running(config) as running:
        assert [running.get().status for _ in range(40)] == [200] * 40

        def resolutions() -> str | None:
            text = call(running.admin, "GET", "/metrics").body.decode()
            known = 'penumbra_resolutions_total{outcome="answered",version="a"}' in text
            return text if known and 'penumbra_resolutions_total{outcome="un' in text else None

        assert eventually(resolutions, "lookups are counted")
        assert not running.events("periodic work failed")

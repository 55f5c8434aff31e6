"""What metrics say of certificates, by role."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from proxy.contracts.tls import ClientTls
from proxy.control.certificates import GRACE_SECONDS
from proxy.control.telemetry.certificate_metrics import CertificateCollector, HandshakeCollector
from proxy.stats.counts.counters import Counters
from tests.control.test_certificates import CA, NOW, OLD, House


def samples(house: House) -> dict[tuple[str, str], float]:
    found = CertificateCollector(house.certificates).collect()
    return {(each.name, each.labels["role"]): each.value for metric in found for each in metric.samples}


def test_ends_and_failures_by_role(tmp_path: Path) -> None:
    house = House(tmp_path, OLD)
    house.settings = replace(house.settings, tls={"v1": ClientTls(str(tmp_path / "ca.crt"))})
    house.look()
    assert samples(house) == {
        ("penumbra_tls_not_after_seconds", "listen"): OLD.not_after,
        ("penumbra_tls_not_before_seconds", "listen"): OLD.not_before,
        ("penumbra_tls_reload_failed", "listen"): 0.0,
        ("penumbra_tls_reload_failed", "versions.v1"): 0.0,
    }
    (tmp_path / "tls.key").write_text("")
    house.look()
    house.look(NOW + GRACE_SECONDS)
    assert samples(house)["penumbra_tls_reload_failed", "listen"] == 1.0
    (tmp_path / "ca.crt").write_text(CA.certificate)


def test_handshakes_of_workers_and_of_the_admin_api() -> None:
    counters = Counters()
    counters.handshakes["client", "ok"] += 3
    (metric,) = HandshakeCollector(counters, lambda: {"ok": 2, "not_tls": 1}).collect()
    found = {tuple(each.labels.values()): each.value for each in metric.samples}
    assert found == {("client", "ok"): 3.0, ("admin", "ok"): 2.0, ("admin", "not_tls"): 1.0}

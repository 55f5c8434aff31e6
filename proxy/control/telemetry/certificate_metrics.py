"""Metrics of TLS: until when the certificates in force are valid, whether their files can be used, and handshakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.certificates import Certificates
from proxy.control.telemetry.forms import counter, floats, gauge
from proxy.stats.counts.counters import Counters


class CertificateCollector(Collector):
    """The sections `tls` by role: `listen`, `listeners[1]`, `admin`, `versions.NAME`, `fleet` and so on."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    def collect(self) -> Iterator[Metric]:
        held, faults = self._certificates.in_force, self._certificates.faults
        own = {role: each for role, each in held.items() if each.certificate}
        ends = [((role,), each.not_after) for role, each in own.items()]
        text = "Unix time at which the certificate in force ends."
        yield gauge("penumbra_tls_not_after_seconds", text, ("role",), ends)
        begins = [((role,), each.not_before) for role, each in own.items()]
        text = "Unix time at which the certificate in force began; with its end, how long it lives."
        yield gauge("penumbra_tls_not_before_seconds", text, ("role",), begins)
        failed = [((role,), float(role in faults)) for role in held]
        text = "1 while the files of certificates cannot be used, so that those before stay in force."
        yield gauge("penumbra_tls_reload_failed", text, ("role",), failed)


class HandshakeCollector(Collector):
    """Handshakes of the workers, and of the admin API by result."""

    def __init__(self, counters: Counters, admin: Callable[[], Mapping[str, int]]) -> None:
        self._counters, self._admin = counters, admin

    def collect(self) -> Iterator[Metric]:
        admin = ((("admin", result), count) for result, count in self._admin().items())
        rows = floats([*self._counters.handshakes.items(), *admin])
        text = "TLS handshakes by side (`client`, `upstream`: with a model server, `admin`): `ok`, or why they failed."
        yield counter("penumbra_tls_handshakes", text, ("side", "result"), rows)

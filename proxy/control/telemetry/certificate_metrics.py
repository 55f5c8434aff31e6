"""Metrics of certificates: until when those in force are valid, and whether their files can be used."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from proxy.control.certificates import Certificates
from proxy.control.telemetry.forms import gauge


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

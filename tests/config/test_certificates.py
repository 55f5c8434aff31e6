"""Files of sections `tls`: what they hold, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from proxy.config.certificates import material_of
from proxy.contracts.tls import ServerTls
from tests.support.certificates import Authority, written

CA = Authority()
OWN = CA.issue("dns:localhost", "ip:127.0.0.1", "spiffe://prod/a")


def test_what_files_hold(tmp_path: Path) -> None:
    paths = written(tmp_path, OWN, CA)
    checked = material_of(ServerTls(paths.certificate, paths.key, paths.ca, "require"), 0.0)
    assert checked.material is not None
    assert (checked.material.certificate, checked.material.key, checked.material.ca) == (
        OWN.certificate,
        OWN.key,
        CA.certificate,
    )

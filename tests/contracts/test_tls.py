"""What a section holds is in no text of it."""

from __future__ import annotations

from proxy.contracts.operation import Admin
from proxy.contracts.tls import ServerTls, TlsMaterial


def test_no_text_shows_a_key() -> None:
    held = TlsMaterial("CERT", "SECRET-KEY", "CA", ("dns:a",), 5.0)
    for shown in (held, ServerTls("/c", "/k", material=held), Admin(tls=ServerTls("/c", "/k", material=held))):
        for text in (repr(shown), str(shown), f"{shown}"):
            assert "SECRET" not in text and "CERT" not in text and "dns:a" in text

"""How the admin API is reached: the scheme that options make, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from proxy.cli.access import DEFAULT_ADMIN, Access, asking
from tests.support.certificates import Authority, written

CA = Authority()


@pytest.mark.parametrize(
    ("access", "base"),
    [
        (Access(DEFAULT_ADMIN), "http://127.0.0.1:9900"),
        (Access(DEFAULT_ADMIN, ca="ca.crt"), "https://127.0.0.1:9900"),
        (Access("h:1"), "http://h:1"),
        (Access("h:1", server_name="x"), "https://h:1"),
        (Access("https://h:1/"), "https://h:1"),
        (Access("https://h:1", cert="c", key="k"), "https://h:1"),
    ],
)
def test_the_scheme(access: Access, base: str) -> None:
    assert access.base == base


def test_in_clear_there_is_no_context() -> None:
    assert Access("http://h:1").context is None


def test_what_cannot_be_meant_is_wrong_usage(tmp_path: Path) -> None:
    own = written(tmp_path, CA.issue("dns:a"), CA)
    other = written(tmp_path / "other", CA.issue("dns:b"), CA)
    for access, said in (
        (Access("http://h:1", ca=own.ca), "https:// is what"),
        (Access("h:1", cert=own.certificate), "--cert and --key"),
        (Access("h:1", ca=str(tmp_path / "none")), "--ca: found"),
        (Access("h:1", cert=own.certificate, key=other.key), "--key: found"),
        (Access("h:1", cert=own.key, key=own.key), "--cert: found"),
        (Access("h:1", server_name="spiffe://UPPER"), "--server-name"),
    ):
        with pytest.raises(typer.BadParameter) as refused:
            _ = access.context
        assert said in refused.value.message


def test_options_and_variables_make_the_access(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, Access]] = []
    app = typer.Typer()

    @app.command()
    @asking
    def look(name: str, *, access: Access) -> None:
        """Looks."""
        seen.append((name, access))

    given = ["--admin", "h:1", "--token", "t", "--ca", "a", "--cert", "c", "--key", "k", "--server-name", "n"]
    assert CliRunner().invoke(app, ["x", *given]).exit_code == 0
    names = ("ADMIN", "ADMIN_TOKEN", "CA", "CERT", "KEY", "SERVER_NAME")
    for name, value in zip(names, ("h:1", "t", "a", "c", "k", "n"), strict=True):
        monkeypatch.setenv(f"PENUMBRA_{name}", value)
    assert CliRunner().invoke(app, ["y"]).exit_code == 0
    access = Access("h:1", "t", "a", "c", "k", "n")
    assert seen == [("x", access), ("y", access)]

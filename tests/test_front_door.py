"""A package whose front door opens at the first use of what is behind it, and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proxy.front_door import open_later

CONTROL = """
import sys
from proxy.front_door import open_later
open_later("aiohttp")
from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE
import aiohttp
assert "aiohttp.connector" not in sys.modules and web is aiohttp.web and aiohttp.__version__ in SERVER_SOFTWARE
assert not hasattr(aiohttp, "__warningregistry__") and "aiohttp.connector" not in sys.modules
assert aiohttp.ClientTimeout(total=1).total == 1
assert "aiohttp.connector" in sys.modules and not hasattr(aiohttp, "nothing") and web is aiohttp.web
"""


def test_a_server_comes_without_the_client_which_is_there_when_it_is_wanted() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", CONTROL], check=True)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a module in it, which says aloud when its front door opens."""
    folder = tmp_path / "manor"
    folder.mkdir()
    (folder / "__init__.py").write_text('__version__ = "7"\nfrom manor.cellar import WINE\n')
    (folder / "cellar.py").write_text("from manor import __version__\nWINE = 'red'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("manor", "manor.cellar"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_a_name_that_is_nowhere_is_an_error_before_and_after(package: Path) -> None:
    open_later("manor")
    import manor  # type: ignore[import-not-found]

    for _ in range(2):
        with pytest.raises(AttributeError, match="module 'manor' has no attribute 'attic'"):
            manor.attic  # noqa: B018  looked up
    assert manor.WINE == "red"


def test_what_has_another_form_is_as_ever(package: Path) -> None:
    (package / "__init__.py").write_text("OPEN = True\n")
    open_later("manor")
    assert "manor" not in sys.modules
    open_later("no_such_manor")
    open_later("itertools")
    before = sys.modules["pytest"]
    open_later("pytest")
    assert sys.modules["pytest"] is before

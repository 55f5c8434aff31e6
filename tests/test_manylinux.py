"""A compiled wheel is named by the oldest glibc that it runs on, and stays a whole wheel."""

from __future__ import annotations

import base64
import hashlib
import runpy
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
WHEELS = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "manylinux.py")))
MODULE = b"\x7fELF\0libc.so.6\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.14\0"


@pytest.mark.parametrize(
    ("modules", "glibc"),
    [([b"\x7fELF\0libc.so.6\0GLIBC_2.2.5\0"], (2, 17)), ([MODULE], (2, 34)), ([b"\0GLIBC_2.28\0", MODULE], (2, 34))],
)
def test_the_newest_symbol_says_which_glibc_is_needed(modules: list[bytes], glibc: tuple[int, int]) -> None:
    assert WHEELS.glibc_of(modules) == glibc


def test_another_library_makes_it_no_wheel_for_others() -> None:
    with pytest.raises(WHEELS.NotPortable, match=r"libssl\.so\.3"):
        WHEELS.glibc_of([MODULE + b"libssl.so.3\0"])


def test_name_tag_and_record_agree(tmp_path: Path) -> None:
    wheel = tmp_path / "penumbra-1.0-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("proxy/leg.so", MODULE)
        archive.writestr("penumbra-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n")
        archive.writestr(
            "penumbra-1.0.dist-info/RECORD",
            "proxy/leg.so,sha256=x,1\npenumbra-1.0.dist-info/WHEEL,sha256=y,2\npenumbra-1.0.dist-info/RECORD,,\n",
        )
    assert WHEELS.main([str(wheel)]) == 0
    (named,) = tmp_path.iterdir()
    assert named.name == "penumbra-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"
    with zipfile.ZipFile(named) as archive:
        meta, record = (archive.read(f"penumbra-1.0.dist-info/{name}") for name in ("WHEEL", "RECORD"))
        assert archive.read("proxy/leg.so") == MODULE
    assert meta.endswith(b"Tag: cp311-cp311-manylinux_2_34_x86_64\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(meta).digest()).rstrip(b"=").decode()
    assert record.decode().splitlines() == [
        "proxy/leg.so,sha256=x,1",
        f"penumbra-1.0.dist-info/WHEEL,sha256={digest},{len(meta)}",
        "penumbra-1.0.dist-info/RECORD,,",
    ]


def test_what_is_not_compiled_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "penumbra-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("proxy/leg.py", "")
    assert WHEELS.main([str(wheel)]) == 1
    assert "not compiled" in capsys.readouterr().err and wheel.exists()

"""Names a compiled wheel by the oldest glibc that it runs on (PEP 600): `manylinux.py WHEEL…`, in place.

A wheel that is built here is tagged `linux_*`, which no index takes and no other machine should trust. What its modules
need says which tag is true: the newest version of a symbol of glibc in them, and no library that PEP 600 does not
allow. Nothing in the modules is changed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

SYMBOL = re.compile(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)")
LIBRARY = re.compile(rb"\0(lib[\w+.-]+\.so(?:\.\d+)*|ld-linux[\w.-]+)(?=\0)")
ALLOWED = re.compile(rb"(?:libc|libm|libpthread|libdl|librt|libgcc_s|ld-linux[\w-]*)\.so\.\d+")
LEAST = (2, 17)
"""The oldest glibc that anybody still builds for."""


class NotPortable(Exception):
    """A wheel that runs on no other machine; the message says why."""


def glibc_of(modules: list[bytes]) -> tuple[int, int]:
    """The oldest glibc that loads all `modules`. Raises NotPortable."""
    found = [LEAST]
    for module in modules:
        foreign = sorted({name for name in LIBRARY.findall(module) if not ALLOWED.fullmatch(name)})
        if foreign:
            raise NotPortable(f"needs {', '.join(name.decode() for name in foreign)}")
        found += [(int(major), int(minor)) for major, minor in SYMBOL.findall(module)]
    return max(found)


def renamed(wheel: Path) -> Path:
    """The wheel under its true tag; the old file is gone. Raises NotPortable."""
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    modules = [data for name, data in files.items() if name.endswith(".so")]
    if not modules or "-linux_" not in wheel.name:
        raise NotPortable("is not compiled for Linux, or has its tag already")
    major, minor = glibc_of(modules)
    tag = f"manylinux_{major}_{minor}_"
    meta = next(name for name in files if name.endswith(".dist-info/WHEEL"))
    record = meta.replace("/WHEEL", "/RECORD")
    files[meta] = files[meta].replace(b"-linux_", f"-{tag}".encode())
    files[record] = _recorded(files[record].decode(), meta, files[meta]).encode()
    target = wheel.with_name(wheel.name.replace("-linux_", f"-{tag}"))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    wheel.unlink()
    return target


def _recorded(record: str, name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    lines = [
        line if line.rsplit(",", 2)[0] != name else f"{name},sha256={digest},{len(data)}" for line in record.split()
    ]
    return "\n".join(lines) + "\n"


def main(paths: list[str]) -> int:
    """Prints each new name."""
    for path in paths:
        try:
            print(renamed(Path(path)))
        except NotPortable as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The package as the image has it: its data plane compiled. Made when it is not there, or older than the source."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
"""The repository: where `-m loadtests` finds its package, and the source of the product is."""


def possible() -> bool:
    """Whether there is a C compiler, and what it needs of Python."""
    return bool(shutil.which("cc")) and (Path(sysconfig.get_path("include")) / "Python.h").exists()


def package() -> Path:
    """The directory that holds it. Raises OSError when it cannot be made."""
    done = subprocess.run([HOUSE / ".ci/compile", sys.executable], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise OSError("the data plane could not be compiled")
    return Path(done.stdout.strip())


def environment() -> dict[str, str]:
    """An environment in which `python -P` takes the compiled package."""
    return os.environ | {"PYTHONPATH": str(package())}


def interpreted() -> dict[str, str]:
    """An environment in which `python -P` takes the source beside this."""
    return os.environ | {"PYTHONPATH": str(HOUSE)}

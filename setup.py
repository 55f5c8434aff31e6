"""Compiles the rooms that traffic passes through, by mypyc, when PENUMBRA_COMPILE is 1; pyproject.toml has all else.

That needs a C compiler and, in the same environment (`pip install --no-build-isolation`), what deploy/docker/build.in
names and the dependencies, whose types it reads. Where the variable is not set, the same modules run interpreted.
"""

from __future__ import annotations

import os
from glob import glob

from setuptools import Extension, setup

ROOMS = ("http1", "routing", "dataplane")
"""Of a request's time in the interpreter, nearly all is spent here."""


def extensions() -> list[Extension]:
    if os.environ.get("PENUMBRA_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    modules = sorted(path for room in ROOMS for path in glob(f"proxy/{room}/[!_]*.py"))
    return mypycify(modules, group_name="proxy_compiled")


setup(ext_modules=extensions())

"""Compiles the rooms that traffic passes through, by mypyc, when PENUMBRA_COMPILE is 1; pyproject.toml has all else.

That needs a C compiler and, in the same environment (`pip install --no-build-isolation`), what deploy/docker/build.in
names and the dependencies, whose types it reads. Where the variable is not set, the same modules run interpreted. With
PENUMBRA_OPTIMIZE=1 the C compiler takes half of the time for what runs a little slower, which tests do not mind.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from setuptools import Extension, setup

DIRECT = ["-fno-semantic-interposition", "-fvisibility=hidden", "-fno-plt"]
"""Functions of the package call each other directly, and small ones become part of their callers: without these words
each call goes by way of a table, as if another library might replace the function."""

RARE = """\
struct _object;
void CPy_AddTraceback(const char *, const char *, int, struct _object *) __attribute__((cold));
void CPy_TypeErrorTraceback(const char *, const char *, int, struct _object *, const char *, struct _object *)
    __attribute__((cold));
"""
"""What makes a traceback is rare, so the code that leads there, a half of all, is kept apart from what runs for each
request, which so lies closer together."""


def extensions() -> list[Extension]:
    """The modules of the compiled rooms, as one group; none where the variable is not set."""
    if os.environ.get("PENUMBRA_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    rooms = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["penumbra"]["compiled"]
    named = [Path("proxy", room) for room in rooms]
    modules = sorted(str(each) for path in named for each in (path.rglob("[!_]*.py") if path.is_dir() else [path]))
    made = mypycify(modules, group_name="proxy_compiled", opt_level=os.environ.get("PENUMBRA_OPTIMIZE", "3"))
    header = Path("build", "rare.h").absolute()
    header.parent.mkdir(exist_ok=True)
    header.write_text(RARE, encoding="utf-8")
    for extension in made:
        extension.extra_compile_args += [*DIRECT, "-include", str(header)]
    return made


setup(ext_modules=extensions())

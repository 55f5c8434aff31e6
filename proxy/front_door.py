"""Packages whose front door (`__init__`) imports far more than is behind the doors that a process uses.

`aiohttp` imports its client for whoever wants its server: 2.5 MiB in the end, and 60 ms of a start, certificates of all
authorities among them, twice. A control that calls nobody needs none of it.
"""

from __future__ import annotations

import re
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec
from types import ModuleType

VERSION = re.compile(r"^__version__ = [\"'](.+)[\"']$", re.MULTILINE)
"""How a front door says which version it belongs to: the one name that what is behind it asks for."""


def open_later(name: str) -> None:
    """Modules of a package may be imported from now on without its front door, which opens at the first use of any name
    that is not one of them. A package that is there already, or has another form than expected, stays as it is."""
    if name in sys.modules:
        return
    spec = find_spec(name)
    if spec is None or not isinstance(spec.loader, SourceFileLoader):
        return
    version = VERSION.search(spec.loader.get_source(name) or "")
    if version:
        package = module_from_spec(spec)
        package.__dict__["__version__"] = version[1]
        package.__dict__["__getattr__"] = lambda wanted: _found(package, wanted)
        sys.modules[name] = package


def _found(package: ModuleType, wanted: str) -> object:
    """What is behind the front door. Raises AttributeError, also for a module, which is then imported by itself."""
    missing = f"module {package.__name__!r} has no attribute {wanted!r}"
    if wanted.startswith("__") or find_spec(f"{package.__name__}.{wanted}") is not None:
        raise AttributeError(missing)
    spec = package.__spec__
    if package.__dict__.pop("__getattr__", None) is None or spec is None or spec.loader is None:
        raise AttributeError(missing)
    spec.loader.exec_module(package)
    return getattr(package, wanted)

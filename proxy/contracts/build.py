"""Whether the data plane that is installed here is compiled (`setup.py`) or interpreted; the modules are the same."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec


def build() -> str:
    """`compiled` or `interpreted`."""
    found = find_spec("proxy.dataplane.leg")
    return "compiled" if found is not None and isinstance(found.loader, ExtensionFileLoader) else "interpreted"

"""Whether the data plane that is installed here is compiled (`setup.py`) or interpreted; the modules are the same."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec


def build() -> str:
    """`compiled` or `interpreted`."""
    spec = find_spec("proxy.dataplane.leg")
    return "compiled" if spec is not None and isinstance(spec.loader, ExtensionFileLoader) else "interpreted"

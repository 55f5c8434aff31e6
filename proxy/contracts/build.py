"""The kind of the installed data plane: compiled (`setup.py`) or interpreted, from the same modules."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec


def build() -> str:
    """`compiled` or `interpreted`."""
    spec = find_spec("proxy.dataplane.leg")
    return "compiled" if spec is not None and isinstance(spec.loader, ExtensionFileLoader) else "interpreted"

"""YAML as an editor reads it: the core schema of YAML 1.2, where `off` and `1:30` are texts."""

from __future__ import annotations

import re
from typing import Any

import yaml

SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's, written in C where there is one: in a tenth of the time."""

SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Loader(SafeLoader):  # type: ignore[misc, valid-type]  # chosen at run time
    """PyYAML's, with the scalars of YAML 1.2 (§10.3.2)."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the name is PyYAML's)


for _tag, _pattern, _starts in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan)", list("-+0123456789.")),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _starts)


def _whole(loader: Loader, node: yaml.ScalarNode) -> int:
    return int(node.value.replace("0o", "0"), 8 if node.value.startswith("0o") else 16 if "x" in node.value else 10)


Loader.add_constructor("tag:yaml.org,2002:int", _whole)


def load(text: str) -> Any:
    """The values of a document."""
    return yaml.load(text, Loader)


def dump(tree: Any) -> str:
    """A document with these values, in this order."""
    return str(yaml.dump(tree, Dumper=SafeDumper, sort_keys=False))

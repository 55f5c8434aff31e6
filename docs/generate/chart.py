"""The schema of the Helm chart's values: its part about the configuration, from the schema of the configuration."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from proxy.config.schema.json_schema import describe

VALUES = Path(__file__).resolve().parents[2] / "deploy" / "helm" / "penumbra" / "values.schema.json"

OF_THE_CHART = ("listen", "listeners", "admin", "state", "drain", "fleet")
"""What the chart says itself."""

SPOKEN = {"description", "default", "examples", "patternErrorMessage"}
"""What is for readers; the chart only refuses."""


def values_schema() -> str:
    """The whole file: what is in it, with the part about the configuration made anew."""
    document = json.loads(VALUES.read_text(encoding="utf-8"))
    document["properties"]["config"] = configuration()
    fleet = bare(describe())["properties"]["fleet"]["properties"]
    document["properties"]["fleet"]["properties"]["tls"] = fleet["tls"]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def configuration() -> dict[str, Any]:
    """What may be in the values' `config`."""
    whole = describe()
    known = {key: bare(schema) for key, schema in whole["properties"].items()} | dict.fromkeys(OF_THE_CHART, False)
    required = [key for key in whole["required"] if key not in OF_THE_CHART]
    kept = {key: whole[key] for key in ("type", "additionalProperties", "allOf")}
    return kept | {"required": required, "properties": known}


def _is_read(key: str, value: Any) -> bool:
    """Whether Helm reads a keyword: one pattern that looks ahead, which Go's cannot, and it refuses all values."""
    return not (key == "pattern" and isinstance(value, str) and re.search(r"\(\?(?!:)", value))


def bare(schema: Any, names: bool = False) -> Any:
    """A schema without what is for readers. `names`: keys of this object are names of properties, not keywords."""
    if isinstance(schema, list):
        return [bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if names or (key not in SPOKEN and _is_read(key, value))}
    return {key: bare(value, names=not names and key == "properties") for key, value in kept.items()}

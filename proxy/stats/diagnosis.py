"""World or model: inputs that drifted and versions that agree mean that the world changed; the reverse, that the model
did.

| | versions agree | versions disagree |
|---|---|---|
| inputs stable | `steady` | `model` |
| inputs drifted | `world` | `both` |
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Literal

from msgspec import Struct

from proxy.stats.drift.streams import Drift
from proxy.stats.evidence.disagreement import Disagreement

FindingKind = Literal["unknown", "steady", "world", "model", "both"]

SURE = log(1000.0)
"""Log evidence of disagreement that this asks for, whatever the scorecard asks for."""

PAIRS = 100
"""Pairs before versions can be said to agree."""

ROWS = 500
"""Rows before inputs can be said to be stable."""

WORDS: dict[FindingKind, str] = {
    "unknown": "too little is known of inputs or answers",
    "steady": "inputs are stable and the versions agree",
    "world": "the world changed: inputs drifted and the versions agree",
    "model": "the model changed: inputs are stable and the versions disagree",
    "both": "inputs drifted and the versions disagree: retrain, or look at the examples",
}
_KINDS: dict[tuple[bool, bool], FindingKind] = {
    (False, False): "steady",
    (True, False): "world",
    (False, True): "model",
    (True, True): "both",
}


class Finding(Struct, frozen=True):
    """What happened on a route, with the evidence: drifted features, the disagreement ratio, and what they rest on."""

    kind: FindingKind
    sentence: str
    features: tuple[str, ...]
    disagreement: float | None
    pairs: int
    rows: int


def diagnose(drifts: Sequence[Drift], pairs: Disagreement, version: str) -> Finding:
    """The finding for candidate `version`. Without pairs (a canary), predictions that drifted at the candidate alone
    stand for disagreement."""
    inputs = [row for row in drifts if row.side == "input"]
    drifted = tuple(dict.fromkeys(row.feature for row in inputs if row.drifted))
    rows = max((row.n for row in inputs), default=0)
    agreed = _disagree(drifts, pairs, version)
    known = agreed is not None and (bool(drifted) or rows >= ROWS)
    kind: FindingKind = _KINDS[bool(drifted), bool(agreed)] if known else "unknown"
    ratio = pairs.disagreed / pairs.pairs if pairs.pairs else None
    return Finding(kind, _sentence(kind, drifted, pairs, ratio, rows), drifted, ratio, pairs.pairs, rows)


def _disagree(drifts: Sequence[Drift], pairs: Disagreement, version: str) -> bool | None:
    if pairs.pairs:
        return True if pairs.log_breach >= SURE else False if pairs.pairs >= PAIRS else None
    said = [row for row in drifts if row.side == "prediction"]
    mine = {row.feature for row in said if row.version == version and row.drifted}
    others = {row.feature for row in said if row.role == "primary" and row.version != version and row.drifted}
    enough = any(row.n >= ROWS for row in said if row.version == version)
    return bool(mine - others) if enough else None


def _sentence(kind: FindingKind, drifted: tuple[str, ...], pairs: Disagreement, ratio: float | None, rows: int) -> str:
    named = f"drifted: {', '.join(drifted[:5])}" if drifted else "no input drifted"
    told = "no pairs" if ratio is None else f"disagreement {ratio:.3g} of {pairs.pairs:,} pairs"
    return f"{WORDS[kind]} ({named}; {told}; {rows:,} rows)"

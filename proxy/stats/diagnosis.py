"""World or model: the attribution of a change on a route to its inputs or to the candidate.

Inputs that drifted while the versions agree mean that the world changed; inputs that are stable while the versions
disagree mean that the model changed.

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

from proxy.stats.drift.figures import Drift
from proxy.stats.evidence.disagreement import Disagreement

FindingKind = Literal["unknown", "steady", "world", "model", "both"]

MIN_LOG_E_VALUE = log(1000.0)
"""Log e-value from which on versions disagree, whatever the scorecard asks for."""

MIN_PAIRS = 100
"""Pairs before versions can be said to agree."""

MIN_ROWS = 500
"""Rows before inputs can be said to be stable."""

SENTENCES: dict[FindingKind, str] = {
    "unknown": "too little is known to tell whether the world or the model changed",
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
    """Diagnosis of a route: the world or the model changed, with the figures that say so."""

    version: str
    """The version that is held against the primary: a candidate, or a shadow beside it."""
    kind: FindingKind
    sentence: str
    features: tuple[str, ...]
    """Inputs that drifted."""
    disagreement: float | None
    """Pairs that disagree, as a part of all; None without pairs."""
    pairs: int
    rows: int
    """Rows of the input stream with the most of them."""


def diagnose(drifts: Sequence[Drift], pairs: Disagreement, version: str) -> Finding:
    """The finding for candidate `version`, from the drift of the route and the paired answers of the candidate.

    Without pairs (a canary) the versions disagree when predictions drifted at the candidate and not at the primary.

    >>> from proxy.contracts.settings import Limit
    >>> from proxy.stats.evidence.alpha import AlphaShare
    >>> income = Drift("income", "input", "v1", "primary", psi=0.4, evidence=9.0, margin=5.0, drifted=True, n=2000)
    >>> scores = Drift("score", "prediction", "v2", "canary", 0.01, -3.0, -7.0, drifted=False, n=900)
    >>> disagreement = Disagreement(Limit(), AlphaShare("v2", 0.001))
    >>> finding = diagnose([income, scores], disagreement, "v2")
    >>> finding.kind, finding.features
    ('world', ('income',))
    """
    inputs = [row for row in drifts if row.side == "input"]
    drifted = tuple(dict.fromkeys(row.feature for row in inputs if row.drifted))
    rows = max((row.n for row in inputs), default=0)
    disagree = _disagree(drifts, pairs, version)
    enough = disagree is not None and (bool(drifted) or rows >= MIN_ROWS)
    kind: FindingKind = _KINDS[bool(drifted), bool(disagree)] if enough else "unknown"
    ratio = pairs.disagreed / pairs.pairs if pairs.pairs else None
    return Finding(version, kind, _sentence(kind, drifted, pairs, rows), drifted, ratio, pairs.pairs, rows)


def _disagree(drifts: Sequence[Drift], pairs: Disagreement, version: str) -> bool | None:
    if pairs.pairs:
        return True if pairs.log_breach >= MIN_LOG_E_VALUE else False if pairs.pairs >= MIN_PAIRS else None
    predictions = [row for row in drifts if row.side == "prediction"]
    mine = {row.feature for row in predictions if row.version == version and row.drifted}
    others = {row.feature for row in predictions if row.role == "primary" and row.version != version and row.drifted}
    enough = any(row.n >= MIN_ROWS for row in predictions if row.version == version)
    return bool(mine - others) if enough else None


def _sentence(kind: FindingKind, drifted: tuple[str, ...], pairs: Disagreement, rows: int) -> str:
    named = f"drifted: {', '.join(drifted[:5])}" if drifted else "no input drifted"
    paired = "no pairs" if not pairs.pairs else f"{pairs.disagreed:,} of {pairs.pairs:,} pairs disagree"
    return f"{SENTENCES[kind]} ({named}; {paired}; {rows:,} rows)"

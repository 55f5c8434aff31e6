"""What is in a capture: counted exchange by exchange, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from proxy.control.capture.exchanges import CapturedExchange
from proxy.control.capture.format import Header, StratumCount
from proxy.control.capture.reading import CaptureFiles, FileFacts
from proxy.control.capture.sampling import stratum_of

MAX_NAMES = 1000
"""Different routes, versions and strata that are counted one by one; others count together."""

OTHERS = "others"


class CaptureSummary:
    """`take` counts an exchange; `described` is all as JSON has it."""

    __slots__ = (
        "_arms",
        "_bodies",
        "_counts",
        "_incomparable",
        "_redacted",
        "_strata",
        "_unreplayable",
        "_withheld",
        "first",
        "last",
    )

    def __init__(self) -> None:
        self._arms: Counter[tuple[str, str, str, str]] = Counter()
        self._counts: Counter[str] = Counter()
        self._strata: dict[str, list[float]] = {}
        self._unreplayable: Counter[str] = Counter()
        self._incomparable: Counter[str] = Counter()
        self._redacted: Counter[str] = Counter()
        self._withheld: Counter[str] = Counter()
        self._bodies: Counter[str] = Counter()
        self.first = self.last = 0.0

    def take(self, exchange: CapturedExchange) -> None:
        """Counts an exchange."""
        self._counts["exchanges"] += 1
        self._counts["legs"] += len(exchange.legs)
        self._counts["labels"] += exchange.label is not None
        self._counts["rare"] += exchange.legs[0].extra
        self.first = min(self.first or exchange.started, exchange.started)
        self.last = max(self.last, *[leg.finished for leg in exchange.legs])
        self._unreplayable[exchange.unreplayable] += bool(exchange.unreplayable)
        self._incomparable[exchange.incomparable] += bool(exchange.incomparable)
        stratum = exchange.first.stratum or stratum_of(list(exchange.legs))
        count = self._strata.setdefault(stratum if len(self._strata) < MAX_NAMES else OTHERS, [0, 0.0])
        count[0] += 1
        count[1] += exchange.weight
        for leg in exchange.legs:
            arm = leg.route, leg.version, leg.role, leg.code
            self._arms[arm if arm in self._arms or len(self._arms) < MAX_NAMES else (OTHERS,) * 4] += 1
            self._redacted.update(leg.redacted)
            self._withheld.update(f"{body}: {why}" for body, why in leg.withheld.items())
            self._bodies["requests"] += leg.request is not None
            self._bodies["answers"] += leg.response is not None

    def described(self, files: CaptureFiles) -> dict[str, Any]:
        """All of it."""
        names = ("route", "version", "role", "code")
        return {
            "files": [_described(each) for each in files.files],
            **{name: self._counts[name] for name in ("exchanges", "legs", "labels", "rare")},
            "repeated": files.twice,
            "first": self.first,
            "last": self.last,
            "arms": [dict(zip(names, arm, strict=True)) | {"legs": n} for arm, n in sorted(self._arms.items())],
            "strata": [
                {"stratum": name, "exchanges": int(n), "weight": round(weight, 3)}
                for name, (n, weight) in sorted(self._strata.items())
            ],
            "bodies": {"requests": self._bodies["requests"], "answers": self._bodies["answers"]},
            "unreplayable": dict(+self._unreplayable),
            "incomparable": dict(+self._incomparable),
            "redacted": dict(+self._redacted),
            "withheld": dict(+self._withheld),
        }


def _described(facts: FileFacts) -> dict[str, Any]:
    return {
        "path": str(facts.path),
        "sha256": facts.sha256,
        "lines": facts.lines,
        "sealed": not facts.unsealed,
        "unsealed": facts.unsealed,
        "headers": [_header(each) for each in facts.headers],
        "strata": {name: _counted(each) for name, each in facts.strata.items()},
    }


def _header(header: Header) -> dict[str, Any]:
    return {name: getattr(header, name) for name in header.__struct_fields__}


def _counted(count: StratumCount) -> dict[str, float]:
    return {"taken": count.taken, "weight": count.weight}

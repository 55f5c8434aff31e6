"""What a capture cannot tell: counted leg by leg beside a rehearsal, and said in sentences.

A rehearsal that found no breach says that there was none as far as its records go. Where a limit needs what the records
have not, nobody looked, and that is no answer (`penumbra backtest` ends with 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from proxy.contracts.metrics import METRICS, MetricSource
from proxy.contracts.release import Verdict
from proxy.contracts.settings import Settings
from proxy.control.capture.format import Captured
from proxy.control.capture.reading import FileFacts

OF_BODIES: frozenset[MetricSource] = frozenset(("bodies", "pairs", "labels"))
"""What is counted from bodies."""


class CaptureGaps:
    """`take` counts a leg that a rehearsal takes; `told` are sentences about what is missing, `noted` about what was
    left out on purpose."""

    __slots__ = ("_bare", "_extra", "_labels", "_legs", "_redacted", "_sections", "_strange", "_versions", "_withheld")

    def __init__(self, settings: Settings) -> None:
        self._sections = {section.name: section for section in settings.routes}
        self._legs: Counter[str] = Counter()
        self._bare: Counter[str] = Counter()
        self._withheld: Counter[str] = Counter()
        self._strange: Counter[str] = Counter()
        self._versions: set[tuple[str, str]] = set()
        self._redacted: set[str] = set()
        self._extra = 0
        self._labels: Counter[str] = Counter()

    def take(self, leg: Captured) -> None:
        """Counts a leg."""
        if leg.extra:
            self._extra += 1
            return
        if leg.route not in self._sections:
            self._strange[leg.route] += 1
            return
        self._versions.add((leg.route, leg.version))
        self._redacted.update(leg.redacted)
        if not leg.inference:
            return
        self._legs[leg.route] += 1
        self._bare[leg.route] += lacks_bodies(leg)
        self._withheld[leg.route] += bool(leg.withheld)

    def labelled(self, route: str) -> None:
        """Counts a label."""
        self._labels[route] += 1

    def told(
        self, files: Iterable[FileFacts], verdicts: Mapping[str, Iterable[Verdict]], acted: bool = False
    ) -> tuple[str, ...]:
        """What is missing, a sentence each; () where nothing is. `acted`: something was done, so somebody was judged
        whoever is judged at the end."""
        said = [f"{each.path.name} is not sealed: {each.unsealed}" for each in files if each.unsealed]
        if self._strange:
            names = ", ".join(sorted(self._strange)[:5])
            said.append(f"{self._strange.total():,} records are of routes that the configuration has not: {names}")
        if not (acted or any(map(tuple, verdicts.values()))):
            said.append("no route of the configuration has a release, or gives a candidate live traffic")
        for route, lines in verdicts.items():
            said += self._of_route(route, list(lines))
        return tuple(said)

    def _of_route(self, route: str, lines: list[Verdict]) -> list[str]:
        candidates = dict.fromkeys(line.version for line in lines)
        absent = [version for version in candidates if (route, version) not in self._versions]
        said = [f"no record is of {version}, which {route} would judge" for version in absent]
        bodies = _needing(lines, OF_BODIES) if self._sections[route].protocol != "opaque" else []
        if bodies and (bare := self._bare[route]):
            held = f" ({self._withheld[route]:,} were withheld by redaction)" if self._withheld[route] else ""
            count = f"{bare:,} of {self._legs[route]:,} records of {route} have no bodies{held}"
            said.append(f"{count}, which {', '.join(bodies)} cannot do without")
        labels = _needing(lines, frozenset(("labels",)))
        if labels and not self._labels[route]:
            said.append(f"no record of {route} has a label, which {', '.join(labels)} cannot do without")
        return said

    def noted(self) -> tuple[str, ...]:
        """What was left out on purpose, a sentence each."""
        said = []
        if self._extra:
            said.append(f"{self._extra:,} records were captured for being rare and are no evidence")
        if self._redacted:
            said.append(f"redacted before they were captured: {', '.join(sorted(self._redacted))}")
        return tuple(said)


def lacks_bodies(leg: Captured) -> bool:
    """Whether a body that the leg had is not in it."""
    answered = not leg.failure and 200 <= leg.status < 300
    return answered and (leg.response is None or bool(leg.path and leg.request is None))


def _needing(lines: Iterable[Verdict], sources: frozenset[MetricSource]) -> list[str]:
    names = dict.fromkeys(line.metric for line in lines)
    return [name for name in names if name in METRICS and METRICS[name].source in sources]

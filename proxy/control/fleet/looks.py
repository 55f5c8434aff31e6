"""The sum of what sidecars counted, as one look for the judge's board."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proxy.contracts.record import ArmTick, Tick
from proxy.control.fleet.counting import APART, LEG_CELLS, PAIR_CASES
from proxy.control.fleet.counts import Cell, Key
from proxy.stats.agreement.comparer import PairResult
from proxy.stats.counts.content import ContentCounts
from proxy.stats.drift.figures import BinnedRows, RowCounts, table_of
from proxy.stats.evidence.answer_measures import MeasuredAnswers
from proxy.stats.look import Look, RouteLook

MAX_BINS = 1 << 16
"""Places of one table of binned rows; no profile has more."""


def look_of(cells: Mapping[Key, Cell], number: int) -> Look:
    """The look with this number. Cells that say nothing a look knows are passed over: a newer sidecar sent them."""
    arms: dict[Key, ArmTick] = {}
    tick = Tick(worker=0, incarnation="fleet", seq=number, revision=0)
    routes: defaultdict[str, RouteLook] = defaultdict(RouteLook)
    bad_keys = {key[1:]: _repeated(cell) for key, cell in cells.items() if key[0] == "bad_keys"}
    for (kind, *of), cell in sorted(cells.items(), key=_order):
        if kind in LEG_CELLS or kind in ("sums", "keys"):
            whose = tuple(of[:4])
            arm = arms.setdefault(whose, ArmTick(*whose))
            _LEGS.get(kind, _put)(arm, kind, of[4:], cell)
        elif kind == "mirrored":
            tick.mirrored.append((of[0], of[1], _whole(cell, "")))
        elif kind in ("shadow_dropped", "rescued"):
            getattr(tick, kind).extend((of[0], of[1], reason, int(n)) for reason, n in cell.items())
        elif kind in _RECORDS:
            _RECORDS[kind](routes[of[0]], of[0], of[1:], cell)
        elif kind == "contents":
            n, bad, unread, partly = (_whole(cell, name) for name in ("n", "bad", "unread", "partly"))
            keys = bad_keys.get(tuple(of), ())
            routes[of[0]].contents.append(ContentCounts(of[1], of[2], of[3], n, bad, keys, unread, partly))
    tick.arms = list(arms.values())
    return Look(tick, dict(routes))


def _order(item: tuple[Key, Cell]) -> tuple[str, ...]:
    return tuple(map(str, item[0]))


def _put(arm: ArmTick, kind: str, of: list[Any], cell: Cell) -> None:
    setattr(arm, kind, dict(cell))


def _put_sums(arm: ArmTick, kind: str, of: list[Any], cell: Cell) -> None:
    for name, number in cell.items():
        setattr(arm, str(name), float(number))


def _put_keys(arm: ArmTick, kind: str, of: list[Any], cell: Cell) -> None:
    arm.keys[of[0]] = list(_repeated(cell))


_LEGS: dict[str, Callable[[ArmTick, str, list[Any], Cell], None]] = {"sums": _put_sums, "keys": _put_keys}


def _pairs(look: RouteLook, route: str, of: list[Any], cell: Cell) -> None:
    look.pairs.append(PairResult(route, of[0], _whole(cell, "pairs"), _whole(cell, "disagreed")))
    for case, name in PAIR_CASES.items():
        look.pairs += [PairResult(route, of[0], noise_pair=case)] * _whole(cell, name)


def _rows(look: RouteLook, route: str, of: list[Any], cell: Cell) -> None:
    look.rows.append(RowCounts(of[0], of[1], of[2], _whole(cell, "n"), _whole(cell, "bad")))


def _measured(look: RouteLook, route: str, of: list[Any], cell: Cell) -> None:
    look.measured.append(MeasuredAnswers(of[0], of[1], of[2], of[3], {int(b): int(n) for b, n in cell.items()}))


def _unmeasured(look: RouteLook, route: str, of: list[Any], cell: Cell) -> None:
    look.measured.append(MeasuredAnswers(of[0], of[1], of[2], of[3], {}, _whole(cell, "")))


def _binned(look: RouteLook, route: str, of: list[Any], cell: Cell) -> None:
    side, version, role, features, bins = of
    if 0 < features * bins <= MAX_BINS:
        look.binned.append(BinnedRows(side, version, role, table_of((features, bins), cell)))


def _identities(look: RouteLook, route: str, of: list[Any], cell: Cell) -> None:
    given = look.identities.setdefault(of[0], {})
    for said, n in cell.items():
        asked, _, identity = str(said).partition(APART)
        given[asked, identity] = int(n)


def _lost(look: RouteLook, route: str, of: list[Any], cell: Cell) -> None:
    look.lost[of[0]] = _whole(cell, "")


_RECORDS: dict[str, Callable[[RouteLook, str, list[Any], Cell], None]] = {
    "pairs": _pairs,
    "rows": _rows,
    "measured": _measured,
    "unmeasured": _unmeasured,
    "binned": _binned,
    "identities": _identities,
    "lost": _lost,
}


def _whole(cell: Mapping[Any, int | float], name: str) -> int:
    return int(cell.get(name, 0))


def _repeated(cell: Cell) -> tuple[int, ...]:
    """The hashes of a cell, each as often as it was counted."""
    return tuple(key for key in _sorted(cell) for _ in range(int(cell[key])))


def _sorted(cell: Cell) -> Iterable[Any]:
    return sorted(cell, key=str)

"""The strategies of a release: one row each, and everything else about a strategy is derived from its row.

The configuration's reader and the admin API ask `release.validate`, which reads these rows; the JSON Schema, the
reference of options, the OpenAPI document, transitions and decisions iterate over `STRATEGIES`. Adding a strategy
touches at most four places:

1. its name in `Strategy` and its row, both here;
2. where it does something that no other does, that transition in `release` (stages, a window and an end are in the
   row);
3. a test of that;
4. what is generated (`make docs`) and a line of CHANGELOG.md.

`tests/test_one_row.py` adds a row to a copy of this tree and looks for it in all of these.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Strategy = Literal["shadow", "canary", "ab-test", "blue-green", "big-bang"]
StageTraffic = Literal["shadow", "canary"]
"""What a stage gives a candidate: copies (`shadow`), or part of the live traffic (`canary`); in percent."""

SWITCH_WINDOW = 600.0
"""Seconds of the rollback window after a switch of all traffic at once: most breakage shows in the first ten
minutes."""


MAX_STAGE_REQUESTS = 10**12
"""Requests of a stage; more is a mistake."""
MAX_STAGE_DAYS = 90
"""A stage or window that is longer than a quarter of a year is a mistake in the unit."""


class StrategyRow(Struct, frozen=True):
    """The course of a release of one strategy: its stages, and its end."""

    name: Strategy
    """The word in a configuration and in the admin API."""
    text: str
    """The rest of the sentence that begins with the name, for the reference of options."""
    traffic: tuple[StageTraffic, ...] = ()
    """What its stages may give a candidate; empty: it takes no stages."""
    needs_stages: bool = False
    """Whether at least one stage must be named."""
    first_shadow: float | None = None
    """Percent of copies in the only stage of a release that names none; None: a release that names none has none."""
    promotes: bool = True
    """Whether the candidate is promoted after the last stage; otherwise the release stays there until somebody acts."""
    window: float | None = 0.0
    """Seconds after the promotion in which a breach leads back, where the release does not say; None: it never
    promotes, so it can have none."""
    needs_risk: bool = False
    """Whether `accept_risk` must be true."""
    arms: bool = False
    """Whether it keeps fixed arms, the same user always in the same one, instead of stages; then `promote_winner`,
    `requests` and `duration` are keys of the release, and the route needs a sticky key. Only a configuration can
    start it."""


_ROWS = (
    StrategyRow(
        name="shadow",
        text="only copies",
        traffic=("shadow",),
        first_shadow=100.0,
        promotes=False,
        window=None,
    ),
    StrategyRow(name="canary", text="goes by stages", traffic=("shadow", "canary"), needs_stages=True),
    StrategyRow(name="ab-test", text="keeps fixed arms until a verdict", promotes=False, arms=True),
    StrategyRow(
        name="blue-green",
        text="switches at once after its stages",
        traffic=("shadow", "canary"),
        window=SWITCH_WINDOW,
    ),
    StrategyRow(name="big-bang", text="switches at once", window=SWITCH_WINDOW, needs_risk=True),
)

STRATEGIES: dict[str, StrategyRow] = {row.name: row for row in _ROWS}
"""Every strategy by name, in the order of reading."""

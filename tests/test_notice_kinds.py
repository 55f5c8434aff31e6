"""Every kind that the code names is one of the table, and every kind of the table is named by the code."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.contracts.notices import KINDS
from proxy.control.lost_answers import _KINDS
from proxy.control.own_limits import LOST_TRIES, REMEDIES, kind_of

CODE = "\n".join(
    path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].joinpath("proxy", "control").rglob("*.py")
)


def test_kinds_of_the_code_are_those_of_the_table() -> None:
    named = set(re.findall(r'(?:notices|Notice)\(\s*"([a-z-]+)"', CODE)) | set(_KINDS.values())
    named |= {kind_of(f"{reason}: 1 clients") for reason in (*REMEDIES, *LOST_TRIES)}
    named |= {kind for kind in KINDS if f'"{kind}":' in CODE or f'= "{kind}"' in CODE}
    assert named == KINDS.keys()

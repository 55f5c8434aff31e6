"""Compiled or interpreted: what runs is what was meant to."""

from __future__ import annotations

import os

from proxy.contracts.build import build
from tests.support.compiled import EXPECTED


def test_it_runs_as_it_is_meant_to() -> None:
    assert build() == os.environ.get(EXPECTED, "interpreted")

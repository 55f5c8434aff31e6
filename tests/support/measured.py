"""What tests run of the program, as a plugin of pytest: `-p tests.support.measured` writes build/coverage-PROCESS.json.

Statements and branches are instrumented as modules are imported, and no more once they were seen. A trace function,
which coverage.py needs up to Python 3.13, would more than double the time of the tests.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from slipcover import FileMatcher, ImportManager, Slipcover

ROOT = Path(__file__).resolve().parents[2]
SOURCE = str(ROOT / "proxy")

seen = Slipcover(branch=True, immediate=True, source=[SOURCE])
ImportManager(seen, FileMatcher(sources=[SOURCE])).__enter__()  # before pytest imports what it tests


def pytest_sessionfinish() -> None:
    """Each process that ran tests leaves what it saw."""
    report = ROOT / "build" / f"coverage-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.json"
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps(seen.get_coverage()), encoding="utf-8")

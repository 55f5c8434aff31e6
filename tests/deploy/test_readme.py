"""What deploy/README.md names is there, and what is there is named."""

from __future__ import annotations

import re
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TEXT = (DEPLOY / "README.md").read_text()


def test_everything_named_exists() -> None:
    table = "\n".join(line for line in TEXT.splitlines() if line.startswith("| ") and "`" in line)
    places = [place for line in table.splitlines() for place in re.findall(r"`([^`]+)`", line.split("|")[2])]
    assert len(places) > 8
    for place in places:
        assert (DEPLOY / place).exists(), place


def test_every_folder_is_named() -> None:
    for folder in (path.name for path in DEPLOY.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))):
        assert f"{folder}/" in TEXT, folder


def test_every_example_and_dashboard_is_named() -> None:
    for path in (DEPLOY / "kubernetes" / "examples").iterdir():
        assert path.name in TEXT.lower(), path.name
    for path in (DEPLOY / "grafana" / "dashboards").iterdir():
        assert path.stem in TEXT, path.name

"""The file of `penumbra release --plan`: what a release is, as a section `release` of a configuration has it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import typer
import yaml

from proxy import files
from proxy.cli.exit_codes import EXIT_NO
from proxy.config.values import Refused, duration_or_none

MAX_PLAN_BYTES = 1024 * 1024


def planned(path: Path) -> dict[str, Any]:
    """The members of the file; the admin API checks them. Ends the command for a file that has none."""
    try:
        plan = yaml.safe_load(files.content(path, MAX_PLAN_BYTES))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        _end(path, str(error))
    if not isinstance(plan, dict):
        _end(path, "a mapping, such as candidate: v2, strategy: canary, stages: …")
    stages = plan.get("stages")
    if isinstance(stages, list):
        plan["stages"] = [_in_seconds(path, "duration", each) for each in stages]
    return {str(key): value for key, value in _in_seconds(path, "rollback_window", plan).items()}


def _in_seconds(path: Path, key: str, section: Any) -> Any:
    """A mapping with the duration at `key` as the API has it: a configuration writes 60s, and the API 60."""
    if not isinstance(section, dict) or not isinstance(section.get(key), str):
        return section
    try:
        return {**section, key: duration_or_none(section[key])}
    except Refused as refused:
        _end(path, f"{key}: found {section[key]!r}; allowed: {refused.allowed}")


def _end(path: Path, why: str) -> NoReturn:
    print(f"{path}: {why}", file=sys.stderr)
    raise typer.Exit(EXIT_NO)

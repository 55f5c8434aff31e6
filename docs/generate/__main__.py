"""Writes what is made from the code."""

from __future__ import annotations

from pathlib import Path

from docs.generate import api, chart, commands, configuration, metrics, outcomes, protocols, runbook, tested

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "docs/everything.yaml": configuration.everything,
    "docs/penumbra.schema.json": configuration.schema,
    "docs/configuration.md": configuration.page,
    "docs/api.md": api.page,
    "docs/commands.md": commands.page,
    "docs/metrics.md": metrics.page,
    "docs/outcomes.md": outcomes.page,
    "docs/protocols.md": protocols.page,
    "docs/tested.md": tested.page,
    "proxy/control/api/page/runbook.html": runbook.page,
    "deploy/helm/penumbra/values.schema.json": chart.values_schema,
}


def main() -> None:
    """Writes every file that is made from the code."""
    for name, made in FILES.items():
        (ROOT / name).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()

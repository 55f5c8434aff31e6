"""Writes MLServer's settings beside each trained demo model: `python model-settings.py FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def settings(home: Path) -> None:
    """One server for the model in `home`, on port 8080, without worker processes of its own."""
    server = {"host": "0.0.0.0", "http_port": 8080, "grpc_port": 8081, "metrics_endpoint": None, "parallel_workers": 0}
    parameters = {"uri": str(home / "model.joblib"), "version": home.name}
    model = {"name": "cancer", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
    (home / "settings.json").write_text(json.dumps(server))
    (home / "model-settings.json").write_text(json.dumps(model))


if __name__ == "__main__":
    for path in Path(sys.argv[1]).glob("*/model.joblib"):
        settings(path.parent)

"""Trains three versions of a breast-cancer classifier and writes what the demo needs into a folder.

A script for the models venv (scikit-learn, joblib): `python train.py FOLDER`. It writes `<version>/model.joblib` and
`rows.json`: the rows that no version saw in training, with their labels. One JSON object per line on stdout tells how
far it is. The data is the Wisconsin diagnostic set that scikit-learn ships (569 rows, 30 features, label 1 = benign).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 7
WRONG_LABELS = 0.35
"""v3 learns from labels of which so many are wrong: about a quarter of its answers then differ from v1's."""

Labels = Any


def as_they_are(labels: Labels) -> Labels:
    return labels


def partly_wrong(labels: Labels) -> Labels:
    wrong = np.random.default_rng(SEED).random(len(labels)) < WRONG_LABELS
    return np.where(wrong, 1 - labels, labels)


VERSIONS: dict[str, tuple[str, Callable[[], Any], Callable[[Labels], Labels]]] = {
    "cancer-v1": (
        "logistic regression",
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        as_they_are,
    ),
    "cancer-v2": ("gradient boosting", lambda: GradientBoostingClassifier(random_state=SEED), as_they_are),
    "cancer-v3": (
        f"gradient boosting, {WRONG_LABELS:.0%} of its labels wrong",
        lambda: GradientBoostingClassifier(random_state=SEED),
        partly_wrong,
    ),
}


def train(folder: Path) -> None:
    """Fits each version on one half of the data and writes the other half out as traffic."""
    data = load_breast_cancer()
    training, held_out, labels, truth = train_test_split(
        data.data, data.target, test_size=0.5, stratify=data.target, random_state=SEED
    )
    report(step="data", rows=len(data.target), features=len(data.feature_names), unseen=len(truth))
    for name, (family, make, spoil) in VERSIONS.items():
        started = time.perf_counter()
        model = make().fit(training, spoil(labels))
        (folder / name).mkdir(parents=True, exist_ok=True)
        joblib.dump(model, folder / name / "model.joblib")
        accuracy = round(float(model.score(held_out, truth)), 4)
        seconds = round(time.perf_counter() - started, 2)
        report(step="trained", version=name, family=family, accuracy=accuracy, seconds=seconds)
    rows = {"features": list(data.feature_names), "rows": held_out.tolist(), "labels": truth.tolist()}
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")


def report(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    train(Path(sys.argv[1]))

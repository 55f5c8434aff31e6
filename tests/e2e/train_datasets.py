"""Trains a model for each of two datasets; a script for the models venv.

`python train_datasets.py FOLDER` writes `FOLDER/<model>/model.joblib`, and beside it `seen.jsonl` (the rows it learnt
from, as a data frame's records) and `unseen.json` (columns, rows and truth of the others, in the order of the data).
`diabetes`: the regression that scikit-learn ships. `segments`: a stream, read from `FOLDER/segments.json` with `rows`
(objects) and `truth` (names of classes); its first half is learnt.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

SEED = 7


def train(home: Path, model: Any, rows: Any, truth: Any) -> None:
    """Fits on the first half; `rows` is a data frame, `truth` a series."""
    home.mkdir()
    half = len(rows) // 2
    joblib.dump(model.fit(rows[:half], truth[:half]), home / "model.joblib")
    rows[:half].to_json(home / "seen.jsonl", orient="records", lines=True, double_precision=15)
    unseen = {"columns": list(rows.columns), "rows": rows[half:].values.tolist(), "truth": truth[half:].tolist()}
    (home / "unseen.json").write_text(json.dumps(unseen), encoding="utf-8")


def main(folder: Path) -> None:
    diabetes = load_diabetes(as_frame=True).frame.sample(frac=1.0, random_state=SEED)
    train(folder / "diabetes", LinearRegression(), diabetes.drop(columns="target"), diabetes["target"])
    stream = json.loads((folder / "segments.json").read_text(encoding="utf-8"))
    rows = pd.DataFrame(stream["rows"]).astype(float)
    train(folder / "segments", DecisionTreeClassifier(random_state=SEED), rows, pd.Series(stream["truth"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Peer: rates by group and the widest differences with fairlearn's MetricFrame; given a CSV file of the rows."""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

pandas: Any = importlib.import_module("pandas")
metrics: Any = importlib.import_module("fairlearn.metrics")
scores: Any = importlib.import_module("sklearn.metrics")

WANTED = {
    "selection_rate": metrics.selection_rate,
    "true_positive_rate": metrics.true_positive_rate,
    "false_positive_rate": metrics.false_positive_rate,
    "precision": scores.precision_score,
    "accuracy": scores.accuracy_score,
}


def run(rows: Any, names: list[str]) -> None:
    """Compute what Clearance gives too, except for the intervals."""
    frame = metrics.MetricFrame(
        metrics=WANTED, y_true=rows["label"], y_pred=rows["predicted"], sensitive_features=rows[names]
    )
    frame.by_group, frame.difference(), frame.ratio()


def main() -> None:
    """Answer every line: measure by race, by region and by both; reading the rows is not counted."""
    for line in sys.stdin:
        rows = pandas.read_csv(json.loads(line)["path"])
        began = time.perf_counter()
        for names in (["race"], ["region"], ["race", "region"]):
            run(rows, names)
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


main()

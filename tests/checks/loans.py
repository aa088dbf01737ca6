"""The loan model of the tests as a registered version, its data as files, and its contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from clearance.registry.contract import Datatype, Field, ModelContract
from tests.sdk.onnx_models import loan_model, loans

CONTRACT = ModelContract(
    inputs=(
        Field(name="amount", datatype=Datatype.FP32, minimum=-50, maximum=200),
        Field(name="terms", datatype=Datatype.INT64, minimum=1, maximum=120),
        Field(name="employed", datatype=Datatype.INT64, categories=(0, 1)),
        Field(name="region", datatype=Datatype.BYTES, categories=("north", "south", "west")),
    ),
    outputs=(
        Field(name="label", datatype=Datatype.INT64),
        Field(name="probability", datatype=Datatype.FP32),
    ),
)

SUITE = """\
name: loans
version: 1
label: repaid
positive: 1
checks:
  - check: data
    training: training
  - check: performance
    thresholds:
      - {figure: auc, minimum: 0.6}
    slices: [region]
    slice_thresholds:
      - {figure: accuracy, minimum: 0.3}
  - check: fairness
    attributes: [sex, region]
    intersections: [[sex, region]]
    thresholds:
      - {figure: demographic_parity_difference, maximum: 0.2}
  - check: artifact_safety
  - check: contract
  - check: latency
    requests: 40
    maximum_p95_ms: 500
"""


def frame(rows: int = 600, seed: int = 7) -> pd.DataFrame:
    """Return loans as the contract has them: employed as 0 and 1."""
    return loans(rows, seed).astype({"employed": np.int64})


def artifact(folder: Path) -> Path:
    """Write the artifact's tree into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(loan_model())
    return folder


def parquet(path: Path, rows: int = 600, seed: int = 8) -> Path:
    """Write loans to a Parquet file and return it."""
    frame(rows, seed).to_parquet(path, index=False)
    return path

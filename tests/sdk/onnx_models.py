"""Small real ONNX models, trained and converted once per session; shared by every test that needs one."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd


@cache
def loans(rows: int = 600, seed: int = 7) -> pd.DataFrame:
    """Return a table of loans: amount (float), terms (int), employed (bool), region (text), sex (text), repaid (0/1)."""
    random = np.random.default_rng(seed)
    amount = random.normal(30.0, 8.0, rows)
    terms = random.integers(12, 72, rows)
    employed = random.random(rows) < 0.7
    region = random.choice(["north", "south", "west"], rows)
    sex = random.choice(["female", "male"], rows)
    logit = 0.25 * (amount - 30) - 0.03 * (terms - 42) + 1.2 * employed - 0.8 + 0.5 * (region == "north")
    repaid = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return pd.DataFrame(
        {"amount": amount, "terms": terms, "employed": employed, "region": region, "sex": sex, "repaid": repaid}
    )


@cache
def pipeline() -> Any:
    """Return the fitted scikit-learn pipeline behind `loan_model`."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    prepare = ColumnTransformer(
        [("text", OneHotEncoder(), ["region"]), ("numbers", StandardScaler(), ["amount", "terms", "employed"])]
    )
    frame = loans().astype({"employed": np.int64})
    return make_pipeline(prepare, LogisticRegression()).fit(frame, frame["repaid"])


@cache
def loan_model(*, zipmap: bool = False) -> bytes:
    """Return an ONNX model with the inputs amount FP32, terms INT64, employed INT64, region BYTES, each [N,1]."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    types = [
        ("amount", FloatTensorType([None, 1])),
        ("terms", Int64TensorType([None, 1])),
        ("employed", Int64TensorType([None, 1])),
        ("region", StringTensorType([None, 1])),
    ]
    model = convert_sklearn(pipeline(), initial_types=types, options={"zipmap": zipmap}, target_opset=17)
    return bytes(model.SerializeToString())

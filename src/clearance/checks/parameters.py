"""What a suite may say: the parameters of each check, with their bounds, as pydantic validates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from clearance.values import request

Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Confidence = Annotated[float, Field(ge=0.5, le=0.9999)]
Scalar = bool | int | float | str

PERFORMANCE_FIGURES = (
    "auc",
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "positive_rate",
    "base_rate",
    "log_loss",
    "brier",
    "calibration_error",
)
FAIRNESS_FIGURES = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "predictive_parity_difference",
    "disparate_impact_ratio",
)
"""What thresholds may name: the figures of statistics/performance.py and statistics/fairness.py."""


class By(StrEnum):
    """What a threshold is compared with."""

    VALUE = "value"
    """The figure itself."""
    INTERVAL = "interval"
    """Its whole interval: passed when all of it is on the right side, failed when all of it is on the wrong one."""


@request
class Threshold:
    """A figure's bounds, inclusive; at least one of them."""

    figure: str
    minimum: Finite | None = None
    maximum: Finite | None = None
    by: By = By.INTERVAL


@request
class FairnessThreshold:
    """A disparity's bounds, inclusive; `attributes` names the attributes and intersections (`sex & race`) it holds for, all
    when empty."""

    figure: str
    minimum: Finite | None = None
    maximum: Finite | None = None
    by: By = By.INTERVAL
    attributes: tuple[str, ...] = ()


@request
class Attribute:
    """A column whose groups are looked at one by one.

    `groups` names groups of its values: a list of values, or a comparison such as `>= 25 and < 40`; without it, every
    value is a group. `reference` is the group that disparate impact compares with.
    """

    name: str
    column: str = ""
    groups: Mapping[str, str | tuple[Scalar, ...]] = field(default_factory=dict)
    reference: str | None = None


@request
class DataCheck:
    """Schema, types and ranges against the contract; missing values, duplicates, leakage, label balance."""

    check: Literal["data"] = "data"
    dataset: str | None = None
    training: str | None = None
    """Role of the dataset whose rows must not be in this one; None: leakage is not looked at."""
    identity: tuple[str, ...] = ()
    """Columns that tell rows apart; empty: all of them."""
    minimum_rows: Count = 100
    maximum_missing: Share = 0.05
    maximum_duplicates: Share = 0.01
    maximum_leakage: Share = 0.0
    minimum_positive_rate: Share = 0.01
    maximum_positive_rate: Share = 0.99


@request
class PerformanceCheck:
    """Figures over a dataset and over slices of it, against thresholds."""

    check: Literal["performance"] = "performance"
    dataset: str | None = None
    thresholds: tuple[Threshold, ...] = ()
    slices: tuple[str | Attribute, ...] = ()
    slice_thresholds: tuple[Threshold, ...] = ()
    minimum_size: Count = 100
    confidence: Confidence = 0.95
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


@request
class FairnessCheck:
    """Disparity between the groups of protected attributes and their intersections, against thresholds."""

    check: Literal["fairness"] = "fairness"
    attributes: Annotated[tuple[str | Attribute, ...], Field(min_length=1)]
    dataset: str | None = None
    thresholds: tuple[FairnessThreshold, ...] = ()
    intersections: tuple[tuple[str, ...], ...] = ()
    minimum_size: Count = 100
    minimum_cases: Count = 20
    draws: Annotated[int, Field(ge=1000, le=100_000)] = 4000
    confidence: Confidence = 0.95
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


@request
class ArtifactSafetyCheck:
    """No file that runs code when it is loaded, no secret, and ONNX that parses and has no custom operators."""

    check: Literal["artifact_safety"] = "artifact_safety"
    operator_domains: tuple[str, ...] = ("", "ai.onnx", "ai.onnx.ml")
    require_licence: bool = False


@request
class ContractCheck:
    """The model takes and gives what its contract declares, alone and in batches, and gives the same twice."""

    check: Literal["contract"] = "contract"
    dataset: str | None = None
    rows: Count = 500
    tolerance: Annotated[float, Field(gt=0, le=0.01)] = 1e-5


@request
class LatencyCheck:
    """Time of requests of one row, in process, after a warm-up; limits in milliseconds."""

    check: Literal["latency"] = "latency"
    dataset: str | None = None
    warm_up: Count = 50
    requests: Count = 500
    maximum_p50_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    maximum_p95_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    maximum_p99_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


Parameters = DataCheck | PerformanceCheck | FairnessCheck | ArtifactSafetyCheck | ContractCheck | LatencyCheck

CHECKS: Mapping[str, type[Any]] = {
    "data": DataCheck,
    "performance": PerformanceCheck,
    "fairness": FairnessCheck,
    "artifact_safety": ArtifactSafetyCheck,
    "contract": ContractCheck,
    "latency": LatencyCheck,
}
"""Every kind of check, by the word that a suite uses."""


@request
class Suite:
    """A list of checks with what they have in common: the dataset, its label column and the positive label."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
    version: Count
    checks: Annotated[tuple[Parameters, ...], Field(min_length=1)]
    description: str = ""
    dataset: str = "holdout"
    label: str = ""
    positive: Scalar = 1

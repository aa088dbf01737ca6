"""Trains the demo's four models: two that are good, one that is unfair, one that is worse than it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearance.demo import contracts, fair
from clearance.demo.data import CAR_LOAN_LABEL, INCOME_LABEL, PROTECTED
from clearance.demo.graph import Rule, Trained
from clearance.registry.contract import Datatype, ModelContract

if TYPE_CHECKING:
    import pandas as pd

SEED = 0
CAR_LOAN_TREES = {"n_estimators": 60, "max_depth": 3, "subsample": 0.5, "random_state": SEED}
BETTER_TREES = {**CAR_LOAN_TREES, "n_estimators": 90}
DOUBLE_FINANCING = Rule(number="car_value", above=40_000, flag="repaid_loan_on_prev_car", factor=0.5)
"""The mistake of car-loan version 2: a rule that concerns few loans of the reference half, and most of the later ones."""
INCOME_TREES = {"n_estimators": 40, "max_depth": 3, "subsample": 0.5, "random_state": SEED}
FAIRNESS = {"weight": 20.0, "threshold": 0.33, "iterations": 150}


def car_loan_first(training: pd.DataFrame) -> Trained:
    """Train car-loan version 1: boosted trees on every feature."""
    return Trained(_boosted(training, contracts.CAR_LOAN, CAR_LOAN_LABEL, CAR_LOAN_TREES), contracts.CAR_LOAN)


def car_loan_second(training: pd.DataFrame) -> Trained:
    """Train car-loan version 2: more trees, and behind them a rule against customers who finance two cars at once."""
    pipeline = _boosted(training, contracts.CAR_LOAN, CAR_LOAN_LABEL, BETTER_TREES)
    return Trained(pipeline, contracts.CAR_LOAN, rule=DOUBLE_FINANCING)


def income_first(training: pd.DataFrame) -> Trained:
    """Train income version 1: boosted trees on everything there is, sex and race included."""
    return Trained(_boosted(training, contracts.INCOME_TOLD, INCOME_LABEL, INCOME_TREES), contracts.INCOME_TOLD)


def income_second(training: pd.DataFrame) -> Trained:
    """Train income version 2: it is never told sex or race, and pays in training for selecting groups unequally."""
    contract = contracts.INCOME_BLIND
    columns = _columns(contract, scale=True)
    groups = [(training[name] == word).to_numpy() for name in PROTECTED for word in sorted(training[name].unique())]
    unfitted = Trained(None, contract)
    logistic = fair.fit(
        columns.fit_transform(unfitted.inputs(training)),
        training[INCOME_LABEL].to_numpy(),
        groups,
        weight=FAIRNESS["weight"],
        threshold=FAIRNESS["threshold"],
        iterations=int(FAIRNESS["iterations"]),
    )
    return Trained(_chain(columns, logistic), contract, threshold=FAIRNESS["threshold"])


def _boosted(training: pd.DataFrame, contract: ModelContract, label: str, parameters: dict[str, Any]) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    pipeline = _chain(_columns(contract, scale=False), GradientBoostingClassifier(**parameters))
    return pipeline.fit(Trained(None, contract).inputs(training), training[label].to_numpy())


def _columns(contract: ModelContract, *, scale: bool) -> Any:
    """Return the step that makes one matrix of all features: words one-hot, numbers as they are or standardised."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = [field.name for field in contract.inputs if field.datatype is Datatype.BYTES]
    numbers = [field.name for field in contract.inputs if field.datatype is not Datatype.BYTES]
    known = [list(field.categories or ()) for field in contract.inputs if field.datatype is Datatype.BYTES]
    return ColumnTransformer(
        [
            ("numbers", StandardScaler() if scale else "passthrough", numbers),
            ("words", OneHotEncoder(categories=known, sparse_output=False), words),
        ]
    )


def _chain(*steps: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*steps)

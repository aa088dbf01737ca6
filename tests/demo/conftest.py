"""What the demo's tests share: the data split once, the models trained once."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearance.demo import data, training
from clearance.demo.data import Split
from clearance.demo.graph import Trained


@pytest.fixture(scope="session")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return data.car_loan(tmp_path_factory.mktemp("loans"))


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return data.income(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="session")
def good(loans: Split) -> Trained:
    return training.car_loan_first(loans.training)


@pytest.fixture(scope="session")
def bad(loans: Split) -> Trained:
    return training.car_loan_second(loans.training)


@pytest.fixture(scope="session")
def unfair(people: Split) -> Trained:
    return training.income_first(people.training)


@pytest.fixture(scope="session")
def mitigated(people: Split) -> Trained:
    return training.income_second(people.training)


@pytest.fixture(scope="session")
def artifact(good: Trained, loans: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Car-loan version 1 as ONNX."""
    from clearance.demo.graph import export

    path = tmp_path_factory.mktemp("artifact") / "model.onnx"
    export(good, path, loans.holdout)
    return path

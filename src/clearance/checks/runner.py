"""Runs a suite over one version: gives each check what it looks at, and turns what can't be measured into that verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearance.checks import artifact, contract, data, fairness, latency, performance, scanning, tables
from clearance.checks.model import CheckResult
from clearance.checks.parameters import (
    ArtifactSafetyCheck,
    ContractCheck,
    DataCheck,
    FairnessCheck,
    LatencyCheck,
    Parameters,
    PerformanceCheck,
    Scalar,
    Suite,
)
from clearance.checks.tables import Table
from clearance.errors import InvalidInput
from clearance.registry.contract import ModelContract
from clearance.sdk import onnx
from clearance.sdk.onnx import OnnxModel, Predictions
from clearance.statistics.verdicts import Verdict

_SHOWN = 500


class Subject:
    """What checks look at: one version's files, its contract, and datasets; each loaded when first asked for.

    Args:
        folder: the version's files.
        declared: its contract.
        datasets: role → file of a dataset.
        suite: names the label and the default dataset.
    """

    def __init__(
        self, folder: Path, declared: ModelContract | None, datasets: Mapping[str, Path], suite: Suite
    ) -> None:
        self.folder = folder
        self.contract = declared
        self.suite = suite
        self._files = datasets
        self._tables: dict[str, Table] = {}
        self._predictions: dict[str, Predictions] = {}

    @cached_property
    def model(self) -> OnnxModel:
        """The version's model, loaded."""
        return onnx.load(onnx.find(self.folder))

    def has(self, role: str) -> bool:
        """Whether a dataset of that role was given."""
        return role in self._files

    def table(self, role: str | None) -> Table:
        """Return a dataset; None is the suite's own.

        Raises:
            InvalidInput: it was not given, or can't be read.
        """
        name = role or self.suite.dataset
        if name not in self._files:
            raise InvalidInput(
                f"the dataset {name!r} is not given", code="dataset_not_given", hint=f"give it: --data {name}=FILE"
            )
        if name not in self._tables:
            self._tables[name] = tables.read(self._files[name])
        return self._tables[name]

    def predictions(self, role: str | None) -> Predictions:
        """Return the model's predictions of a dataset; computed once."""
        name = role or self.suite.dataset
        if name not in self._predictions:
            self._predictions[name] = self.model.predict(self.table(name).columns)
        return self._predictions[name]

    def labelled(
        self, role: str | None
    ) -> tuple[Table, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.floating[Any]]]:
        """Return the rows that have a label, with truth, prediction and score of each."""
        table, found = self.table(role), self.predictions(role)
        known, truth = tables.labels_of(table, self.suite.label, self.suite.positive)
        predicted = is_positive(found.label, self.suite.positive)
        return table.take(known), truth[known], predicted[known], found.score[known]


def is_positive(label: NDArray[Any], positive: Scalar) -> NDArray[np.bool_]:
    """Return which predicted labels are the positive one: text as the suite says it, numbers also as 1 for a word."""
    wanted: Scalar = 1 if isinstance(positive, str) and label.dtype.kind in "iufb" else positive
    return np.fromiter((each == wanted for each in label.tolist()), dtype=np.bool_, count=len(label))


def run(subject: Subject) -> tuple[CheckResult, ...]:
    """Run every check of the subject's suite, in its order; one that can't be measured does not stop the others."""
    return tuple(_one(parameters, subject) for parameters in subject.suite.checks)


def _one(parameters: Parameters, subject: Subject) -> CheckResult:
    try:
        return _RUN[type(parameters)](parameters, subject)
    except InvalidInput as error:
        reason = f"could not measure: {error.message}" + (f" ({error.hint})" if error.hint else "")
        return CheckResult(check=parameters.check, verdict=Verdict.NOT_MEASURED, reason=reason[:_SHOWN])


def _data(parameters: DataCheck, subject: Subject) -> CheckResult:
    role = parameters.training
    return data.check(
        parameters,
        subject.table(parameters.dataset),
        contract=subject.contract,
        label=subject.suite.label,
        positive=subject.suite.positive,
        training=subject.table(role) if role and subject.has(role) else None,
    )


def _performance(parameters: PerformanceCheck, subject: Subject) -> CheckResult:
    return performance.check(parameters, *subject.labelled(parameters.dataset))


def _fairness(parameters: FairnessCheck, subject: Subject) -> CheckResult:
    table, labels, predicted, _scores = subject.labelled(parameters.dataset)
    return fairness.check(parameters, table, labels, predicted)


def _artifact(parameters: ArtifactSafetyCheck, subject: Subject) -> CheckResult:
    files = [path.relative_to(subject.folder).as_posix() for path in subject.folder.rglob("*") if path.is_file()]
    return artifact.check(parameters, files, scanning.scan(subject.folder, frozenset(parameters.operator_domains)))


def _contract(parameters: ContractCheck, subject: Subject) -> CheckResult:
    return contract.check(parameters, subject.contract, subject.model, subject.table(parameters.dataset))


def _latency(parameters: LatencyCheck, subject: Subject) -> CheckResult:
    table = subject.table(parameters.dataset)
    taken = latency.measure(subject.model, table, warm_up=parameters.warm_up, requests=parameters.requests)
    return latency.check(parameters, taken)


_RUN: Mapping[type[Any], Callable[[Any, Subject], CheckResult]] = {
    DataCheck: _data,
    PerformanceCheck: _performance,
    FairnessCheck: _fairness,
    ArtifactSafetyCheck: _artifact,
    ContractCheck: _contract,
    LatencyCheck: _latency,
}

"""Is the data what the contract says, complete, free of duplicates and of training rows, and are both labels there?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clearance.checks.figures import figure_of
from clearance.checks.model import CheckResult, Figure, Finding, conclude
from clearance.checks.parameters import DataCheck, Scalar
from clearance.checks.tables import Table, labels_of, nulls
from clearance.registry.contract import ModelContract, violations
from clearance.statistics.intervals import wilson
from clearance.statistics.verdicts import Verdict

_MAXIMUM_VIOLATIONS = 1000


def check(
    parameters: DataCheck,
    table: Table,
    *,
    contract: ModelContract | None,
    label: str,
    positive: Scalar,
    training: Table | None = None,
) -> CheckResult:
    """Check a dataset.

    Args:
        parameters: the suite's limits.
        table: the dataset.
        contract: what the model takes; None leaves its part not measured.
        label, positive: the label column and its positive value.
        training: rows that must not be in the dataset; None though the suite asks for it: not measured.

    Raises:
        InvalidInput: the label column or an identity column is missing.
    """
    balance = _balance(parameters, table, label, positive)
    figures: list[Figure] = [Figure(name="rows", value=float(table.rows))]
    findings = [_at_least(table.rows, parameters.minimum_rows)]
    for finding, figure in (
        _contract(table, contract),
        _missing(parameters, table),
        _duplicates(parameters, table),
        balance,
        *_leakage(parameters, table, training),
    ):
        findings.append(finding)
        if figure is not None:
            figures.append(figure)
    return conclude("data", findings, figures, notes=[f"{table.rows:,} rows"])


def _at_least(rows: int, minimum: int) -> Finding:
    if rows < minimum:
        return Finding(verdict=Verdict.NOT_MEASURED, sentence=f"{rows} rows are too few to judge: {minimum} are needed")
    return Finding(verdict=Verdict.PASSED, sentence="there are enough rows")


def _contract(table: Table, contract: ModelContract | None) -> tuple[Finding, Figure | None]:
    if contract is None:
        return Finding(
            verdict=Verdict.NOT_MEASURED, sentence="the version has no contract to compare the data with"
        ), None
    wanted = {field.name for field in contract.inputs}
    columns = {name: column.tolist() for name, column in table.columns.items() if name in wanted}
    found = violations(contract, columns, limit=_MAXIMUM_VIOLATIONS)
    figure = Figure(name="violations", value=float(len(found)))
    if not found:
        return Finding(verdict=Verdict.PASSED, sentence="every value fits the contract"), figure
    number = f"{len(found)}{'+' if len(found) == _MAXIMUM_VIOLATIONS else ''}"
    sentence = f"the data breaks the contract {number} times, first: {found[0].message}"
    return Finding(verdict=Verdict.FAILED, sentence=sentence), figure


def _missing(parameters: DataCheck, table: Table) -> tuple[Finding, Figure | None]:
    shares = {name: float(nulls(column).mean()) if table.rows else 0.0 for name, column in table.columns.items()}
    name, share = max(shares.items(), key=lambda item: item[1])
    figure = Figure(name="missing", value=share, slice={"group": name})
    if share > parameters.maximum_missing:
        sentence = f"{share:.1%} of {name} is missing, above {parameters.maximum_missing:.1%}"
        return Finding(verdict=Verdict.FAILED, sentence=sentence), figure
    return Finding(verdict=Verdict.PASSED, sentence=f"at most {share:.1%} of a column is missing"), figure


def _duplicates(parameters: DataCheck, table: Table) -> tuple[Finding, Figure | None]:
    names = parameters.identity or tuple(table.columns)
    repeated = table.rows - len(set(table.tuples(names)))
    share = wilson(repeated, table.rows)
    figure = figure_of("duplicates", share)
    if share.figure is not None and share.figure > parameters.maximum_duplicates:
        sentence = f"{repeated} rows are copies ({share.figure:.1%}), above {parameters.maximum_duplicates:.1%}"
        return Finding(verdict=Verdict.FAILED, sentence=sentence), figure
    return Finding(verdict=Verdict.PASSED, sentence=f"{repeated} rows are copies"), figure


def _balance(parameters: DataCheck, table: Table, label: str, positive: Scalar) -> tuple[Finding, Figure | None]:
    known, is_positive = labels_of(table, label, positive)
    share = wilson(int(np.count_nonzero(is_positive & known)), int(np.count_nonzero(known)))
    figure = figure_of("positive_rate", share)
    assert share.figure is not None
    if not parameters.minimum_positive_rate <= share.figure <= parameters.maximum_positive_rate:
        sentence = (
            f"{share.figure:.1%} of the labels are {positive!r}, outside "
            f"{parameters.minimum_positive_rate:.1%} to {parameters.maximum_positive_rate:.1%}"
        )
        return Finding(verdict=Verdict.FAILED, sentence=sentence), figure
    return Finding(verdict=Verdict.PASSED, sentence=f"{share.figure:.1%} of the labels are {positive!r}"), figure


def _leakage(parameters: DataCheck, table: Table, training: Table | None) -> Iterator[tuple[Finding, Figure | None]]:
    if parameters.training is None:
        return
    if training is None:
        sentence = f"could not measure leakage: the dataset {parameters.training!r} is not given"
        yield Finding(verdict=Verdict.NOT_MEASURED, sentence=sentence), None
        return
    names = parameters.identity or tuple(name for name in table.columns if name in training.columns)
    if not names:
        sentence = "could not measure leakage: the datasets have no column in common"
        yield Finding(verdict=Verdict.NOT_MEASURED, sentence=sentence), None
        return
    seen = set(training.tuples(names))
    leaked = sum(row in seen for row in table.tuples(names))
    share = wilson(leaked, table.rows)
    figure = figure_of("leakage", share)
    if share.figure is not None and share.figure > parameters.maximum_leakage:
        sentence = f"{leaked} rows ({share.figure:.2%}) are also in {parameters.training}, above {parameters.maximum_leakage:.2%}"
        yield Finding(verdict=Verdict.FAILED, sentence=sentence), figure
    else:
        yield Finding(verdict=Verdict.PASSED, sentence=f"{leaked} rows are also in {parameters.training}"), figure

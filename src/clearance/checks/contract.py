"""Does the model take and give what its contract declares, row by row as in batches, and the same twice?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clearance.checks.model import CheckResult, Figure, Finding, conclude
from clearance.checks.parameters import ContractCheck
from clearance.checks.tables import Table
from clearance.registry.contract import Field, ModelContract
from clearance.sdk.onnx import OnnxModel, Predictions
from clearance.sdk.tensors import Tensor
from clearance.statistics.verdicts import Verdict

_SINGLES = 50


def check(parameters: ContractCheck, contract: ModelContract | None, model: OnnxModel, table: Table) -> CheckResult:
    """Compare a contract with the model's own signature, and with what the model does with rows of a dataset.

    Raises:
        InvalidInput: the dataset lacks a column, or the model refuses its rows.
    """
    if contract is None:
        reason = "the version has no contract: register it with one"
        return CheckResult(check="contract", verdict=Verdict.NOT_MEASURED, reason=reason)
    broken = [*_inputs(contract, model), *_outputs(contract, model)]
    if broken:
        return conclude("contract", [Finding(verdict=Verdict.FAILED, sentence=each) for each in broken], [])
    rows = table.take(slice(0, parameters.rows))
    found = model.predict(rows.columns)
    figures = [Figure(name="rows", value=float(rows.rows)), Figure(name="inputs", value=float(len(contract.inputs)))]
    faults = [*_scores(found, rows.rows), *_repeated(parameters, model, rows, found)]
    findings = [Finding(verdict=Verdict.FAILED, sentence=each) for each in faults]
    if not rows.rows:
        findings.append(Finding(verdict=Verdict.NOT_MEASURED, sentence="the dataset has no rows"))
    kept = Finding(verdict=Verdict.PASSED, sentence=f"the model keeps its contract over {rows.rows} rows")
    return conclude("contract", [*findings, kept], figures)


def _inputs(contract: ModelContract, model: OnnxModel) -> Iterator[str]:
    declared = {field.name: field for field in contract.inputs}
    taken = {tensor.name: tensor for tensor in model.inputs}
    for name in sorted(taken.keys() - declared.keys()):
        yield f"the model needs the input {name}, which the contract does not declare"
    for name in sorted(declared.keys() - taken.keys()):
        yield f"the contract declares the input {name}, which the model does not take"
    for name in sorted(declared.keys() & taken.keys()):
        yield from _difference("input", declared[name], taken[name])


def _outputs(contract: ModelContract, model: OnnxModel) -> Iterator[str]:
    given = dict(zip(("label", "probability"), model.outputs, strict=True))
    for field in contract.outputs:
        if field.name not in given:
            yield f"the contract declares the output {field.name}, but a classifier gives label and probability"
        elif field.datatype != given[field.name].datatype:
            yield f"output {field.name}: the contract declares {field.datatype}, the model gives {given[field.name].datatype}"


def _difference(side: str, field: Field, tensor: Tensor) -> Iterator[str]:
    if field.datatype != tensor.datatype:
        yield f"{side} {field.name}: the contract declares {field.datatype}, the model takes {tensor.datatype}"
    if field.width != tensor.width:
        yield f"{side} {field.name}: the contract declares {field.width} values a row, the model takes {tensor.width}"


def _scores(found: Predictions, rows: int) -> Iterator[str]:
    if len(found.label) != rows or len(found.score) != rows:
        yield f"{rows} rows gave {len(found.label)} labels and {len(found.score)} probabilities"
    wrong = np.flatnonzero(~((found.score >= 0) & (found.score <= 1)))
    if wrong.size:
        row = int(wrong[0])
        yield f"{wrong.size} probabilities are not between 0 and 1, first: {found.score[row]} in row {row}"


def _repeated(parameters: ContractCheck, model: OnnxModel, rows: Table, found: Predictions) -> Iterator[str]:
    again = model.predict(rows.columns)
    if not np.array_equal(again.score, found.score, equal_nan=True) or not np.array_equal(again.label, found.label):
        yield "the same rows gave other predictions the second time"
    for row in range(min(rows.rows, _SINGLES)):
        alone = model.predict(rows.take(slice(row, row + 1)).columns)
        if len(alone.score) != 1 or abs(float(alone.score[0] - found.score[row])) > parameters.tolerance:
            yield f"row {row} alone gives another probability than in a batch"
            return

"""From a trained model to a registered version with its evidence: what every author does, whichever the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clearance.checks.model import StoredResult
from clearance.demo.data import Split
from clearance.demo.graph import Trained, export
from clearance.demo.provenance import provenance
from clearance.demo.story import Stage
from clearance.registry.model import Dataset, Version

if TYPE_CHECKING:
    from clearance.checks.model import Figure


@dataclass(frozen=True)
class Candidate:
    """A model that wants to be a version."""

    model: str
    trained: Trained
    rows: Split
    label: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Submitted:
    """A registered version, and what its checks found, by check."""

    version: Version
    results: Mapping[str, StoredResult]

    def verdicts(self) -> dict[str, str]:
        """Return the verdict of each check."""
        return {name: stored.result.verdict.value for name, stored in self.results.items()}

    def figure(self, check: str, name: str) -> Figure:
        """Return a figure of a check; it must have it."""
        return next(figure for figure in self.results[check].result.figures if figure.name == name)


def register_data(stage: Stage, name: str, rows: Split, *, time_column: str | None = None) -> tuple[Dataset, Dataset]:
    """Register training and holdout data; the server reads schema, rows and time range from the bytes."""
    training = stage.alice.datasets.register(rows.training_file, name=f"{name}-training", time_column=time_column)
    holdout = stage.alice.datasets.register(rows.holdout_file, name=f"{name}-holdout", time_column=time_column)
    return training, holdout


def submit(
    stage: Stage,
    candidate: Candidate,
    data: tuple[Dataset, Dataset],
    *,
    folder: str,
    suite: str = "",
    document: str = "",
) -> Submitted:
    """Export, register, check and sign, as Alice.

    Args:
        stage: of the story.
        candidate: what to submit.
        data: its training and holdout datasets, registered.
        folder: name of the folder to export into.
        suite: name of a suite that comes with Clearance, or
        document: the text of one's own.
    """
    alice, narrator = stage.alice, stage.narrator
    tree = stage.folder / "models" / folder
    training, holdout = data
    with narrator.waiting("exporting to ONNX, and comparing both on every row of the holdout"):
        export(candidate.trained, tree / "model.onnx", candidate.rows.holdout)
    story = provenance(training, holdout, parameters=candidate.parameters, metrics=_metrics(candidate))
    with narrator.waiting("registering: files by digest, contract, provenance"):
        version = alice.versions.register(candidate.model, tree, contract=candidate.trained.contract, provenance=story)
    with narrator.waiting(f"checking {version.name}: every result becomes a signed statement"):
        roles = {"holdout": holdout.digest} | ({"training": training.digest} if suite else {})
        run = alice.checks.run(version.model, version.number, suite=suite, document=document, datasets=roles)
    with narrator.waiting("signing the artifact in the OpenSSF format"):
        alice.evidence.sign(version.model, version.number)
    return Submitted(version, {stored.result.check: stored for stored in run.results})


def show_checks(stage: Stage, submitted: Submitted) -> None:
    """Show what the checks found."""
    stage.narrator.table(
        ("check", "verdict", "because"),
        [(name, stored.result.verdict.value, stored.result.reason) for name, stored in submitted.results.items()],
    )


def _metrics(candidate: Candidate) -> dict[str, float]:
    """Return what the author measured on the holdout, to be compared with what the checks measure."""
    from sklearn.metrics import accuracy_score, roc_auc_score

    rows = candidate.rows.holdout
    truth, probability = rows[candidate.label].to_numpy(), candidate.trained.probability(rows)
    return {
        "auc": float(roc_auc_score(truth, probability)),
        "accuracy": float(accuracy_score(truth, probability >= candidate.trained.threshold)),
    }

"""Suites over registered versions, on both databases: signed results, and nothing half written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.checks import service
from clearance.checks.model import NewRun, SuiteRun
from clearance.clock import FixedClock
from clearance.errors import InvalidInput, NotFound, VerificationFailed
from clearance.evidence import service as evidence
from clearance.evidence.predicates import CHECK
from clearance.evidence.statement import about
from clearance.registry import dataset_file
from clearance.registry import service as registry
from clearance.registry.model import DatasetRole, DatasetUse, File, NewModel, NewVersion, Provenance, Version
from clearance.statistics.verdicts import Verdict
from tests.checks.loans import CONTRACT, SUITE, parquet
from tests.conftest import person
from tests.sdk.onnx_models import loan_model

ADA = person("ada")


def dataset(parts: Clearance, path: Path) -> str:
    digest, _size = parts.blobs.put([path.read_bytes()])
    contents = dataset_file.inspect(parts.blobs, digest)
    with parts.database.write() as tx:
        return registry.register_dataset(tx, ADA, contents, name=path.stem).digest


@pytest.fixture
def training(parts: Clearance, tmp_path: Path) -> str:
    return dataset(parts, parquet(tmp_path / "training.parquet", seed=7))


@pytest.fixture
def holdout(parts: Clearance, tmp_path: Path) -> str:
    return dataset(parts, parquet(tmp_path / "holdout.parquet"))


@pytest.fixture
def version(parts: Clearance, training: str) -> Version:
    return register(parts, training)


def register(parts: Clearance, training: str) -> Version:
    """Register loans/1, which names its training data if there is any."""
    digest, size = parts.blobs.put([loan_model()])
    uses = (DatasetUse(role=DatasetRole.TRAINING, digest=training, name="training"),) if training else ()
    new = NewVersion(
        files=(File(path="model.onnx", size=size, sha256=digest),),
        contract=CONTRACT,
        provenance=Provenance(datasets=uses),
    )
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="loans", owner="ada"))
        return registry.register_version(tx, ADA, parts.blobs, "loans", new)


def run(parts: Clearance, new: NewRun) -> SuiteRun:
    with parts.database.read() as tx:
        plan = service.plan_suite(tx, "loans", 1, new)
    results = service.run_suite(plan, parts.blobs, parts.scratch())
    with parts.database.write() as tx:
        return service.store_results(tx, ADA, parts.keyring, plan, results)


def test_every_result_becomes_a_signed_statement_about_the_version_in_the_log(
    parts: Clearance, version: Version, holdout: str, training: str
) -> None:
    made = run(parts, NewRun(document=SUITE, datasets={"holdout": holdout}))
    assert {each.result.check: each.result.verdict for each in made.results} == dict.fromkeys(
        ["data", "performance", "fairness", "artifact_safety", "contract", "latency"], Verdict.PASSED
    ), made
    with parts.database.read() as tx:
        statements = evidence.statements(tx, "loans", 1, CHECK)
        leaves = log.entries(tx, subject="model/loans/1", event=Event.STATEMENT_ADDED).items
        assert service.list_results(tx, "loans", 1) == tuple(sorted(made.results, key=lambda each: each.result.check))
    assert len(statements) == len(leaves) == 6
    predicates = {each.predicate["check"]: each.predicate for each in statements}
    data = predicates["data"]
    assert data["suite"]["name"] == "loans"
    assert data["inputs"]["artifact"] == version.digest
    assert data["inputs"]["datasets"] == {"holdout": holdout, "training": training}
    assert data["inputs"]["code"].startswith("clearance ")
    assert data["parameters"]["label"] == "repaid"
    assert data["finished_at"] == "2026-01-05T09:00:00.000000Z"
    auc = next(each for each in predicates["performance"]["figures"] if each["name"] == "auc")
    assert auc["slice"] is None
    assert auc["low"] < auc["value"] < auc["high"]
    assert list(parts.scratch().iterdir()) == []


def test_the_newest_result_of_a_check_counts(
    parts: Clearance, version: Version, holdout: str, clock: FixedClock
) -> None:
    run(parts, NewRun(document=SUITE, datasets={"holdout": holdout}))
    clock.advance(timedelta(hours=1))
    strict = SUITE.replace("auc, minimum: 0.6", "auc, minimum: 0.999")
    run(parts, NewRun(document=strict, datasets={"holdout": holdout}))
    with parts.database.read() as tx:
        found = {each.result.check: each for each in service.list_results(tx, "loans", 1)}
    assert len(found) == 6
    assert found["performance"].result.verdict is Verdict.FAILED
    assert found["performance"].added_at == clock.now()


def test_a_run_without_its_data_is_refused_and_replaces_no_earlier_result(
    sqlite_parts: Clearance, tmp_path: Path
) -> None:
    parts = sqlite_parts
    roles = {
        "holdout": dataset(parts, parquet(tmp_path / "holdout.parquet")),
        "training": dataset(parts, parquet(tmp_path / "training.parquet", seed=7)),
    }
    register(parts, "")
    run(parts, NewRun(document=SUITE, datasets=roles))
    with parts.database.read() as tx:
        before = service.list_results(tx, "loans", 1)
    with pytest.raises(InvalidInput, match="which the checks data, performance, fairness, contract, latency read") as e:
        run(parts, NewRun(document=SUITE, datasets={"training": roles["training"]}))
    assert e.value.code == "datasets_missing"
    assert e.value.hint == "give --data holdout=FILE; or run only what needs none of it: --only artifact_safety"
    with pytest.raises(InvalidInput, match="'training', which the check data reads"):
        run(parts, NewRun(document=SUITE, datasets={"holdout": roles["holdout"]}))
    with parts.database.read() as tx:
        assert service.list_results(tx, "loans", 1) == before
    assert {each.result.verdict for each in before} == {Verdict.PASSED}


def test_only_the_checks_that_are_named_run_and_the_others_results_stay(
    parts: Clearance, version: Version, holdout: str, clock: FixedClock
) -> None:
    run(parts, NewRun(document=SUITE, datasets={"holdout": holdout}))
    clock.advance(timedelta(hours=1))
    made = run(parts, NewRun(document=SUITE, only=("artifact_safety",)))
    assert [each.result.check for each in made.results] == ["artifact_safety"]
    with parts.database.read() as tx:
        found = {each.result.check: each.added_at for each in service.list_results(tx, "loans", 1)}
    assert [check for check, at in found.items() if at == clock.now()] == ["artifact_safety"]
    assert len(found) == 6


@pytest.mark.parametrize(
    ("new", "kind", "code"),
    [
        (NewRun(), InvalidInput, "suite_ambiguous"),
        (NewRun(suite="lending", document=SUITE), InvalidInput, "suite_ambiguous"),
        (NewRun(suite="nonsense"), NotFound, "suite_not_found"),
        (NewRun(document="name: ["), InvalidInput, "suite_invalid"),
        (NewRun(document=SUITE, only=("speed",)), InvalidInput, "unknown_check"),
        (NewRun(document=SUITE), InvalidInput, "datasets_missing"),
        (NewRun(document=SUITE, datasets={"holdouts": "sha256:" + "0" * 64}), InvalidInput, "unknown_role"),
        (NewRun(document=SUITE, datasets={"holdout": "sha256:" + "0" * 64}), NotFound, "dataset_not_found"),
        (NewRun(document=SUITE, datasets={"holdout": "nonsense"}), InvalidInput, "bad_digest"),
    ],
)
def test_a_run_that_can_not_be_is_refused_before_it_starts(
    parts: Clearance, version: Version, new: NewRun, kind: type[Exception], code: str
) -> None:
    with parts.database.read() as tx, pytest.raises(kind) as caught:
        service.plan_suite(tx, "loans", 1, new)
    assert getattr(caught.value, "code", None) == code


def test_an_unknown_version_is_refused(parts: Clearance, version: Version) -> None:
    with parts.database.read() as tx, pytest.raises(NotFound):
        service.plan_suite(tx, "loans", 2, NewRun(document=SUITE))


@pytest.mark.parametrize("what", ["artifact", "dataset"])
def test_a_flipped_byte_stops_the_run_and_leaves_nothing(
    parts: Clearance, version: Version, holdout: str, what: str
) -> None:
    path = parts.blobs.path(version.files[0].sha256 if what == "artifact" else holdout)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(VerificationFailed) as caught:
        run(parts, NewRun(document=SUITE, datasets={"holdout": holdout}))
    assert caught.value.code == "blob_corrupt"
    assert list(parts.scratch().iterdir()) == []
    with parts.database.read() as tx:
        assert service.list_results(tx, "loans", 1) == ()


def test_training_data_that_is_not_registered_is_simply_not_there(
    parts: Clearance, version: Version, holdout: str
) -> None:
    with parts.database.read() as tx:
        plan = service.plan_suite(tx, "loans", 1, NewRun(document=SUITE, datasets={"holdout": holdout}))
    without = replace(plan, datasets={"holdout": plan.datasets["holdout"]})
    results = service.run_suite(without, parts.blobs, parts.scratch())
    assert results[0].verdict is Verdict.NOT_MEASURED


def test_a_statement_from_elsewhere_whose_figures_can_not_be_read_counts_as_not_measured(
    parts: Clearance, version: Version
) -> None:
    predicate = {
        "check": "performance",
        "suite": {"name": "theirs", "digest": "sha256:0"},
        "verdict": "passed",
        "reason": "trust us",
        "figures": [{"name": "auc", "value": "high"}],
        "inputs": {},
        "finished_at": "2026-01-05T09:00:00Z",
    }
    with parts.database.write() as tx:
        evidence.sign_and_add(tx, ADA, parts.keyring, about("loans", 1, version.digest, CHECK, predicate))
    with parts.database.read() as tx:
        (found,) = service.list_results(tx, "loans", 1)
    assert found.result.verdict is Verdict.NOT_MEASURED
    assert "figures.0.value" in found.result.reason

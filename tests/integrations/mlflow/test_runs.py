"""The run of a version that no client named is read from the description that MLflow put beside its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clearance.app import Clearance
from clearance.client.client import Client
from clearance.integrations.mlflow.runs import run_in
from clearance.registry.source import Source, SourceKind
from tests.conftest import person
from tests.integrations.mlflow.calls import Registry, registry_of

RUN = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
SAID = f"flavors:\n  sklearn: {{pickled_model: model.pkl}}\nmodel_id: m-1\nrun_id: {RUN}\n".encode()
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def mlflow(sqlite_parts: Clearance) -> Iterator[Registry]:
    made = registry_of(sqlite_parts, person("ada"))
    yield made
    made.http.close()


@pytest.mark.parametrize(
    ("description", "run"),
    [
        (SAID, RUN),
        (b"run_id: 12345678901234567890123456789012", "12345678901234567890123456789012"),
        (b"run_id: 123e5", "123e5"),
        (b"run_id: ''", ""),
        (b"run_id: ", ""),
        (b"run_id: [a]", ""),
        (b"run_id: '../../etc'", ""),
        (b"run_id: " + b"a" * 257, ""),
        (b"model_id: m-1", ""),
        (b"- run_id", ""),
        (b"", ""),
        (b"run_id: {", ""),
        (b"\xff\xfe\x00\xd8", ""),
        (b"run_id: \x00", ""),
        (b"[" * 100_000, ""),
        (b"a:\n  run_id: inner\nb: [run_id, x]\nrun_id: outer\n", "outer"),
        (b"{run_id: flow}", "flow"),
        (b"x: run_id\ny: z", ""),
        (b"? {a: b}\n: run_id\nrun_id: late", "late"),
        (b"a: &a run_id\n*a : x\nrun_id: last", "last"),
    ],
)
def test_a_description_names_its_run_or_none(description: bytes, run: str) -> None:
    assert run_in(description) == run


def test_a_version_of_files_that_are_here_has_the_run_that_they_name_and_is_found_by_it(mlflow: Registry) -> None:
    assert mlflow.http.put(f"{ARTIFACTS}/1/model/MLmodel", content=SAID).status_code == 200
    mlflow.create("How to")
    assert mlflow.add("How to", "mlflow-artifacts:/1/model").version["run_id"] == RUN
    assert mlflow.add("How to", "models:/How to/1").version["run_id"] == RUN
    assert mlflow.search("model-versions", f"run_id='{RUN}'").names == [("How to", "2"), ("How to", "1")]


def test_a_run_that_the_client_names_is_the_one(mlflow: Registry) -> None:
    mlflow.http.put(f"{ARTIFACTS}/1/model/MLmodel", content=SAID)
    mlflow.create("How to")
    assert mlflow.add("How to", "mlflow-artifacts:/1/model", run_id="another").version["run_id"] == "another"


def test_a_version_gets_its_run_when_its_bytes_are_pinned(client: Client, mlflow: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_bytes(SAID)
    mlflow.create("Car loan")
    mlflow.add("Car loan", "models:/m-1", model_id="m-1")
    mlflow.add("Car loan", "runs:/another/model", run_id="another")
    client.versions.refer("car-loan", Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model"))
    assert mlflow.get_version("Car loan", 1).version["run_id"] == ""
    for number, run in ((1, RUN), (2, "another"), (3, RUN)):
        client.versions.pin("car-loan", number, folder)
        assert mlflow.get_version("Car loan", number).version["run_id"] == run

"""Artifacts with the real client, against a real server: logged, registered with their digest at once, loaded again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clearance.registry.source import SourceKind
from tests.integrations.mlflow.real import MlflowServer, run_script
from tests.server.process import Server

_TRAIN = """
    import json, os, mlflow, numpy, sklearn.linear_model
    from pathlib import Path
    mlflow.set_tracking_uri(os.environ["TRACKING"])
    mlflow.set_registry_uri(os.environ["REGISTRY"])
    name = "at-clearance"
    if mlflow.get_experiment_by_name(name) is None:
        mlflow.create_experiment(name, artifact_location=os.environ["LOCATION"] or None)
    mlflow.set_experiment(name)
    x, y = numpy.array([[0.0], [1.0], [2.0], [3.0]]), numpy.array([0, 0, 1, 1])
    model = sklearn.linear_model.LogisticRegression().fit(x, y)
    with mlflow.start_run() as run:
        mlflow.log_text("what was done", "notes/größe & more.txt")
        mlflow.log_text("deep", "notes/one/two/three.txt")
        logged = mlflow.sklearn.log_model(model, name="model", registered_model_name="Car loan")
    mlflow.MlflowClient().set_registered_model_alias("Car loan", "fresh", logged.registered_model_version)
    loaded = mlflow.pyfunc.load_model("models:/Car loan@fresh")
    folder = mlflow.artifacts.download_artifacts("models:/Car loan/1", dst_path="got")
    print(json.dumps({
        "predictions": loaded.predict(x).tolist(),
        "files": sorted(os.listdir(folder)),
        "tree": sorted(p.name for p in Path(mlflow.artifacts.download_artifacts(
            run.info.artifact_uri + "/notes", dst_path="tree")).rglob("*")),
        "note": mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/größe & more.txt"),
        "run": run.info.run_id,
        "run of the version": mlflow.MlflowClient().get_model_version("Car loan", "1").run_id,
        "of the run": [v.version for v in mlflow.MlflowClient().search_model_versions(f"run_id='{run.info.run_id}'")],
    }))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "home")
    made.start()
    yield made
    made.close()


def check(server: Server, found: dict[str, Any]) -> None:
    """Hold what the script saw against what Clearance has."""
    assert found["predictions"] == [0, 0, 1, 1]
    assert found["run of the version"] == found["run"]
    assert found["of the run"] == ["1"]
    assert found["note"] == "what was done"
    assert found["tree"] == ["größe & more.txt", "one", "three.txt", "two"]
    with server.client() as client:
        version = client.versions.get("car-loan", 1)
    assert version.source.kind is SourceKind.FILES
    assert version.digest.startswith("sha256:")
    names = {file.path for file in version.files}
    assert {"MLmodel", "model.pkl"} <= names or {"MLmodel", "model.skops"} <= names
    added = {"registered_model_meta"}  # by MLflow's client, to what it has downloaded
    assert set(found["files"]) - added == {name.partition("/")[0] for name in names}
    assert not list((server.parts.settings.artifacts / "incoming").iterdir())


def test_a_model_logged_by_the_client_alone_is_uploaded_registered_with_its_digest_and_loaded(
    server: Server, tmp_path: Path
) -> None:
    found = run_script(
        _TRAIN,
        tmp_path,
        TRACKING=f"sqlite:///{tmp_path / 'runs.db'}",
        REGISTRY=server.url,
        LOCATION=f"{server.url}/api/2.0/mlflow-artifacts/artifacts/team-a",
        MLFLOW_TRACKING_TOKEN=server.token,
    )
    check(server, found)


def test_a_model_logged_at_a_tracking_server_whose_artifacts_lie_here_is_registered_with_its_digest(
    server: Server, tmp_path: Path
) -> None:
    root = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/tracked"
    with MlflowServer(tmp_path, artifacts=root) as tracking:
        found = run_script(
            _TRAIN,
            tmp_path,
            TRACKING=tracking.url,
            REGISTRY=server.url,
            LOCATION="",
            MLFLOW_TRACKING_TOKEN=server.token,
        )
    check(server, found)


def test_an_upload_that_breaks_off_leaves_what_was_there_and_nothing_else(server: Server) -> None:
    path = "/api/2.0/mlflow-artifacts/artifacts/1/model"
    known = {"authorization": f"Bearer {server.token}"}
    assert httpx.put(server.url + path, content=b"whole", headers=known).status_code == 200
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        head = f"PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.token}\r\ncontent-length: 99999999\r\n\r\n"
        line.sendall(head.encode() + b"x" * 3_000_000)
        server.wait_for(lambda: list((server.parts.settings.artifacts / "incoming").iterdir()))
    server.wait_for(lambda: not list((server.parts.settings.artifacts / "incoming").iterdir()))
    assert httpx.get(server.url + path, headers=known).content == b"whole"


def test_an_upload_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    server = Server(tmp_path / "home", max_upload_mb="1")
    server.start()
    try:
        answer = httpx.put(
            f"{server.url}/api/2.0/mlflow-artifacts/artifacts/1/model",
            content=b"x" * (2 << 20),
            headers={"authorization": f"Bearer {server.token}"},
        )
        assert answer.status_code == 400
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        assert "CLEARANCE_MAX_UPLOAD_MB" in answer.json()["message"]
    finally:
        server.close()

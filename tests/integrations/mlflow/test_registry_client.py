"""The registry with MLflow's own client, against a real Clearance server, with the runs at a real MLflow server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from clearance.policy import service as policy
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import Risk
from tests.conftest import person
from tests.delivery.conftest import PACK
from tests.integrations.mlflow.calls import PREFIX, Registry
from tests.integrations.mlflow.real import MlflowServer, run_script
from tests.policy.registered import approve, ready, register
from tests.server.process import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "home")
    made.start()
    yield made
    made.close()


def told(server: Server, script: str, folder: Path, tracking: str = "") -> Any:
    """Run a script of somebody whose registry is the server; `found` in it is what is returned."""
    head = """
    import json, os, mlflow
    from mlflow.exceptions import MlflowException
    mlflow.set_tracking_uri(os.environ["TRACKING"])
    mlflow.set_registry_uri(os.environ["REGISTRY"])
    client = mlflow.MlflowClient()
    found = {}

    def refused(call, *arguments, **named):
        try:
            call(*arguments, **named)
        except MlflowException as error:
            return [error.error_code, error.message, error.json.get("clearance", {}).get("code")]
        return ["OK"]
    """
    return run_script(
        head + script + "\n    print(json.dumps(found))\n",
        folder,
        TRACKING=tracking or f"sqlite:///{folder / 'runs.db'}",
        REGISTRY=server.url,
        MLFLOW_TRACKING_TOKEN=server.token,
    )


def test_models_of_runs_at_a_tracking_server_are_registered_copied_and_loaded(server: Server, tmp_path: Path) -> None:
    with MlflowServer(tmp_path) as tracking:
        found = told(
            server,
            """
    import numpy, sklearn.linear_model
    x, y = numpy.array([[0.0], [1.0], [2.0], [3.0]]), numpy.array([0, 0, 1, 1])
    model = sklearn.linear_model.LogisticRegression().fit(x, y)
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(model, name="model", registered_model_name="Car loan")
    by_run = mlflow.register_model(f"runs:/{run.info.run_id}/model", "Car loan", tags={"by": "run"})
    by_id = mlflow.register_model(f"models:/{logged.model_id}", "Other")
    copy = client.copy_model_version("models:/Car loan/2", "Copies")
    client.set_registered_model_alias("Car loan", "fresh", by_run.version)
    uris = ["models:/Car loan@fresh", "models:/Car loan/1", "models:/Car loan/latest", "models:/Other/1", "models:/Copies/1"]
    found["predictions"] = [mlflow.pyfunc.load_model(uri).predict(x).tolist() for uri in uris]
    found["run"] = [run.info.run_id, by_run.run_id, by_id.source, copy.source]
    found["versions"] = [version.version for version in client.search_model_versions("name = 'Car loan'")]
    found["named"] = [model.name for model in client.search_registered_models("name ILIKE 'C%'")]
    """,
            tmp_path,
            tracking.url,
        )
    assert found["predictions"] == [[0, 0, 1, 1]] * 5
    assert found["run"][0] == found["run"][1]
    assert found["run"][2].startswith("models:/m-")
    assert found["run"][3] == "models:/Car loan/2"
    assert found["versions"] == ["2", "1"]
    assert found["named"] == ["Car loan", "Copies"]
    with server.parts.database.read() as tx:
        assert [registry.get_version(tx, "car-loan", number).digest for number in (1, 2)] == ["", ""]
        assert registry.get_version(tx, "copies", 1).provenance.parents == ("car-loan/2",)


def test_the_whole_life_of_a_model_goes_through_the_client(server: Server, tmp_path: Path) -> None:
    with server.parts.database.write() as tx:
        policy.install_pack(tx, person("root"), PackSource(source=PACK))
    found = told(
        server,
        """
    client.create_registered_model("Größe", tags={"team": "risk"}, description="first")
    client.update_registered_model("Größe", "second")
    version = client.create_model_version("Größe", "s3://bucket/model", run_id="abc", run_link="http://r", description="d")
    client.update_model_version("Größe", "1", "e")
    client.set_model_version_tag("Größe", "1", "a/b c", "ü")
    client.set_registered_model_tag("Größe", "k", "v")
    client.rename_registered_model("Größe", "Size")
    model, version = client.get_registered_model("Size"), client.get_model_version("Size", "1")
    found["model"] = [model.name, model.description, model.tags, model.latest_versions[0].version]
    found["version"] = [version.run_id, version.run_link, version.description, version.tags, version.status, version.source]
    found["times"] = [model.creation_timestamp, version.last_updated_timestamp]
    client.delete_model_version_tag("Size", "1", "a/b c")
    client.delete_registered_model_tag("Size", "k")
    found["tags"] = [client.get_registered_model("Size").tags, client.get_model_version("Size", "1").tags]
    found["archived"] = client.transition_model_version_stage("Size", "1", "Archived").current_stage
    found["unpinned"] = refused(client.transition_model_version_stage, "Size", "1", "Production")
    found["missing"] = refused(client.get_registered_model, "Größe")
    found["taken"] = refused(client.create_registered_model, "Size")
    client.delete_model_version("Size", "1")
    found["deleted"] = refused(client.get_model_version, "Size", "1")
    client.delete_registered_model("Size")
    found["gone"] = [len(client.search_registered_models()), refused(client.get_registered_model, "Size")]
    client.create_registered_model("Size")
    """,
        tmp_path,
    )
    assert found["model"] == ["Size", "second", {"team": "risk", "k": "v"}, "1"]
    assert found["version"] == ["abc", "http://r", "e", {"a/b c": "ü"}, "READY", "s3://bucket/model"]
    assert 1.7e12 < found["times"][0] <= found["times"][1] < 1e13
    assert found["tags"] == [{"team": "risk"}, {}]
    assert found["archived"] == "Archived"
    assert found["unpinned"][0] == "PERMISSION_DENIED"
    assert found["unpinned"][2] == "version_unpinned"
    assert found["missing"][:2] == [
        "RESOURCE_DOES_NOT_EXIST",
        "RESOURCE_DOES_NOT_EXIST: Registered Model with name=Größe not found",
    ]
    assert found["taken"][0] == "RESOURCE_ALREADY_EXISTS"
    assert found["deleted"][0] == "RESOURCE_DOES_NOT_EXIST"
    assert found["gone"][0] == 0


def test_a_guarded_move_tells_the_client_which_rules_fail_or_whom_it_waits_for(server: Server, tmp_path: Path) -> None:
    register(server.parts, "denied")
    ready(server.parts, "waiting", Risk.FULL)
    script = """
    found["denied"] = refused(client.set_registered_model_alias, "denied", "champion", "1")
    found["stage"] = refused(client.transition_model_version_stage, "denied", "1", "Production")
    found["waiting"] = refused(client.set_registered_model_alias, "waiting", "champion", "1")
    found["free"] = refused(client.set_registered_model_alias, "denied", "tried", "1")
    """
    found = told(server, script, tmp_path)
    for word, message, code in (found["denied"], found["stage"]):
        assert (word, code) == ("PERMISSION_DENIED", "promotion_denied")
        assert "rules do not hold" in message
        assert "clearance evidence sign denied 1" in message
    word, message, code = found["waiting"]
    assert (word, code) == ("PERMISSION_DENIED", "promotion_pending")
    assert f"{server.url}/approvals" in message
    assert found["free"] == ["OK"]
    with server.parts.database.read() as tx:
        open_one = policy.list_approvals(tx, person("root")).items[0]
    assert open_one.id in message
    approve(server.parts, open_one.id)
    script = """
    client.set_registered_model_alias("waiting", "champion", "1")
    version = client.get_model_version_by_alias("waiting", "champion")
    found["now"] = [version.version, version.current_stage, list(version.aliases)]
    """
    assert told(server, script, tmp_path)["now"] == ["1", "Production", ["champion"]]


def test_prompts_are_kept_and_loaded(server: Server, tmp_path: Path) -> None:
    found = told(
        server,
        """
    mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}", commit_message="first", tags={"a": "b"})
    mlflow.genai.register_prompt(name="greeting", template="Hi {{name}}")
    mlflow.genai.set_prompt_alias("greeting", alias="now", version=1)
    mlflow.genai.set_prompt_alias("greeting", "production", 2)
    found["served"] = mlflow.genai.load_prompt("prompts:/greeting@production").template
    found["said"] = mlflow.genai.load_prompt("prompts:/greeting@now").format(name="Ada")
    found["newest"] = mlflow.genai.load_prompt("greeting").template
    found["models"] = len(client.search_registered_models())
    found["prompts"] = [prompt.name for prompt in mlflow.genai.search_prompts()]
    """,
        tmp_path,
    )
    assert found.pop("served") == "Hi {{name}}"
    assert found == {"said": "Hello Ada", "newest": "Hi {{name}}", "models": 0, "prompts": ["greeting"]}


def test_somebody_unknown_is_told_so_and_no_more(server: Server, tmp_path: Path) -> None:
    server.token = "clr.nobody.nothing"  # no secret
    found = told(server, 'found["why"] = refused(client.search_registered_models)', tmp_path)
    assert found["why"][0] == "UNAUTHENTICATED"
    assert "token" in found["why"][1]


def test_versions_created_at_once_get_each_a_number_of_their_own(server: Server) -> None:
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {server.token}"}, timeout=60) as http:
        mlflow = Registry(http)
        mlflow.create("busy")

        def add(number: int) -> int:
            sent = {"name": "busy", "source": f"s3://bucket/{number}", "run_id": f"r{number}"}
            answer = http.post(f"{PREFIX}model-versions/create", json=sent)
            assert answer.status_code == 200, answer.text
            return int(answer.json()["model_version"]["version"])

        with ThreadPoolExecutor(16) as pool:
            numbers = list(pool.map(add, range(80)))
        assert sorted(numbers) == list(range(1, 81))
        for number, run in zip(numbers, range(80), strict=True):
            assert mlflow.get_version("busy", number).version["run_id"] == f"r{run}"

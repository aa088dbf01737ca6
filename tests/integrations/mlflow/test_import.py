"""A registry is taken over from a real MLflow server: whole, once, with its numbers, also when it is broken off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clearance.app import Clearance
from clearance.audit import log
from clearance.client.client import Client
from clearance.client.mlflow import ImportReport
from clearance.client.mlflow_server import MlflowServer as Origin
from clearance.delivery import service as delivery
from clearance.errors import Conflict, InvalidInput, NotFound, Unavailable
from clearance.integrations.mlflow.importing import service
from clearance.integrations.mlflow.importing.model import OriginalModel, OriginalVersion
from clearance.registry import service as registry
from clearance.registry.model import ModelChange, ModelKind, NewModel, VersionStatus
from clearance.registry.source import Source, SourceKind
from clearance.settings import load
from tests.conftest import person
from tests.integrations.mlflow.real import MlflowServer, run_script

ADA = person("ada")
BORN = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
ORIGIN = "http://old:5000"
_FILL = """
    import json, os, mlflow, numpy, sklearn.linear_model
    mlflow.set_tracking_uri(os.environ["ORIGIN"])
    client = mlflow.MlflowClient()
    x, y = numpy.array([[0.0], [1.0], [2.0], [3.0]]), numpy.array([0, 0, 1, 1])
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(sklearn.linear_model.LogisticRegression().fit(x, y), name="model",
                                 registered_model_name="Car loan – größe")
        mlflow.log_text("weights", "plain/sub folder/wëights.txt")
    root = run.info.artifact_uri
    name = "Car loan – größe"
    for n in range(4):  # 2 to 5, of which 3 and 4 go
        client.create_model_version(name, f"runs:/{run.info.run_id}/plain", run_id=run.info.run_id,
                                    tags={"n": str(n)}, description=f"the {n}th")
    client.delete_model_version(name, "3")
    client.delete_model_version(name, "4")
    client.set_registered_model_alias(name, "fresh", "2")
    client.set_registered_model_alias(name, "champion", "5")
    client.transition_model_version_stage(name, "1", "Archived")
    client.transition_model_version_stage(name, "2", "Production")
    client.update_registered_model(name, "decides about loans")
    client.set_registered_model_tag(name, "team", "lending")
    client.create_registered_model("it's quoted")
    client.create_model_version("it's quoted", "s3://bucket/elsewhere")
    client.create_registered_model("empty")
    client.create_registered_model("wordy", description="x" * 20_001)
    client.create_model_version("wordy", f"runs:/{run.info.run_id}/plain", run_id=run.info.run_id)
    mlflow.genai.register_prompt("chat", "Say {{what}}")
    mlflow.genai.register_prompt("chat", "Say {{what}} now", tags={"tone": "hasty"})
    mlflow.genai.set_prompt_alias("chat", "production", 2)
    for m in range(20):
        client.create_registered_model(f"model {m:02}")
        for v in range(2):
            client.create_model_version(f"model {m:02}", f"runs:/{run.info.run_id}/plain", run_id=run.info.run_id)
    print(json.dumps({"run": run.info.run_id}))
"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A real MLflow server with 24 models, a prompt, and 49 versions: its address, and the run that they come from."""
    folder = tmp_path_factory.mktemp("origin")
    with MlflowServer(folder) as server:
        yield server.url, run_script(_FILL, folder, ORIGIN=server.url)["run"]


def take(client: Client, url: str, **more: Any) -> ImportReport:
    with Origin(url) as server:
        return client.mlflow.import_registry(server, **more)


def test_a_registry_comes_whole_with_its_numbers_and_its_bytes_and_only_once(
    sqlite_parts: Clearance, client: Client, origin: tuple[str, str]
) -> None:
    url, run = origin
    report = take(client, url, artifacts=True)
    assert (report.models, report.versions, report.present) == (25, 47, 0)
    assert report.pinned == 44
    assert [remark.name for remark in report.skipped] == ["it's quoted/1"]
    assert "does not hand out what lies at s3://bucket/elsewhere" in report.skipped[0].why
    assert {remark.name for remark in report.left} == {"Car loan – größe/2", "Car loan – größe/5", "wordy"}
    found = {version.number: version for version in client.versions.list(_named(client, "Car loan – größe"))}
    assert [found[number].status for number in (1, 2, 3, 4, 5)] == [
        VersionStatus.REGISTERED,
        VersionStatus.REGISTERED,
        VersionStatus.DELETED,
        VersionStatus.DELETED,
        VersionStatus.REGISTERED,
    ]
    assert "MLmodel" in {file.path for file in found[1].files}
    assert [file.path for file in found[2].files] == ["sub folder/wëights.txt"]
    assert found[2].digest == found[5].digest
    told = client.http.client.get(
        "/api/2.0/mlflow/model-versions/get", params={"name": "Car loan – größe", "version": "2"}
    ).json()["model_version"]
    assert told["run_id"] == run
    assert told["description"] == "the 0th"
    assert told["aliases"] == ["fresh"]
    assert told["current_stage"] == "None"
    tags = {tag["key"]: tag["value"] for tag in told["tags"]}
    assert tags["n"] == "0"
    assert tags["imported.stage"] == "Production"
    assert tags["imported.from"] == url
    again = take(client, url, artifacts=True)
    assert (again.models, again.versions, again.pinned, again.present) == (0, 0, 0, 72)
    with sqlite_parts.database.read() as tx:
        events = log.entries(tx, subject=f"model/{found[2].model}/2").items
    imported = next(entry for entry in events if entry.event == "version.imported")
    assert imported.data["run_id"] == run
    assert imported.data["stage"] == "Production"
    assert imported.actor == "user:ada"


def test_an_import_that_is_killed_goes_on_and_doubles_nothing(origin: tuple[str, str], tmp_path: Path) -> None:
    url, _ = origin
    home = tmp_path / "home"
    command = [
        *(sys.executable, "-m", "clearance", "--home", str(home), "mlflow", "import", url),
        *("--with-artifacts", "--json"),
    ]
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("CLEARANCE_")}
    parts = Clearance(load({}, home=home))
    try:
        for enough in (8, 25):
            process = subprocess.Popen(command, env=inherited, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            assert process.stderr is not None
            deadline = time.monotonic() + 120
            while _count(parts) < enough:
                assert process.poll() is None, process.stderr.read().decode()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=30)
            process.stderr.close()
        ended = subprocess.run(command, env=inherited, capture_output=True, text=True, timeout=240, check=False)
        assert ended.returncode == 0, ended.stderr
        report = json.loads(ended.stdout)
        assert report["models"] + report["versions"] + report["present"] == 72
        assert report["present"] >= 25
        with parts.database.read() as tx:
            counted = tx.connection.exec_driver_sql(
                "select count(*), count(distinct model || '/' || number), sum(digest != ''), sum(status = 'deleted')"
                " from registry_versions"
            ).one()
            models = tx.connection.exec_driver_sql("select count(*) from registry_models").scalar()
            incoming = list((parts.settings.artifacts / "incoming").iterdir())
        assert tuple(counted) == (49, 49, 44, 2)
        assert models == 25
        assert len(incoming) <= 2, "what was on its way when the process was killed, for a day"
    finally:
        parts.close()


def test_a_version_that_refers_to_a_tracking_server_is_pinned_with_what_lies_there(
    client: Client, origin: tuple[str, str]
) -> None:
    url, run = origin
    client.models.create("car-loan", owner="ada")
    client.versions.refer("car-loan", Source(kind=SourceKind.REFERENCE, uri=f"runs:/{run}/plain"))
    with Origin(url) as server:
        made = client.mlflow.pin(server, "car-loan", 1)
        assert [file.path for file in made.files] == ["sub folder/wëights.txt"]
        assert made.digest.startswith("sha256:")
        with pytest.raises(Conflict) as caught:
            client.mlflow.pin(server, "car-loan", 1)
        assert caught.value.code == "version_pinned"
        client.versions.refer("car-loan", Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model"))
        with pytest.raises(NotFound) as refused:
            client.mlflow.pin(server, "car-loan", 2)
        assert refused.value.code == "not_proxied"


def test_the_command_tells_people_what_came_what_waits_for_them_and_what_did_not_come(
    origin: tuple[str, str], tmp_path: Path
) -> None:
    url, _ = origin
    command = [sys.executable, "-m", "clearance", "--home", str(tmp_path / "home"), "mlflow", "import", url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    assert f"from {url}: 25 models and 47 versions" in ended.stdout
    assert "Car loan – größe/2: it was Production there: `clearance promote` decides" in ended.stdout


def test_prompts_come_with_their_versions_tags_and_aliases(client: Client, origin: tuple[str, str]) -> None:
    take(client, origin[0], artifacts=True)
    prompt = client.models.get(_named(client, "chat"))
    assert prompt.kind is ModelKind.PROMPT
    assert [version.number for version in client.versions.list(prompt.name)] == [2, 1]
    assert client.tags.get(prompt.name, 2)["mlflow.prompt.text"] == "Say {{what}} now"
    assert client.tags.get(prompt.name, 2)["tone"] == "hasty"
    assert [(alias.name, alias.number) for alias in client.delivery.aliases(prompt.name)] == [("production", 2)]


def test_a_model_comes_with_what_of_its_description_has_room_and_that_is_told(
    client: Client, origin: tuple[str, str]
) -> None:
    report = take(client, origin[0])
    assert "20001 characters" in next(remark.why for remark in report.left if remark.name == "wordy")
    name = _named(client, "wordy")
    assert client.models.get(name).description == "x" * 20_000
    assert [version.number for version in client.versions.list(name)] == [1]


def test_a_model_whose_versions_can_not_be_asked_for_does_not_come_without_them(client: Client) -> None:
    class Quoted(Origin):
        def models(self) -> Iterator[dict[str, Any]]:
            times = {"creation_timestamp": 1, "last_updated_timestamp": 1}
            yield {"name": """it's "quoted\"""", **times}

    with Quoted("http://127.0.0.1:1") as server:
        report = client.mlflow.import_registry(server)
    assert [remark.name for remark in report.skipped] == ["""it's "quoted\""""]
    assert list(client.models.list()) == []


_MADE = """
    import os, mlflow
    mlflow.set_tracking_uri(os.environ["ORIGIN"])
    client = mlflow.MlflowClient()
    for name in ("Rep", "Moved"):
        client.create_registered_model(name)
        client.create_model_version(name, "s3://bucket/first")
    print("true")
"""
_MADE_ANEW = """
    import os, mlflow
    mlflow.set_tracking_uri(os.environ["ORIGIN"])
    client = mlflow.MlflowClient()
    client.delete_registered_model("Rep")
    client.rename_registered_model("Moved", "Moved away")
    for name in ("Rep", "Moved"):
        client.create_registered_model(name)
        client.create_model_version(name, "s3://bucket/second")
    print("true")
"""


def test_what_was_deleted_or_renamed_there_and_made_anew_is_told_and_does_not_pass_for_what_came(
    client: Client, tmp_path: Path
) -> None:
    with MlflowServer(tmp_path) as server:
        run_script(_MADE, tmp_path, ORIGIN=server.url)
        assert take(client, server.url).versions == 2
        run_script(_MADE_ANEW, tmp_path, ORIGIN=server.url)
        report = take(client, server.url)
    assert [remark.name for remark in report.skipped] == ["Moved", "Rep"]
    assert all("could not come: it is another one than came on 20" in remark.why for remark in report.skipped)
    assert (report.models, report.versions, report.present) == (1, 1, 0), "what was renamed comes under its new name"


def test_a_server_that_is_not_there_is_named_and_nothing_is_changed(client: Client) -> None:
    with pytest.raises(Unavailable, match="can't be reached"):
        take(client, "http://127.0.0.1:1")
    with pytest.raises(InvalidInput):
        Origin("ftp://old")
    assert list(client.models.list()) == []


def test_a_password_in_the_address_is_not_kept(client: Client) -> None:
    with Origin("http://ada:secret@old:5000/prefix/") as server:
        assert server.origin == "http://old:5000/prefix"


# Use cases, on both databases


def bring(parts: Clearance, number: int | None, name: str = "Loan", **more: Any) -> Any:
    more = {"created_at": BORN, "updated_at": BORN} | more
    with parts.database.write() as tx:
        if number is None:
            return service.import_model(tx, ADA, OriginalModel(origin=ORIGIN, name=name, **more))
        original = OriginalVersion(origin=ORIGIN, name=name, number=number, **more)
        return service.import_version(tx, ADA, parts.blobs, parts.gate, parts.guards, original)


def test_a_password_in_the_source_of_an_old_version_is_left_behind(parts: Clearance) -> None:
    model = bring(parts, None).model
    assert bring(parts, 1, source="https://ada:hush@old:5000/artifacts/1").made
    with parts.database.read() as tx:
        assert registry.get_version(tx, model, 1).source.uri == "https://old:5000/artifacts/1"
        assert all("hush" not in str(entry) for entry in log.entries(tx).items)


def test_the_same_again_changes_nothing_also_under_another_title(parts: Clearance) -> None:
    first = bring(parts, None)
    assert first.made
    with parts.database.write() as tx:
        registry.update_model(tx, ADA, first.model, ModelChange(title="Renamed here"))
    again = bring(parts, None)
    assert (again.model, again.made) == (first.model, False)
    assert bring(parts, 2).made
    assert not bring(parts, 2).made


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"created_at": BORN + timedelta(days=1)},
            "made at 2021-03-05 05:06:07 UTC, and that one at 2021-03-04 05:06:07",
        ),
        ({"run_id": "cd"}, "of the run cd, and that one of ab"),
        ({"source": "s3://bucket/2"}, "of the source s3://bucket/2, and that one of s3://bucket/1"),
    ],
)
def test_a_version_that_was_made_anew_there_is_not_the_one_that_came(
    parts: Clearance, changed: dict[str, Any], says: str
) -> None:
    before: dict[str, Any] = {"run_id": "ab", "source": "s3://ada:hush@bucket/1"}
    bring(parts, None)
    assert bring(parts, 1, **before).made
    assert not bring(parts, 1, **before, stage="Archived", description="what may change there").made
    with pytest.raises(Conflict, match="could not come: it is another one than came on 2026-01-05") as caught:
        bring(parts, 1, **{**before, **changed})
    assert (caught.value.code, says in caught.value.message) == ("import_differs", True), caught.value.message


def test_a_model_that_was_made_anew_there_is_not_the_one_that_came(parts: Clearance) -> None:
    model = bring(parts, None).model
    with pytest.raises(Conflict, match="another one than came on 2026-01-05") as caught:
        bring(parts, None, created_at=BORN + timedelta(seconds=1))
    assert caught.value.code == "import_differs"
    assert not bring(parts, None, description="other words").made
    assert bring(parts, 1).model == model


def test_numbers_that_were_deleted_there_are_tombstones_here_and_none_is_given_twice(parts: Clearance) -> None:
    model = bring(parts, None).model
    bring(parts, 3, source="s3://bucket/3")
    with parts.database.read() as tx:
        found = registry.list_versions(tx, model).items
    assert [(each.number, each.status) for each in found] == [
        (3, VersionStatus.REGISTERED),
        (2, VersionStatus.DELETED),
        (1, VersionStatus.DELETED),
    ]
    assert "before it was imported" in found[1].status_reason
    with pytest.raises(Conflict) as caught:
        bring(parts, 2)
    assert caught.value.code == "number_taken"


@pytest.mark.parametrize("number", [0, -1, 5002, 10**10])
def test_a_number_that_can_not_follow_is_refused(sqlite_parts: Clearance, number: int) -> None:
    bring(sqlite_parts, None)
    with pytest.raises(InvalidInput) as caught:
        bring(sqlite_parts, number)
    assert caught.value.code == "bad_number"


def test_a_version_whose_model_did_not_come_is_refused(sqlite_parts: Clearance) -> None:
    with pytest.raises(NotFound) as caught:
        bring(sqlite_parts, 1)
    assert caught.value.code == "import_not_found"


def test_what_served_there_does_not_serve_here_until_it_is_decided(parts: Clearance) -> None:
    model = bring(parts, None).model
    made = bring(parts, 1, stage="Production", aliases=("champion", "fresh", "v7"))
    assert len(made.left) == 3
    with parts.database.read() as tx:
        assert [alias.name for alias in delivery.list_aliases(tx, parts.guards, model)] == ["fresh"]
        assert delivery.list_pointers(tx, model) == ()
        tags = registry.tags(tx, model, 1)
    assert tags["imported.aliases"] == "champion"
    assert tags["imported.created_at"].startswith("2021-03-04T05:06:07")


def test_a_title_that_another_model_has_is_a_conflict(parts: Clearance) -> None:
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="loan", title="Loan", owner="ada"))
    with pytest.raises(Conflict) as caught:
        bring(parts, None)
    assert caught.value.code == "title_taken"


def _named(client: Client, title: str) -> str:
    return next(model.name for model in client.models.list() if model.title == title)


def _count(parts: Clearance) -> int:
    with parts.database.read() as tx:
        found: int = tx.connection.exec_driver_sql("select count(*) from mlflow_imports").scalar() or 0
        return found

"""A model may be named by its title, as MLflow's clients know it; a name wins, unless it was a deleted model's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from clearance.access.model import Permission, Principal, Role, Scope
from clearance.app import Clearance
from clearance.client import titles
from clearance.client.client import Client
from clearance.errors import Denied, Forbidden, NotFound
from clearance.registry import service
from clearance.registry.model import ModelChange, NewModel
from clearance.settings import load
from tests.conftest import person
from tests.registry.test_commands import Shell

ADA = person("ada")
TITLED = {"title": "Car loan", "model": "car-loan-x1"}


@pytest.fixture
def titled(parts: Clearance) -> Clearance:
    """Three models: a name that is another one's title, that other one, and one with a title of its own."""
    with parts.database.write() as tx:
        for name, title in (("scores", "Old scores"), ("scores-2", "scores"), ("car-loan", "Car loan")):
            service.create_model(tx, ADA, NewModel(name=name, title=title, owner="ada"))
    return parts


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("CLEARANCE_URL", "CLEARANCE_TOKEN", "CLEARANCE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Shell(tmp_path / "home")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("car-loan", "car-loan"),
        ("Car loan", "car-loan"),
        ("scores", "scores"),
        ("Old scores", "scores"),
        ("scores-2", "scores-2"),
        ("nobody", "nobody"),
        ("a/b", "a/b"),
        ("", ""),
        ("a\0b", "a\0b"),
        ("x" * 5000, "x" * 5000),
    ],
)
def test_a_name_wins_over_a_title(titled: Clearance, text: str, name: str) -> None:
    with titled.database.read() as tx:
        assert service.identity(tx, text) == name


def test_who_is_named_by_a_title_is_told_in_the_error_and_a_deleted_one_is_not(titled: Clearance) -> None:
    with titled.database.read() as tx, pytest.raises(NotFound) as caught:
        service.get_model(tx, "Car loan")
    assert (caught.value.code, caught.value.details["model"]) == ("model_not_found", "car-loan")
    assert "car-loan" in caught.value.hint
    with titled.database.write() as tx:
        service.delete_model(tx, ADA, "car-loan", "over")
    with titled.database.read() as tx, pytest.raises(NotFound) as caught:
        service.get_model(tx, "Car loan")
    assert caught.value.details == {}


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("/models/Car%20loan", {}, ("/models/car-loan-x1", {})),
        ("/models/Car%20loan/versions/1", {}, ("/models/car-loan-x1/versions/1", {})),
        ("/models/m/tags/Car%20loan", {}, None),
        (
            "/alerts",
            {"params": {"model": "Car loan", "state": "x"}},
            ("/alerts", {"model": "car-loan-x1", "state": "x"}),
        ),
        ("/alerts", {"params": {"model": "Car"}}, None),
        ("/promotions", {"content": b'{"model":"Car loan","number":1}'}, ("/promotions", {})),
        ("/promotions", {"content": b'{"parent":"Car loan"}'}, None),
        ("/blobs", {"content": iter([b"Car loan"])}, None),
        ("/blobs", {"content": b"\xff"}, None),
    ],
)
def test_a_request_is_said_again_where_it_named_the_title(
    path: str, options: Mapping[str, Any], expected: tuple[str, dict[str, str]] | None
) -> None:
    error = NotFound("there is no model 'Car loan'", code="model_not_found", details=TITLED)
    found = titles.meant(error, path, options)
    assert (found and (found[0], found[1]["params"])) == expected
    if found and options.get("content"):
        assert found[1]["content"] == b'{"model":"car-loan-x1","number":1}'


def test_nothing_is_said_again_after_another_error() -> None:
    for error in (NotFound("x", code="model_not_found"), NotFound("x", code="version_not_found", details=TITLED)):
        assert titles.meant(error, "/models/Car%20loan", {}) is None


def test_commands_take_the_title_and_show_it(shell: Shell, tmp_path: Path) -> None:
    shell.text("models", "create", "scores", "--owner", "ada")
    shell.text("models", "create", "car-loan", "--owner", "ada")
    assert "title" not in shell.text("models", "list"), "where all are called by their names"
    parts = Clearance(load({}, home=tmp_path / "home"))
    with parts.database.write() as tx:
        service.update_model(tx, ADA, "car-loan", ModelChange(title="Car loan"))
    parts.close()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "model.onnx").write_bytes(b"model")
    assert "title" in (listed := shell.text("models", "list"))
    assert "Car" in listed
    assert "Car loan" in shell.text("models", "show", "Car loan")
    assert "title" not in shell.text("models", "show", "scores")
    shell.text("versions", "register", "Car loan", str(tree))
    assert "car-loan/1" in shell.text("versions", "list", "Car loan")
    shell.text("versions", "download", "Car loan", "1", str(tmp_path / "out"))
    assert (tmp_path / "out" / "model.onnx").read_bytes() == b"model"
    assert shell.json("aliases", "set", "Car loan", "fresh", "1")["alias"]["model"] == "car-loan"
    assert shell.json("history", "Car loan")["model"] == "car-loan"
    assert isinstance(shell.run("promote", "Car loan", "1").exception, Denied)
    assert shell.json("tags", "set", "Car loan", "a", "b") == {"a": "b"}
    assert shell.error("models", "show", "car loan").code == "model_not_found"


def test_a_deleted_model_gives_its_name_to_the_living_one_that_is_called_so(shell: Shell, tmp_path: Path) -> None:
    shell.text("models", "create", "loans", "--owner", "ada")
    shell.text("models", "create", "loans-2", "--owner", "bo")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "model.onnx").write_bytes(b"model")
    shell.text("versions", "register", "loans", str(tree))
    shell.text("models", "delete", "loans", "--reason", "over")
    assert shell.json("models", "show", "loans")["owner"] == "ada", "as long as no other is called so"
    parts = Clearance(load({}, home=tmp_path / "home"))
    with parts.database.write() as tx:
        service.update_model(tx, ADA, "loans-2", ModelChange(title="loans"))
    parts.close()
    shown = shell.run("models", "show", "loans")
    assert "owner       bo" in shown.stdout
    assert "loans means loans-2 here" in shown.stderr
    assert "clearance audit log --subject model/loans" in shown.stderr
    assert json.loads(shell.run("versions", "list", "loans", "--json").stdout) == []
    (tree / "model.onnx").write_bytes(b"another")
    made = json.loads(shell.run("versions", "register", "loans", str(tree), "--json").stdout)
    assert (made["model"], made["number"]) == ("loans-2", 1)
    assert "loans-2/1 may not serve" in str(shell.run("promote", "loans", "1").exception)
    assert json.loads(shell.run("tags", "set", "loans", "a", "b", "--json").stdout) == {"a": "b"}
    told = shell.run("versions", "download", "loans", "1", str(tmp_path / "out")).stderr
    assert told.count("loans means loans-2 here") == 1, "once, however many requests there are"
    assert shell.run("models", "show", "loans-2").stderr == ""
    leaves = shell.json("audit", "log", "--subject", "model/loans")
    assert leaves[0]["event"] == "model.deleted"


def test_only_a_deleted_model_gives_its_name_away(titled: Clearance) -> None:
    with titled.database.write() as tx:
        assert service.namesake(tx, "scores") is None
        service.delete_model(tx, ADA, "scores", "over")
        assert service.namesake(tx, "scores") == service.get_model(tx, "scores-2")
        service.delete_model(tx, ADA, "scores-2", "over")
        for name in ("scores", "scores-2", "Car loan", "nobody"):
            assert service.namesake(tx, name) is None


def test_the_api_knows_a_deleted_model_by_its_name_and_narrows_by_the_one_that_is_meant(
    sqlite_parts: Clearance, as_user: Callable[[Principal], Client]
) -> None:
    with sqlite_parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="loans", owner="ada"))
        service.delete_model(tx, ADA, "loans", "over")
        service.create_model(tx, ADA, NewModel(name="loans-2", title="loans", owner="bo"))
    narrowed = {
        name: as_user(
            Principal(
                name="user:dev", roles=(Role.DEVELOPER,), scope=Scope(permissions=(Permission.READ,), models=(name,))
            )
        )
        for name in ("loans", "loans-2")
    }
    for client in (as_user(ADA), narrowed["loans"]):
        plain = client.http.client.get("/api/v1/models/loans", headers={"x-clearance-models": ""})
        assert plain.json()["lifecycle"] == "retired"
    for client in (as_user(ADA), narrowed["loans-2"]):
        assert client.models.get("loans").owner == "bo"
        assert list(client.alerts.list(model="loans")) == []
    with pytest.raises(Forbidden):
        narrowed["loans"].models.get("loans")
    assert narrowed["loans-2"].http.client.get("/api/v1/models/loans", headers={"x-clearance-models": ""}).is_error


def test_a_title_leads_nobody_to_what_they_may_not_see(
    sqlite_parts: Clearance, as_user: Callable[[Principal], Client]
) -> None:
    with sqlite_parts.database.write() as tx:
        for name, title in (("mine", "My model"), ("theirs", "Their model")):
            service.create_model(tx, ADA, NewModel(name=name, title=title, owner="ada"))
    scope = Scope(permissions=(Permission.READ,), models=("mine",))
    narrowed = as_user(Principal(name="user:dev", roles=(Role.DEVELOPER,), scope=scope))
    assert narrowed.models.get("My model").name == "mine"
    for title in ("Their model", "No model"):
        with pytest.raises(Forbidden):
            narrowed.models.get(title)
    with sqlite_parts.database.write() as tx:
        service.update_model(tx, ADA, "mine", ModelChange(title="Other"))
    with pytest.raises(Forbidden):
        narrowed.models.get("My model")

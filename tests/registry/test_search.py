"""Models are found among thousands by words and facts, page by page, without reading their versions."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import sqlalchemy as sa
import typer
from typer.testing import CliRunner

from clearance.app import Clearance
from clearance.cli import main, models
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.compliance import inventory
from clearance.delivery.store import aliases, pointers
from clearance.errors import InvalidInput
from clearance.registry import dataset_file, service, summaries
from clearance.registry.model import (
    Code,
    DatasetRole,
    DatasetUse,
    File,
    Lifecycle,
    ModelChange,
    ModelKind,
    NewModel,
    NewVersion,
    Provenance,
    Risk,
)
from clearance.registry.risk import NewLowering
from clearance.registry.search_filter import ModelFilter, ModelSort
from clearance.registry.tables import summaries as table
from tests.conftest import START, person
from tests.registry.test_risk import LENDING

ADA, BOB = person("ada"), person("bob")


@pytest.fixture
def parts(parts: Clearance, clock: FixedClock) -> Clearance:
    new = (
        NewModel(name="car-loan", owner="ada", team="credit", purpose="Grants LOANS for cars", risk=Risk.FULL),
        NewModel(
            name="churn", owner="bob", team="sales", description="Who leaves: 100% of Straßburg_x", title="Churn 2"
        ),
        NewModel(
            name="faces", owner="cy", team="sales", kind=ModelKind.GENERATIVE, use_case="avatars", risk=Risk.LIGHT
        ),
        NewModel(name="spam", owner="bob", lifecycle=Lifecycle.PRODUCTION),
    )
    for each in new:
        clock.advance(timedelta(hours=1))
        with parts.database.write() as tx:
            service.create_model(tx, ADA, each)
    with parts.database.write() as tx:
        service.set_tag(tx, ADA, "spam", None, "domain", "mail")
        service.set_tag(tx, ADA, "faces", None, "domain", "pictures")
    return parts


def find(parts: Clearance, **wanted: Any) -> list[str]:
    with parts.database.read() as tx:
        page = inventory.search_models(tx, ModelFilter(**wanted))
    assert page.total == len(page.items)
    return [model.name for model in page.items]


def register(parts: Clearance, model: str, provenance: Provenance | None = None, data: bytes = b"graph") -> int:
    digest, size = parts.blobs.put([data])
    new = NewVersion(files=(File(path="m", size=size, sha256=digest),), provenance=provenance or Provenance())
    with parts.database.write() as tx:
        return service.register_version(tx, ADA, parts.blobs, model, new).number


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("loan", ["car-loan"]),
        ("LOANS cars", ["car-loan"]),
        ("cars churn", []),
        ("bob", ["churn", "spam"]),
        ("sales", ["churn", "faces"]),
        ("mail", ["spam"]),
        ("churn 2", ["churn"]),
        ("STRASSBURG", ["churn"]),
        ("100%", ["churn"]),
        ("%", ["churn"]),
        ("g_x", ["churn"]),
        ("_", ["churn"]),
        ("\\", []),
        ("' or 1=1 --", []),
        ("   ", ["car-loan", "churn", "faces", "spam"]),
    ],
)
def test_every_word_must_be_there_in_any_case_and_taken_as_it_is(
    parts: Clearance, search: str, found: list[str]
) -> None:
    assert find(parts, search=search) == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"owner": "bob"}, ["churn", "spam"]),
        ({"team": "sales", "owner": "bob"}, ["churn"]),
        ({"kind": ModelKind.GENERATIVE}, ["faces"]),
        ({"use_case": "avatars"}, ["faces"]),
        ({"risk": Risk.FULL}, ["car-loan"]),
        ({"lifecycle": Lifecycle.PRODUCTION}, ["spam"]),
        ({"tag": "domain"}, ["faces", "spam"]),
        ({"tag": "domain=mail"}, ["spam"]),
        ({"tag": "domain="}, []),
        ({"template": "lending"}, []),
        ({"sort": ModelSort.NEWEST}, ["spam", "faces", "churn", "car-loan"]),
        ({"sort": ModelSort.OWNER}, ["car-loan", "churn", "spam", "faces"]),
        ({"sort": ModelSort.RISK}, ["car-loan", "churn", "spam", "faces"]),
        ({"sort": ModelSort.TEAM}, ["spam", "car-loan", "churn", "faces"]),
    ],
)
def test_models_are_narrowed_and_ordered_by_what_is_known_of_them(
    parts: Clearance, wanted: dict[str, Any], found: list[str]
) -> None:
    assert find(parts, **wanted) == found


@pytest.mark.parametrize("sort", ModelSort)
def test_pages_of_any_order_give_every_model_once_and_the_whole_number(parts: Clearance, sort: ModelSort) -> None:
    whole = find(parts, sort=sort)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        with parts.database.read() as tx:
            page = inventory.search_models(tx, ModelFilter(sort=sort), cursor=cursor, limit=1)
        assert page.total == 4
        seen += [model.name for model in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == whole


def test_a_cursor_that_no_page_gave_is_refused(parts: Clearance) -> None:
    for cursor, sort in (("No Model", ModelSort.NAME), ("unknown", ModelSort.OWNER)):
        with parts.database.read() as tx, pytest.raises(InvalidInput) as caught:
            inventory.search_models(tx, ModelFilter(sort=sort), cursor=cursor)
        assert caught.value.code == "bad_cursor"


def test_the_level_that_is_searched_for_is_the_one_that_counts_now(parts: Clearance, clock: FixedClock) -> None:
    with parts.database.write() as tx:
        service.assess_model(tx, ADA, "spam", LENDING)
        service.lower_risk(tx, BOB, "spam", NewLowering(risk=Risk.LIGHT, reason="a pilot", days=10))
    assert find(parts, risk=Risk.LIGHT) == ["faces", "spam"]
    assert find(parts, assessed=True) == ["spam"]
    assert find(parts, assessed=False) == ["car-loan", "churn", "faces"]
    clock.advance(timedelta(days=10))
    assert find(parts, risk=Risk.LIGHT) == ["faces"]
    assert find(parts, risk=Risk.FULL) == ["car-loan", "spam"]


def test_what_serves_and_what_has_a_name_is_found(parts: Clearance) -> None:
    place = {"environment": "production", "stable": 1, "weight": 0.0, "moved_at": START, "decision_id": "dec"}
    register(parts, "spam")
    with parts.database.engine.begin() as connection:
        connection.execute(sa.insert(pointers), {"model": "spam", **place})
        connection.execute(sa.insert(aliases), {"model": "faces", "alias": "nice", "number": 1})
    assert find(parts, serving="production") == ["spam"]
    assert find(parts, serving="staging") == []
    assert find(parts, alias="*") == find(parts, alias="nice") == ["faces"]
    assert find(parts, alias="other") == []
    register(parts, "spam", data=b"two")
    with parts.database.write() as tx:
        service.retire_version(tx, ADA, "spam", 1, "old")
    assert find(parts, serving="production") == [], "it is asked for, and refused"
    with parts.database.engine.begin() as connection:
        connection.execute(sa.update(pointers).values(candidate=2, weight=5.0))
    assert find(parts, serving="production") == ["spam"], "the canary of it serves"


def test_a_model_is_incomplete_by_its_newest_usable_version_and_by_what_is_registered_now(parts: Clearance) -> None:
    digest, _ = parts.blobs.put([b"amount\n1\n"])
    both = tuple(DatasetUse(role=role, digest=digest) for role in (DatasetRole.TRAINING, DatasetRole.TEST))
    whole = Provenance(datasets=both, parameters={"a": 1}, environment={"b": "2"}, trainer="ada", metrics={"auc": 0.9})
    assert find(parts, incomplete=True) == []  # a model without versions lacks nothing yet
    register(parts, "spam", whole)
    assert find(parts, incomplete=True) == ["spam"]
    with parts.database.write() as tx:
        service.register_dataset(tx, ADA, dataset_file.inspect(parts.blobs, digest), name="mails")
    assert find(parts, incomplete=True) == ["spam"]
    code = Code(repository="r", commit="c" * 40)
    assert register(parts, "spam", replace(whole, code=code), b"other") == 2
    assert find(parts, incomplete=True) == []
    with parts.database.write() as tx:
        service.retire_version(tx, ADA, "spam", 2, "old")
    assert find(parts, incomplete=True) == ["spam"]


def test_what_is_searched_by_is_always_what_would_be_summarised_now(parts: Clearance) -> None:
    register(parts, "spam")
    with parts.database.write() as tx:
        service.update_model(tx, ADA, "spam", ModelChange(team="Trust", title="Junk"))
        service.delete_tag(tx, ADA, "faces", None, "domain")
        service.quarantine_version(tx, ADA, "spam", 1, "odd")
        service.delete_model(tx, ADA, "churn", "gone")
    with parts.database.write() as tx:
        before = tx.execute(sa.select(table).order_by(table.c.model)).all()
        for row in before:
            summaries.refresh(tx, row.model)
        assert tx.execute(sa.select(table).order_by(table.c.model)).all() == before
    assert find(parts, search="trust junk") == ["spam"]
    assert find(parts, search="pictures") == []


def filled(parts: Clearance) -> Clearance:
    """Write ten thousand models with a hundred thousand versions at once."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from benchmarks.inventory import fill

    fill(parts.database, 10_000, 10)
    return parts


@pytest.fixture
def many(parts: Clearance) -> Clearance:
    return filled(parts)


@pytest.fixture
def many_on_sqlite(sqlite_parts: Clearance) -> Clearance:
    """The same where a plan can be held to: PostgreSQL chooses by statistics, SQLite's plan is fixed."""
    return filled(sqlite_parts)


def test_a_search_of_ten_thousand_models_reads_no_version_and_no_log(many: Clearance) -> None:
    said: list[str] = []

    @sa.event.listens_for(many.database.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, *_rest: Any) -> None:
        said.append(text)

    wanted = ModelFilter(search="fraud card", team="team-7", incomplete=True, serving="production", alias="*")
    with many.database.read() as tx:
        page = inventory.search_models(tx, wanted, limit=100)
        whole = inventory.search_models(tx, ModelFilter(sort=ModelSort.NEWEST), limit=100)
    asked = [text for text in said if "registry_" in text]
    assert len(asked) == 4  # a count and a page each, however many models there are
    assert not any("audit_" in text for text in asked)
    assert all("delivery_pointers" in text for text in asked if "registry_versions" in text), "only what is pointed at"
    assert whole.total == 10_004
    assert len(whole.items) == 100
    assert page.total < 100


def test_whether_what_is_pointed_at_was_stopped_is_looked_up_by_key(many_on_sqlite: Clearance) -> None:
    said: list[tuple[str, Any]] = []

    @sa.event.listens_for(many_on_sqlite.database.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, *_rest: Any) -> None:
        said.append((text, parameters))

    with many_on_sqlite.database.read() as tx:
        inventory.search_models(tx, ModelFilter(serving="production"), limit=100)
        plans = [
            row[3]
            for text, parameters in said.copy()
            if "registry_versions" in text
            for row in tx.connection.exec_driver_sql(f"explain query plan {text}", parameters)
        ]
    assert any("SEARCH registry_versions" in step for step in plans)
    assert not any("SCAN registry_versions" in step for step in plans), plans


def test_a_page_by_name_walks_the_index_and_stops(many_on_sqlite: Clearance) -> None:
    with many_on_sqlite.database.read() as tx:
        query = (
            "explain query plan select m.name from registry_models m join registry_summaries s on s.model = m.name "
            "where m.name > 'model-05000' order by m.name limit 101"
        )
        plan = [row[3] for row in tx.connection.exec_driver_sql(query)]
    assert not any("TEMP B-TREE" in step for step in plan)
    assert all("SEARCH" in step for step in plan)


def test_over_the_wire_the_parameters_are_those_of_the_filter(client: Client) -> None:
    client.models.create("car-loan", owner="ada", team="credit")
    client.models.create("spam", owner="bob")
    page = client.models.page(ModelFilter(team="credit"))
    assert (page.total, [model.name for model in page.items], page.next) == (1, ["car-loan"], None)
    assert [model.name for model in client.models.list(ModelFilter(sort=ModelSort.NEWEST, assessed=False))]
    assert client.http.get("/models", dict, limit=1)["next"] == "car-loan"
    with pytest.raises(InvalidInput):
        client.http.get("/models", dict, risk="huge")


def test_api_and_command_line_ask_for_every_field_of_the_filter_in_the_same_words(client: Client) -> None:
    told = {name: hint.__metadata__[0] for name, hint in get_type_hints(ModelFilter, include_extras=True).items()}
    command = typer.main.get_command(models.app).commands["list"]  # type: ignore[attr-defined]  # a group
    options = {each.name: each.help for each in command.params if each.name != "json"}
    assert options == told
    spec = client.http.client.get("/openapi.json").json()["paths"]
    for path in ("/api/v1/models", "/api/v1/onboarding"):
        parameters = {each["name"]: each.get("description") for each in spec[path]["get"]["parameters"]}
        assert {name: said for name, said in parameters.items() if name not in {"cursor", "limit"}} == told


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["car-loan", "spam"]),
        (("--team", "credit"), ["car-loan"]),
        (("--search", "spa", "--no-assessed"), ["spam"]),
        (("--kind", "prompt"), []),
        (("--sort", "newest"), ["spam", "car-loan"]),
    ],
)
def test_options_of_the_command_choose_models(tmp_path: Path, words: tuple[str, ...], names: list[str]) -> None:
    def run(*words: str) -> Any:
        return json.loads(CliRunner().invoke(main.app, ["--home", str(tmp_path), "models", *words, "--json"]).stdout)

    run("create", "car-loan", "--owner", "ada", "--team", "credit")
    run("create", "spam", "--owner", "bob")
    assert [model["name"] for model in run("list", *words)] == names

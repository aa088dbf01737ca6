"""Lineage: from a table over jobs, runs and versions to what serves, back again, and what a changed column does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.cli.main import app as cli
from clearance.client.client import Client
from clearance.compliance import changes, completeness, history, inventory, lineage
from clearance.compliance.findings import Finding, Findings
from clearance.compliance.graph import LETS, REFUSED, SERVES, Direction, Graph, walk
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion
from clearance.errors import Forbidden, InvalidInput, NotFound
from clearance.integrations.openlineage import service as openlineage
from clearance.registry import dataset_file
from clearance.registry import service as registry
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.registry.flows.schemas import ChangeKind
from clearance.registry.flows.schemas import changes as changed_columns
from clearance.registry.model import (
    Column,
    DatasetRole,
    DatasetUse,
    Edge,
    File,
    Lifecycle,
    ModelChange,
    NewVersion,
    Node,
    Provenance,
    Version,
)
from clearance.registry.search_filter import ModelFilter
from clearance.response import service as response
from clearance.storage.database import Transaction
from tests.conftest import person
from tests.delivery.conftest import ADA, prepare
from tests.integrations.openlineage_events import dataset, dataset_event, run_event, run_id
from tests.web.showcase import Showcase

RAW = {"amount": "FLOAT", "income": "FLOAT", "note": "TEXT"}
CLEAN = {"income_eur": "FLOAT", "loan_amount": "FLOAT"}
FROM_RAW = {"income_eur": [("raw", "income")], "loan_amount": [("raw", "amount")]}


def take(parts: Clearance, *events: Any) -> None:
    for event in events:
        with parts.database.write() as tx:
            openlineage.receive(tx, ADA, response.raise_alert, event)


def add_version(parts: Clearance, name: str, features: tuple[str, ...], run: int | None = None) -> Version:
    """Register car-loan's next version, trained on a registered file and on what `name` calls it."""
    csv = (",".join((*features, "label")) + "\n" + ",".join("1" for _ in (*features, "label")) + "\n").encode()
    digest, _ = parts.blobs.put([csv])
    weights, size = parts.blobs.put([f"{name}{features}".encode()])
    with parts.database.write() as tx:
        registry.register_dataset(tx, ADA, dataset_file.inspect(parts.blobs, digest), name="loans")
        new = NewVersion(
            files=(File(path="model.onnx", size=size, sha256=weights),),
            contract=ModelContract(inputs=tuple(Field(name=each, datatype=Datatype.FP32) for each in features)),
            provenance=Provenance(
                datasets=(DatasetUse(role=DatasetRole.TRAINING, digest=digest, name=name),),
                parameters={"openlineage_run_id": run_id(run)} if run else {},
            ),
        )
        return registry.register_version(tx, ADA, parts.blobs, "car-loan", new)


def serve(parts: Clearance, version: Version) -> None:
    with parts.database.write() as tx:
        assert delivery.promote(tx, ADA, parts.gate, NewPromotion(model=version.model, number=version.number)).moved


def pipeline(parts: Clearance, *, raw: dict[str, str] = RAW, sources: Any = FROM_RAW) -> Version:
    """raw@41 → clean@7 → features@3, on which a run trained the version that serves."""
    prepare(parts, versions=0)
    take(
        parts,
        run_event(
            "clean",
            1,
            inputs=[dataset("raw", version="41", columns=raw)],
            outputs=[dataset("clean", version="7", columns=CLEAN, sources=sources)],
        ),
        run_event("train", 2, hours=1, inputs=[dataset("clean", version="7")]),
    )
    version = add_version(parts, "warehouse/clean@7", ("income_eur", "loan_amount"), run=2)
    serve(parts, version)
    return version


def traced(parts: Clearance, of: str, direction: Direction = Direction.BOTH, **limits: int) -> Graph:
    with parts.database.read() as tx:
        return lineage.trace(tx, of, direction, **limits)


def found(parts: Clearance) -> tuple[Finding, ...]:
    with parts.database.read() as tx:
        return changes.findings(tx).items


def labels(graph: Graph) -> set[str]:
    return {f"{node.kind} {node.label}" for node in graph.nodes}


def test_a_table_at_a_version_leads_down_to_what_serves_now(parts: Clearance) -> None:
    pipeline(parts)
    graph = traced(parts, "warehouse/raw@41", Direction.DOWNSTREAM)
    assert labels(graph) == {
        "dataset raw@41",
        f"run clean {run_id(1)[:8]}",
        "dataset clean@7",
        f"run train {run_id(2)[:8]}",
        "version car-loan/1",
        "decision allowed for production",
        "serving car-loan in production",
    }
    assert graph.cut == ""
    other = traced(parts, "warehouse/clean", Direction.DOWNSTREAM)
    assert "serving car-loan in production" in labels(other), "also without a version, over jobs instead of runs"
    with pytest.raises(NotFound, match="at version '42'"):
        traced(parts, "warehouse/raw@42")


def _delete(tx: Transaction) -> None:
    registry.delete_version(tx, ADA, "car-loan", 1, "gone")


def _quarantine(tx: Transaction) -> None:
    registry.quarantine_version(tx, ADA, "car-loan", 1, "unsafe")


def _retire(tx: Transaction) -> None:
    registry.retire_version(tx, ADA, "car-loan", 1, "old")


def _retire_model(tx: Transaction) -> None:
    registry.update_model(tx, ADA, "car-loan", ModelChange(lifecycle=Lifecycle.RETIRED, reason="over"))


def _nothing(_tx: Transaction) -> None:
    return None


@pytest.mark.parametrize(
    ("happens", "serves"),
    [(_nothing, True), (_delete, False), (_quarantine, False), (_retire, False), (_retire_model, False)],
)
def test_what_serves_means_one_thing_wherever_it_is_asked(
    parts: Clearance, happens: Callable[[Transaction], object], serves: bool
) -> None:
    version = pipeline(parts)
    (decision,) = _pointers(parts)
    take(parts, dataset_event(dataset("clean", columns={"income_eur": "TEXT"}), hours=5))
    with parts.database.write() as tx:
        happens(tx)
    with parts.database.read() as tx:
        (pointer,) = next(each for each in delivery.environments(tx, parts.gate) if each.name == "production").pointers
        listed = inventory.search_models(tx, ModelFilter(serving="production")).total
        stories = completeness.stories(tx, serving=True)
        served = history.history(tx, parts.log_verifier, "car-loan").intervals[-1].answered
        environments = {each.environments for each in changes.findings(tx).items}
    expected = (1,) if serves else ()
    assert pointer.serves == served == expected
    assert listed == stories.total == stories.serving_total == len(expected)
    assert environments <= {("production",) if serves else ()}
    for of in ("warehouse/raw@41", version.name, decision):
        graph = traced(parts, of, Direction.DOWNSTREAM)
        assert bool(graph.reached(SERVES, LETS)) == serves, of
        assert bool(graph.reached(REFUSED)) != serves, of
        assert ("serving car-loan in production" in labels(graph)) == serves
        up = traced(parts, version.name, Direction.BOTH)
        assert bool(up.reached(SERVES)) == serves


def test_the_command_says_what_is_asked_for_and_refused(sqlite_parts: Clearance) -> None:
    pipeline(sqlite_parts)
    words = ["--home", str(sqlite_parts.settings.home), "lineage", "downstream", "car-loan/1"]
    assert "It reaches what serves now: car-loan in production" in CliRunner().invoke(cli, words).stdout
    with sqlite_parts.database.write() as tx:
        _delete(tx)
    said = CliRunner().invoke(cli, words).stdout
    assert "Nothing of it serves." in said
    assert "It is asked for, and refused because it was stopped: car-loan in production" in said


def test_what_went_into_a_decision_is_told_up_to_the_first_table(sqlite_parts: Clearance) -> None:
    version = pipeline(sqlite_parts)
    (pointer,) = _pointers(sqlite_parts)
    up = labels(traced(sqlite_parts, pointer, Direction.UPSTREAM))
    assert {"version car-loan/1", "policy usable", "data loans", "dataset clean@7", "dataset raw@41"} <= up
    assert labels(traced(sqlite_parts, version.name, Direction.UPSTREAM)) < up


def _pointers(parts: Clearance) -> list[str]:
    with parts.database.read() as tx:
        return [pointer.decision_id for pointer in delivery.serving(tx)]


def test_the_data_that_evidence_was_measured_on_went_into_the_decision_too(showcase: Showcase) -> None:
    with showcase.parts.database.read() as tx:
        decision = next(each.decision_id for each in delivery.serving(tx) if each.model == "car-loan")
        graph = lineage.trace(tx, decision, Direction.UPSTREAM)
    nodes = {node.id: node for node in graph.nodes}
    measured = {
        (nodes[edge.source].label, edge.relation, nodes[edge.target].label)
        for edge in graph.edges
        if nodes[edge.target].kind == "evidence"
    }
    assert ("loans-test-1", "measured on, as holdout", "performance") in measured


def test_data_are_linked_to_registered_bytes_by_a_digest_or_by_a_person(
    sqlite_parts: Clearance, client: Client
) -> None:
    prepare(sqlite_parts, versions=0)
    version = add_version(sqlite_parts, "", ("amount",))
    digest = version.provenance.datasets[0].digest
    take(sqlite_parts, run_event("export", 1, outputs=[dataset("extract", version=digest)]))
    assert "run export 00000000" in labels(traced(sqlite_parts, version.name, Direction.UPSTREAM))
    take(sqlite_parts, dataset_event(dataset("by-hand")), run_event("train", 7))
    client.lineage.link_dataset("warehouse/by-hand", digest)
    client.lineage.link_run(run_id(7), version.name)
    up = labels(traced(sqlite_parts, version.name, Direction.UPSTREAM))
    assert {"dataset by-hand", f"run train {run_id(7)[:8]}"} <= up
    with sqlite_parts.database.read() as tx:
        leaves = log.entries(tx, event=Event.LINEAGE_LINKED).items
    assert [leaf.actor for leaf in leaves] == ["user:ada", "user:ada"]


def test_a_link_that_cannot_be_meant_is_refused(
    sqlite_loan: Clearance, client: Client, as_user: Callable[[Principal], Client]
) -> None:
    for words in ({"dataset": "a/b"}, {"run": run_id(1), "digest": "x"}, {}):
        with pytest.raises(InvalidInput, match="a link is between"):
            client.http.post("/lineage/links", dict, words)
    with pytest.raises(NotFound, match="no pipeline has told of a run"):
        client.lineage.link_run(run_id(9), "car-loan/1")
    with pytest.raises(Forbidden):
        as_user(person("vic", Role.VIEWER)).lineage.link_run(run_id(9), "car-loan/1")


def test_cycles_end_and_a_large_graph_is_cut_with_a_word(sqlite_parts: Clearance) -> None:
    take(
        sqlite_parts,
        run_event("a", 1, inputs=[dataset("x")], outputs=[dataset("y")]),
        run_event("b", 2, inputs=[dataset("y")], outputs=[dataset("x")]),
        run_event("wide", 3, inputs=[dataset("x")], outputs=[dataset(f"out{each}") for each in range(40)]),
    )
    whole = traced(sqlite_parts, "warehouse/x")
    assert (whole.cut, len(whole.nodes)) == ("", 45)
    assert traced(sqlite_parts, "warehouse/x", most=10).cut == "only the nearest 10 things are shown"
    assert traced(sqlite_parts, "warehouse/x", depth=1).cut == "nothing beyond 1 steps is shown"
    for depth, most in ((0, 10), (51, 10), (1, 100_000)):
        with pytest.raises(InvalidInput, match="a depth of"):
            traced(sqlite_parts, "warehouse/x", depth=depth, most=most)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40), st.integers(1, 13))
def test_a_walk_finds_exactly_what_can_be_reached(pairs: list[tuple[int, int]], depth: int) -> None:
    def node(number: int) -> Node:
        return Node(id=str(number), kind="thing", label=str(number), facts={})

    def down(at: str) -> list[tuple[Node, Edge]]:
        return [(node(b), Edge(source=str(a), target=str(b), relation="")) for a, b in pairs if str(a) == at]

    reached = {0: 0}
    for step in range(1, depth + 1):
        for a, b in pairs:
            if reached.get(a) == step - 1:
                reached.setdefault(b, step)
    graph = walk(node(0), up=None, down=down, depth=depth, most=100)
    assert {each.id for each in graph.nodes} == {str(each) for each in reached}
    assert graph.layers == {str(each): step for each, step in reached.items()}


@pytest.mark.parametrize("of", ["car-loan/9", "none/1", "dec_01ke6p4ym0b8vr5m520be2h22a", run_id(3), "job/a/b", "a/b"])
def test_what_there_is_not_is_said_to_be_so(sqlite_loan: Clearance, of: str) -> None:
    with pytest.raises(NotFound):
        traced(sqlite_loan, of)


def test_a_version_is_found_by_the_title_that_its_model_has_now(sqlite_loan: Clearance) -> None:
    with sqlite_loan.database.write() as tx:
        registry.update_model(tx, ADA, "car-loan", ModelChange(title="Car Loan EU"))
    assert traced(sqlite_loan, "Car Loan EU/1") == traced(sqlite_loan, "car-loan/1")
    with pytest.raises(NotFound, match="car-loan has no version 9"):
        traced(sqlite_loan, "Car Loan EU/9")


def test_a_column_that_went_is_found_under_the_version_by_its_column_lineage(parts: Clearance) -> None:
    pipeline(parts)
    assert found(parts) == ()
    take(parts, dataset_event(dataset("raw", columns={"sum": "FLOAT", "income": "INT"}), hours=5))
    told = {(each.change.kind, each.change.column, each.column) for each in found(parts)}
    assert told == {
        (ChangeKind.RENAMED, "amount", "loan_amount"),
        (ChangeKind.RETYPED, "income", "income_eur"),
    }, "nothing uses `note`, which went too"
    for each in found(parts):
        assert (each.version, each.used_as, each.certain, each.environments) == (
            "car-loan/1",
            "feature",
            True,
            ("production",),
        )
        assert each.via == ("warehouse/raw", "warehouse/clean")
    with parts.database.read() as tx:
        (alert,) = response.list_alerts(tx, model="car-loan").items
    assert (alert.severity, alert.kind) == ("ticket", "lineage_schema_changed")
    assert alert.title == "car-loan/1 uses 2 columns of warehouse/raw that changed"
    assert "a guess" in alert.summary


def test_without_column_lineage_the_same_name_is_taken_and_said_to_be_uncertain(sqlite_parts: Clearance) -> None:
    pipeline(sqlite_parts, raw={**RAW, "income_eur": "FLOAT"}, sources=None)
    take(sqlite_parts, dataset_event(dataset("raw", columns=RAW), hours=6))
    (each,) = found(sqlite_parts)
    assert (each.change.kind, each.column, each.certain) == (ChangeKind.REMOVED, "income_eur", False)


def test_a_change_told_late_or_mended_is_not_raised(sqlite_parts: Clearance) -> None:
    pipeline(sqlite_parts)
    take(sqlite_parts, dataset_event(dataset("raw", columns={"income": "FLOAT"}), hours=-5))
    with sqlite_parts.database.read() as tx:
        assert response.list_alerts(tx, model="car-loan").items == ()
    take(
        sqlite_parts,
        dataset_event(dataset("raw", columns={"income": "FLOAT"}), hours=5),
        dataset_event(dataset("raw", columns=RAW), hours=6),
    )
    assert {each.mended for each in found(sqlite_parts)} == {True}


def amounts(version: str, kind: str, hours: float, *, job: str = "load") -> dict[str, Any]:
    """Return the event of a run that wrote the table at a version."""
    wrote = dataset("amounts", version=version, columns={"amount": kind})
    return run_event(job, int(hours * 10) + 500, hours=hours, outputs=[wrote])


def blamed(parts: Clearance) -> list[tuple[str, str, bool]]:
    return [(each.version, each.change.text, each.mended) for each in found(parts)]


def test_a_version_that_was_made_after_a_change_is_not_blamed_for_it(parts: Clearance) -> None:
    prepare(parts, versions=0)
    take(parts, amounts("1", "int", 0))
    add_version(parts, "warehouse/amounts@1", ("amount",))
    take(parts, amounts("2", "double", 1))
    add_version(parts, "warehouse/amounts@2", ("amount",))
    assert blamed(parts) == [("car-loan/1", "amount was int and is double now", False)]
    take(parts, amounts("3", "text", 2))
    assert blamed(parts) == [
        ("car-loan/1", "amount was double and is text now", False),
        ("car-loan/2", "amount was double and is text now", False),
        ("car-loan/1", "amount was int and is double now", False),
    ]


def test_an_event_that_comes_late_blames_nobody_for_what_came_before_their_data(parts: Clearance) -> None:
    prepare(parts, versions=0)
    take(parts, amounts("41", "double", 0))
    serve(parts, add_version(parts, "warehouse/amounts@41", ("amount",)))
    take(parts, amounts("40", "text", -5))
    assert found(parts) == ()
    with parts.database.read() as tx:
        assert response.list_alerts(tx, model="car-loan").items == ()


def test_a_column_that_was_mended_back_is_no_second_change(sqlite_parts: Clearance) -> None:
    pipeline(sqlite_parts)
    take(
        sqlite_parts,
        dataset_event(dataset("raw", columns={**RAW, "amount": "TEXT"}), hours=5),
        dataset_event(dataset("raw", columns=RAW), hours=6),
        dataset_event(dataset("raw", columns={"sum": "FLOAT", "income": "FLOAT", "note": "TEXT"}), hours=7),
        run_event(
            "clean",
            9,
            hours=7.5,
            outputs=[dataset("clean", sources={"loan_amount": [("raw", "sum")]})],
            inputs=[dataset("raw")],
        ),
        dataset_event(dataset("raw", columns=RAW), hours=8),
    )
    assert found(sqlite_parts) == (), "what the pipeline reads now is called otherwise than what the data were made of"
    take(
        sqlite_parts,
        run_event("clean", 10, hours=9, inputs=[dataset("raw")], outputs=[dataset("clean", sources=FROM_RAW)]),
    )
    assert {(each.change.column, each.mended) for each in found(sqlite_parts)} == {("amount", True)}


@pytest.mark.parametrize(
    ("provenance", "run", "blames"),
    [
        ("warehouse/amounts@1", None, True),
        ("warehouse/amounts@2", None, False),
        ("warehouse/amounts", 21, True),
        ("warehouse/amounts", 22, False),
        ("warehouse/amounts", 23, False),
        ("warehouse/amounts", 24, True),
        ("warehouse/amounts", None, True),
        ("warehouse/amounts@unheard-of", None, True),
        ("warehouse/sums@7", None, True),
        ("warehouse/sums@8", None, False),
    ],
)
def test_only_changes_after_what_a_version_was_made_from_count(
    sqlite_parts: Clearance, provenance: str, run: int | None, blames: bool
) -> None:
    prepare(sqlite_parts, versions=0)
    read = {number: dataset("amounts", version=str(number)) for number in (1, 2)}
    came = {"amount": [("amounts", "amount")]}
    take(
        sqlite_parts,
        amounts("1", "int", 1),
        amounts("2", "double", 5),
        run_event("train", 21, hours=9, inputs=[read[1]]),
        run_event("train", 22, hours=9, inputs=[read[2]]),
        run_event("train", 23, hours=9, inputs=[dataset("amounts")]),
        run_event("train", 24, hours=2, inputs=[dataset("amounts")]),
        run_event("sum", 25, hours=9, inputs=[read[1]], outputs=[dataset("sums", version="7", sources=came)]),
        run_event("sum", 26, hours=9, inputs=[read[2]], outputs=[dataset("sums", version="8", sources=came)]),
    )
    add_version(sqlite_parts, provenance, ("amount",), run=run)
    assert bool(found(sqlite_parts)) is blames


COLUMNS = st.lists(
    st.builds(Column, name=st.sampled_from("abcdef"), type=st.sampled_from(["INT", "TEXT"])),
    unique_by=lambda column: column.name,
    max_size=5,
)


@given(COLUMNS, COLUMNS)
def test_changes_account_for_every_column_once(before: list[Column], after: list[Column]) -> None:
    from tests.conftest import START

    made = changed_columns(before, after, START)
    there = {column.name: column.type for column in before}
    for change in made:
        if change.kind is ChangeKind.ADDED:
            assert change.column not in there
            there[change.column] = change.after
        else:
            assert there.pop(change.column) == change.before
            if change.kind is not ChangeKind.REMOVED:
                there[change.renamed_to or change.column] = change.after
    assert there == {column.name: column.type for column in after}


def test_completeness_counts_what_is_missing_with_the_lineage(sqlite_parts: Clearance) -> None:
    pipeline(sqlite_parts)
    add_version(sqlite_parts, "", ("other",))
    with sqlite_parts.database.read() as tx:
        stories = completeness.stories(tx)
        only = completeness.stories(tx, serving=True)
    assert (stories.total, stories.complete, stories.share, stories.serving_total) == (2, 0, 0.0, 1)
    assert (only.total, [each.number for each in only.incomplete]) == (1, [1])
    serving, other = stories.incomplete
    assert (serving.number, serving.environments) == (1, ("production",))
    assert "the run that made it" not in serving.missing
    assert "the run that made it" in other.missing
    assert any(fact.startswith("where its data come from") for fact in other.missing)
    assert stories.missing["code commit"] == 2


def test_an_empty_inventory_has_no_share(sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.read() as tx:
        assert completeness.stories(tx).share is None
        assert changes.findings(tx) == Findings(items=(), cut="")


def test_the_commands_and_the_client_answer_the_same(sqlite_parts: Clearance, client: Client) -> None:
    pipeline(sqlite_parts)
    take(sqlite_parts, dataset_event(dataset("raw", columns={"income": "INT"}), hours=5))
    home = str(sqlite_parts.settings.home)

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, ["--home", home, "lineage", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "It reaches what serves now: car-loan in production" in run("downstream", "warehouse/raw@41")
    assert "dataset raw@41" in run("upstream", "car-loan/1")
    assert "loan_amount" in run("changes")
    assert "0 of 1 (0%)" in run("completeness")
    assert "warehouse/raw" in run("datasets")
    assert "No receiver is set" in run("emission")
    as_json = json.loads(run("upstream", "car-loan/1", "--json"))
    assert as_json["root"] == client.lineage.graph("car-loan/1", Direction.UPSTREAM).root
    assert client.lineage.completeness("car-loan").total == 1
    assert len(client.lineage.changes("car-loan").items) == 2
    assert client.lineage.emission() is None


def test_events_in_a_file_are_sent_and_a_run_is_linked_by_the_commands(sqlite_parts: Clearance, tmp_path: Any) -> None:
    prepare(sqlite_parts, versions=1)
    file = tmp_path / "events.json"
    file.write_text(json.dumps([run_event("train", 4), {"no": "event"}]))
    home = str(sqlite_parts.settings.home)
    sent = CliRunner().invoke(cli, ["--home", home, "lineage", "send", str(file)], catch_exceptions=False)
    assert "2 events, 1 new" in sent.stdout
    assert "event 1: this is no OpenLineage event" in sent.stdout
    file.write_text("\n".join(json.dumps(run_event("train", number)) for number in (4, 5)) + "\n")
    sent = CliRunner().invoke(cli, ["--home", home, "lineage", "send", str(file)], catch_exceptions=False)
    assert "2 events, 1 new" in sent.stdout
    file.write_text("{}\n{")
    with pytest.raises(InvalidInput, match=r"events\.json:2"):
        CliRunner().invoke(cli, ["--home", home, "lineage", "send", str(file)], catch_exceptions=False)
    linked = CliRunner().invoke(cli, ["--home", home, "lineage", "link", run_id(4), "car-loan/1"])
    assert "belongs to car-loan/1" in linked.stdout

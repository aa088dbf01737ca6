"""The pages of lineage and history: drawn without JavaScript, readable, and safe with what pipelines call things."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from clearance import server
from clearance.access.model import Role
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from clearance.compliance import lineage
from clearance.web.layers import BOX, draw, short
from tests.compliance.test_lineage import pipeline, take
from tests.conftest import person
from tests.integrations.openlineage_events import dataset, dataset_event, run_event

Open = Callable[[str], httpx.Response]


@pytest.fixture
def page(sqlite_parts: Clearance) -> Iterator[Open]:
    transport = InProcessTransport(
        lambda: server.create(sqlite_parts), {"clearance.principal": person("vic", Role.VIEWER)}
    )
    with httpx.Client(base_url="http://local", transport=transport, headers={"accept": "text/html"}) as client:
        yield client.get


def test_the_picture_is_drawn_by_the_server_and_said_in_words_too(sqlite_parts: Clearance, page: Open) -> None:
    pipeline(sqlite_parts)
    answer = page("/lineage?of=car-loan/1")
    assert answer.status_code == 200
    assert answer.text.count("<rect") == answer.text.count('<text class="kind"') >= 8
    assert "<script" not in answer.text
    for said in ("raw@41", "clean@7", "car-loan in production", "The same in words", "income_eur"):
        assert (said in answer.text) is (said != "income_eur")


def test_the_first_page_tells_of_changes_stories_and_datasets(sqlite_parts: Clearance, page: Open) -> None:
    pipeline(sqlite_parts)
    take(sqlite_parts, dataset_event(dataset("raw", columns={"income": "INT"}), hours=5))
    text = page("/lineage").text
    assert "income was FLOAT and is INT now" in text
    assert "0 of 1</b> versions that serve" in text
    assert "warehouse/raw" in text


def test_what_there_is_not_is_said_on_the_page(page: Open) -> None:
    answer = page("/lineage?of=none/9")
    assert (answer.status_code, 'role="alert"' in answer.text) == (404, True)


def test_what_pipelines_call_things_is_shown_and_never_run(sqlite_parts: Clearance, page: Open) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>"
    take(sqlite_parts, run_event(evil, 1, inputs=[dataset(evil)], outputs=[dataset("b")]))
    for path in ("/lineage", "/lineage?of=warehouse/b", f"/lineage?of=warehouse/{evil}"):
        text = page(path).text
        assert "<script>alert" not in text
        assert "<img" not in text


def test_no_two_boxes_stand_on_each_other_and_upstream_is_left(sqlite_parts: Clearance) -> None:
    pipeline(sqlite_parts)
    with sqlite_parts.database.read() as tx:
        graph = lineage.trace(tx, "warehouse/clean@7")
    drawing = draw(graph)
    places = [(box.x, box.y) for box in drawing.boxes]
    for x, y in places:
        near = [other for other in places if abs(other[0] - x) < BOX[0] and abs(other[1] - y) < BOX[1]]
        assert near == [(x, y)]
        assert 0 <= x <= drawing.width - BOX[0]
        assert 0 <= y <= drawing.height - BOX[1]
    left = {box.node.label: box.x for box in drawing.boxes}
    assert left["raw@41"] < left["clean@7"] < left["car-loan/1"] < left["car-loan in production"]


def test_the_word_of_an_edge_stands_on_no_box(sqlite_parts: Clearance) -> None:
    pipeline(sqlite_parts)
    with sqlite_parts.database.read() as tx:
        drawing = draw(lineage.trace(tx, "car-loan/1"))
    for line in drawing.lines:
        on = [box.label for box in drawing.boxes if 0 < line.x - box.x < BOX[0] and 0 < line.y - box.y < BOX[1]]
        assert not on, f"{line.relation} stands on {on}"


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("denied for production", "denied for production"),
        ("repaid_loan_on_previous_car@12", "repaid_loan_…evious_car@12"),
    ],
)
def test_a_name_that_is_too_long_for_its_box_keeps_both_ends(label: str, shown: str) -> None:
    assert short(label) == shown


def test_a_cycle_is_drawn_too(sqlite_parts: Clearance, page: Open) -> None:
    take(
        sqlite_parts,
        run_event("a", 1, inputs=[dataset("x")], outputs=[dataset("y")]),
        run_event("b", 2, inputs=[dataset("y")], outputs=[dataset("x")]),
    )
    text = page("/lineage?of=warehouse/x").text
    assert (text.count("<rect"), text.count('class="edge"')) == (4, 4)


def test_the_history_of_a_model_is_a_page_to_print(sqlite_parts: Clearance, page: Open) -> None:
    pipeline(sqlite_parts)
    text = page("/models/car-loan/history").text
    assert "car-loan/1 served in production." in text
    leaf = re.search(r'href="(/audit/leaves/\d+)">leaf \d+</a>', text)
    assert leaf
    assert "hashes to the checkpoint" not in page(leaf[1]).text, "who may not audit sees the leaf, without its proof"
    assert "Nothing served car-loan" in page("/models/car-loan/history?at=2026-01-01").text
    assert page("/models/car-loan/history?at=soon").status_code == 422
    assert page("/models/none/history").status_code == 404
    assert "Nothing has ever served" in page("/models/car-loan/history?environment=staging").text

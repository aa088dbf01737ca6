"""What a leaf may say: the closed vocabulary, its facts, and its bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.app import Clearance
from clearance.audit import leaf, log, store
from clearance.audit.events import Event
from clearance.audit.words import EVENTS, happened
from clearance.errors import InvalidInput
from clearance.values import canonical_json
from tests.web.showcase import Showcase, build

TEXT = st.text(max_size=30)


@pytest.fixture(scope="module")
def showcase(tmp_path_factory: pytest.TempPathFactory) -> Showcase:
    """An installation in which nearly everything happened once."""
    return build(tmp_path_factory.mktemp("showcase"))


def test_every_event_declares_what_its_leaf_must_carry() -> None:
    undeclared = [event.value for event in Event if not event.facts]
    assert undeclared == [], 'declare their facts in audit/events.py: TAG_SET = "tag.set", "key"'


def test_every_leaf_of_a_busy_installation_is_of_the_vocabulary_with_its_facts(showcase: Showcase) -> None:
    with showcase.parts.database.read() as tx:
        said = [json.loads(encoded) for _, encoded, *_ in store.all_leaves(tx)]
    assert len(said) > 30
    for each in said:
        assert each["data"].keys() >= Event(each["event"]).facts, each
        assert set(each) == {"v", "at", "event", "actor", "subject", "data"}
    assert len({each["event"] for each in said}) > 12
    showcase.parts.close()


def test_an_event_outside_the_vocabulary_or_without_its_facts_is_not_recorded(sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        with pytest.raises(log.UndeclaredEvent, match="is no event"):
            log.record(tx, "model.teleported", actor="user:ada", subject="model/m")  # type: ignore[arg-type]
        with pytest.raises(log.UndeclaredEvent, match=r"tag\.set must carry key"):
            log.record(tx, Event.TAG_SET, actor="user:ada", subject="model/m", data={"other": 1})
    with sqlite_parts.database.read() as tx:
        assert store.size(tx) == 0


def test_a_leaf_too_long_for_a_bundle_is_refused_with_its_change(sqlite_parts: Clearance) -> None:
    def write(text: str) -> None:
        with sqlite_parts.database.write() as tx:
            log.record(tx, Event.INCIDENT_NOTED, actor="user:ada", subject="incident/i", data={"text": text})

    with pytest.raises(InvalidInput, match="a leaf of the log holds 65,535"):
        write("é" * 33_000)
    write("é" * 32_000)
    with sqlite_parts.database.read() as tx:
        assert store.size(tx) == 1


@given(
    TEXT, TEXT, st.sampled_from(Event), st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(-99, 99) | TEXT)
)
def test_a_leaf_is_canonical_json_and_tells_what_it_is_of(
    actor: str, subject: str, event: Event, data: dict[str, object]
) -> None:
    said = {"at": "2026-01-05T09:00:00.000000Z", "event": event.value, "actor": actor, "subject": subject}
    encoded = leaf.encode(**said, data=data)
    assert encoded == canonical_json({"v": 1, **said, "data": data})
    assert leaf.says(encoded, **said)
    for name, text in said.items():
        assert not leaf.says(encoded, **{**said, name: text + "x"})


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_words(event: Event) -> None:
    said = happened(event)
    assert said == said.strip().lower()
    assert not {".", "_"} & set(said)


def test_no_two_events_have_the_same_words() -> None:
    assert len(set(EVENTS.values())) == len(Event)


def test_an_event_that_this_program_does_not_know_yet_is_told_by_its_own_word() -> None:
    assert happened("log.cut_off") == "log cut off"

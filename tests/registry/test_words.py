"""What a model is found by follows each change of it and of its tags, and costs no more for the tags that stay."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from clearance.app import Clearance
from clearance.registry import service, summaries
from clearance.registry.model import Lifecycle, ModelChange, NewModel, NewVersion
from clearance.registry.search_filter import ModelFilter
from clearance.registry.source import Source, SourceKind
from clearance.registry.tables import summaries as table
from tests.conftest import person

ADA = person("ada")


@pytest.fixture
def parts(parts: Clearance) -> Clearance:
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="spam", owner="bob", lifecycle=Lifecycle.IDEA))
        service.set_tag(tx, ADA, "spam", None, "domain", "mail")
    return parts


def find(parts: Clearance, search: str) -> list[str]:
    with parts.database.read() as tx:
        return [model.name for model in service.search_models(tx, ModelFilter(search=search)).items]


def words(parts: Clearance) -> list[str]:
    with parts.database.read() as tx:
        written: str = tx.execute(sa.select(table.c.words).where(table.c.model == "spam")).scalar_one()
        anew = summaries.words(service.get_model(tx, "spam"), dict(service.tags(tx, "spam")))
    assert sorted(written.split("\n")) == sorted(anew.split("\n"))
    return written.split("\n")


def test_a_new_version_and_a_change_of_no_word_cost_the_same_however_many_tags_the_model_has(parts: Clearance) -> None:
    asked: list[str] = []
    engine = parts.database.engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    with parts.database.write() as tx:
        source = Source(kind=SourceKind.REFERENCE, uri="s3://bucket/spam")
        service.register_version(tx, ADA, parts.blobs, "spam", NewVersion(source=source))
        service.quarantine_version(tx, ADA, "spam", 1, "odd")
        service.update_model(tx, ADA, "spam", ModelChange(lifecycle=Lifecycle.DEVELOPMENT, on_call="night shift"))
    told = [statement for statement in asked if "registry_tags" in statement or "words" in statement]
    assert asked
    assert told == []
    with parts.database.write() as tx:
        service.update_model(tx, ADA, "spam", ModelChange(purpose="sorts post"))
    assert find(parts, "post mail") == ["spam"], "its tags are still among its words"


def test_a_tag_is_among_the_words_as_it_is_now_whatever_else_says_the_same(parts: Clearance) -> None:
    with parts.database.write() as tx:
        service.update_model(tx, ADA, "spam", ModelChange(description="kept\ndomain mail\nand more"))
        for key, text in (("a b", "c"), ("a", "b c"), ("note", "two\n\nLines"), ("empty", "")):
            service.set_tag(tx, ADA, "spam", None, key, text)
        service.set_tag(tx, ADA, "spam", None, "note", "one")
        service.set_tag(tx, ADA, "spam", None, "note", "one")
        for key in ("a b", "domain", "empty"):
            service.delete_tag(tx, ADA, "spam", None, key)
    assert words(parts) == ["spam spam kept domain mail and more bob", "a b c", "note one"]


def test_words_that_an_earlier_release_wrote_are_written_anew_when_a_tag_is_changed(parts: Clearance) -> None:
    with parts.database.write() as tx:
        tx.execute(sa.update(table).where(table.c.model == "spam").values(words="spam spam bob domain mail"))
        service.set_tag(tx, ADA, "spam", None, "domain", "post")
    assert words(parts) == ["spam spam bob", "domain post"]

"""What an entry of the log is in the words of MLflow's webhooks, whoever made the change: a client of MLflow's, or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from clearance.audit import log
from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.delivery import service as delivery
from clearance.delivery.aliases import Guards
from clearance.integrations.mlflow import store as noted
from clearance.integrations.mlflow.artifacts.model import location
from clearance.integrations.mlflow.model import PROMPT_TAG, is_prompt
from clearance.integrations.mlflow.webhooks.model import Happening
from clearance.registry import service as registry
from clearance.registry.model import Model
from clearance.storage.database import Transaction

_PROMPT_TEXT_TAG = "mlflow.prompt.text"
_PROMPT_TAGS = frozenset({PROMPT_TAG, _PROMPT_TEXT_TAG, "_mlflow_prompt_type"})
"""Tags by which MLflow keeps a prompt; its webhooks leave them out."""
_MOST_TAGS = 1000  # that something is created with
Told = Iterator[tuple[str, dict[str, object]]]


def of(tx: Transaction, guards: Guards, entry: Entry) -> list[Happening]:
    """Return what webhooks are told because of an entry: nothing of what MLflow has no word for."""
    read = _READERS.get(Event(entry.event))
    if read is None:
        return []
    _, name, *number = entry.subject.split("/")
    about = _About(tx, guards, entry, registry.get_model(tx, name), int(number[0]) if number else None)
    return [Happening(word=word, data=data, at=entry.at) for word, data in read(about)]


class _About:
    """An entry, and what stands around it now."""

    def __init__(self, tx: Transaction, guards: Guards, entry: Entry, model: Model, number: int | None) -> None:
        self.tx = tx
        self.guards = guards
        self.entry = entry
        self.model = model
        self.number = number
        self.tags = registry.tags(tx, model.name, number)
        self.is_prompt = is_prompt(self.tags if number is None else registry.tags(tx, model.name))

    @property
    def name(self) -> dict[str, object]:
        """What MLflow's clients call it: its title, its identity once it was given up."""
        return {"name": self.model.title or self.model.name}

    @property
    def version(self) -> dict[str, object]:
        return {**self.name, "version": str(self.number)}

    def first_tags(self) -> dict[str, str]:
        """Return the tags that it was created with: those of the same transaction, whose entries follow at the same time."""
        found: dict[str, str] = {}
        for each in log.following(self.tx, self.entry.index + 1, (Event.TAG_SET,), _MOST_TAGS):
            if each.at != self.entry.at:
                break
            key = str(each.data["key"])
            if each.subject == self.entry.subject and (text := self.value_in(each)) is not None:
                found[key] = text
        return found

    def value_in(self, entry: Entry) -> str | None:
        """Return the value that an entry says a tag was given; a long one, which the log leaves out, as it is now, if it is."""
        found = entry.data.get("value", self.tags.get(str(entry.data["key"])))
        return None if found is None else str(found)


def _shown(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in tags.items() if key not in _PROMPT_TAGS}


def _model_created(about: _About) -> Told:
    tags = about.first_tags()
    word = "prompt.created" if about.is_prompt else "registered_model.created"
    yield word, {**about.name, "tags": _shown(tags), "description": about.model.description}


def _version_created(about: _About) -> Told:
    assert about.number is not None
    row = noted.find_version(about.tx, about.model.title or "", about.number)
    tags = about.first_tags()
    known = {"tags": _shown(tags), "description": None if row is None else row.description or None}
    if about.is_prompt:
        yield "prompt_version.created", {**about.version, "template": tags.get(_PROMPT_TEXT_TAG), **known}
        return
    version = registry.get_version(about.tx, about.model.name, about.number)
    source = (row.source if row is not None else "") or version.source.uri
    here = f"mlflow-artifacts:/{location(about.model.name, about.number)}"
    run_id = None if row is None else row.run_id or None
    yield "model_version.created", {**about.version, "source": source or here, "run_id": run_id, **known}


def _tag(about: _About, action: str) -> Told:
    key = str(about.entry.data["key"])
    said: dict[str, object] = {"key": key}
    if action == "set":
        said["value"] = about.value_in(about.entry)
        if said["value"] is None:
            return  # a long one that was taken off again meanwhile: the next entries tell of that
    if about.number is None:
        if about.is_prompt and key not in _PROMPT_TAGS and about.entry.at != about.model.created_at:
            yield f"prompt_tag.{action}", {**about.name, **said}
        return
    born = registry.get_version(about.tx, about.model.name, about.number).created_at
    if about.entry.at != born:  # what it was created with is told with that
        yield f"{'prompt' if about.is_prompt else 'model'}_version_tag.{action}", {**about.version, **said}


def _alias(about: _About, alias: object, number: object) -> tuple[str, dict[str, object]]:
    kind = "prompt_alias" if about.is_prompt else "model_version_alias"
    if number is None:
        return f"{kind}.deleted", {**about.name, "alias": alias}
    return f"{kind}.created", {**about.name, "alias": alias, "version": str(number)}


def _alias_set(about: _About) -> Told:
    yield _alias(about, about.entry.data["alias"], about.entry.data["to"])


def _alias_removed(about: _About) -> Told:
    yield _alias(about, about.entry.data["alias"], None)


def _pointer_moved(about: _About) -> Told:
    data = about.entry.data
    if data["from"] == data["to"]:
        return
    for alias in delivery.list_aliases(about.tx, about.guards, about.model.name):
        if alias.environment == data["environment"]:
            yield _alias(about, alias.name, data["to"])


_READERS: Mapping[Event, Callable[[_About], Told]] = {
    Event.MODEL_CREATED: _model_created,
    Event.VERSION_REGISTERED: _version_created,
    Event.TAG_SET: lambda about: _tag(about, "set"),
    Event.TAG_REMOVED: lambda about: _tag(about, "deleted"),
    Event.ALIAS_SET: _alias_set,
    Event.ALIAS_REMOVED: _alias_removed,
    Event.POINTER_MOVED: _pointer_moved,
}
EVENTS = tuple(_READERS)
"""Entries of the log that webhooks may be told of."""

"""Use cases of tags: words that people and programs put on models and versions; each change is in the log."""

from __future__ import annotations

from collections.abc import Mapping

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import NotFound
from clearance.registry import rules, store, summaries
from clearance.registry.lookup import get_model, get_version
from clearance.storage.database import Transaction
from clearance.values import sha256

_LONGEST_IN_LOG = 500


def set_tag(tx: Transaction, caller: Principal, model: str, number: int | None, key: str, value: str) -> None:
    """Put a tag on a model, or on a version of it, in place of the one with this key.

    Raises:
        NotFound: no such model or version.
        InvalidInput: what is no tag.
    """
    rules.check_tag(key, value)
    subject = _find(tx, model, number, lock=True)
    before = store.put_tag(tx, model, number or 0, key, value)
    if number is None:
        summaries.retag(tx, get_model(tx, model), key, before, value)
    said = {"value": value} if len(value) <= _LONGEST_IN_LOG else {"value_digest": sha256(value.encode())}
    log.record(tx, Event.TAG_SET, actor=caller.name, subject=subject, data={"key": key, **said})


def delete_tag(tx: Transaction, caller: Principal, model: str, number: int | None, key: str) -> None:
    """Take a tag off.

    Raises:
        NotFound: no such model, version or tag (`tag_not_found`).
    """
    subject = _find(tx, model, number, lock=True)
    before = store.drop_tag(tx, model, number or 0, key)
    if before is None:
        name = subject.removeprefix("model/")
        raise NotFound(f"{name} has no tag {key[:250]!r}", code="tag_not_found", hint=f"`clearance tags list {name}`")
    if number is None:
        summaries.retag(tx, get_model(tx, model), key, before, None)
    log.record(tx, Event.TAG_REMOVED, actor=caller.name, subject=subject, data={"key": key})


def tags(tx: Transaction, model: str, number: int | None = None) -> Mapping[str, str]:
    """Return the tags of a model, or of a version of it, by key.

    Raises:
        NotFound: no such model or version.
    """
    _find(tx, model, number)
    return store.select_tags(tx, model, number or 0)


def _find(tx: Transaction, model: str, number: int | None, *, lock: bool = False) -> str:
    """Return the name of what is tagged in the log; with `lock`, nobody else changes its tags meanwhile."""
    if lock or number is None:
        model = get_model(tx, model, lock=lock).name
    if number is None:
        return f"model/{model}"
    return f"model/{get_version(tx, model, number).name}"

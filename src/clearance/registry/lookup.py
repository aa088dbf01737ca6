"""Find one model, version or dataset by its name, or say clearly that there is none."""

from __future__ import annotations

from collections.abc import Sequence

from clearance.errors import Denied, NotFound
from clearance.registry import rules, store
from clearance.registry.model import Dataset, Model, Version
from clearance.storage.database import Transaction
from clearance.storage.digests import check_digest


def get_model(tx: Transaction, name: str, *, lock: bool = False) -> Model:
    """Return a model; with `lock`, nobody else changes it or its versions until this transaction ends.

    Raises:
        NotFound: no such model (`model_not_found`); where one has that title, hint and details say which: clients ask again.
    """
    found = store.find_model(tx, name, lock=lock) if rules.is_model_name(name) else None
    if found is None:
        titled = _titled(tx, name)
        raise NotFound(
            f"there is no model {name[:120]!r}",
            code="model_not_found",
            hint=f"the one with that title is {titled}" if titled else "`clearance models list` shows all",
            details={"title": name, "model": titled} if titled else None,
        )
    return found


def identity(tx: Transaction, text: str) -> str:
    """Return the identity that a person means: the text if a model has it for its name, else that of the model with this title.

    The text itself where it is neither.
    """
    if rules.is_model_name(text) and store.find_model(tx, text) is not None:
        return text
    return _titled(tx, text) or text


def check_named(tx: Transaction, model: str | None) -> None:
    """Refuse to list what belongs to a model that does not exist: "there is none" would be no answer; None names no model.

    Raises:
        NotFound: no such model (`model_not_found`).
    """
    if model is not None:
        get_model(tx, model)


def get_version(tx: Transaction, model: str, number: int) -> Version:
    """Return a version.

    Raises:
        NotFound: no such model (`model_not_found`), or it has no such version (`version_not_found`).
    """
    found = store.find_version(tx, model, number) if can_be_version(model, number) else None
    if found is None:
        raise no_version(tx, model, number)
    return found


def can_be_version(model: str, number: int) -> bool:
    """Return whether a version can be called so at all, so that it may be looked for."""
    return rules.is_model_name(model) and 0 < number <= rules.LARGEST_NUMBER


def no_version(tx: Transaction, model: str, number: int) -> NotFound:
    """Return that a model has no such version.

    Raises:
        NotFound: there is no such model (`model_not_found`).
    """
    get_model(tx, model)
    last = store.last_number(tx, model)
    return NotFound(
        f"{model} has no version {number}",
        code="version_not_found",
        hint=f"its newest is {last}" if last else f"it has none yet: `clearance versions register {model} FOLDER`",
    )


def look_up(tx: Transaction, wanted: Sequence[tuple[str, int]]) -> None:
    """Read versions and their models at once, so that asking for each of them afterwards, in this transaction, costs nothing."""
    store.look_up(tx, wanted)


def get_pinned(tx: Transaction, model: str, number: int) -> Version:
    """Return a version that has a digest, so that something can be said of it.

    Raises:
        NotFound: as `get_version`.
        Denied: its bytes lie elsewhere and nobody has pinned them (`version_unpinned`).
    """
    found = get_version(tx, model, number)
    if not found.digest:
        raise Denied(
            f"{found.name} has no digest: its bytes are said to be at {found.source.uri}, and nobody has pinned them",
            code="version_unpinned",
            hint=f"fetch them, then `clearance versions pin {model} {number} FOLDER`",
        )
    return found


def _titled(tx: Transaction, title: str) -> str:
    """Return the name of the model that is called so now; empty if none is."""
    found = store.find_title(tx, title) if rules.is_title(title) else None
    return "" if found is None else found.name


def get_dataset(tx: Transaction, digest: str) -> Dataset:
    """Return a dataset.

    Raises:
        InvalidInput: that is no digest.
        NotFound: none is registered with that digest (`dataset_not_found`).
    """
    found = store.find_dataset(tx, check_digest(digest))
    if found is None:
        raise NotFound(
            f"there is no dataset {digest}", code="dataset_not_found", hint="`clearance datasets list` shows all"
        )
    return found

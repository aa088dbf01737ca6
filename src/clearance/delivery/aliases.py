"""Use cases of aliases: free ones move as people like, guarded ones are the pointer of an environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import store
from clearance.delivery.model import Alias, AliasMove, NewPromotion
from clearance.delivery.ports import Gate
from clearance.delivery.promotion import promote
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.policy.pack import ENVIRONMENTS
from clearance.registry import service as registry
from clearance.registry.model import Model, ModelKind
from clearance.registry.stopped import check_usable
from clearance.storage.database import Transaction

Guards = Mapping[str, str]
"""Environment by guarded alias."""
_ALIAS = re.compile(r"(?!v\d+$)(?!latest$)[\w-]{1,255}", re.IGNORECASE)


def parse_guards(text: str) -> Guards:
    """Read the setting: `alias=environment`, by commas.

    Raises:
        InvalidInput: an alias that is none, or an environment that there is not (`bad_setting`).
    """
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        alias, _, environment = (part.strip() for part in pair.partition("="))
        if not _ALIAS.fullmatch(alias) or environment not in ENVIRONMENTS:
            raise InvalidInput(
                f"CLEARANCE_GUARDED_ALIASES has {pair[:100]!r}",
                code="bad_setting",
                hint=f"such as champion=production; environments: {', '.join(ENVIRONMENTS)}",
            )
        found[alias] = environment
    return found


def guards_of(guards: Guards, model: Model) -> Guards:
    """Return what is guarded of a model's aliases: nothing of a prompt's, which serves nowhere."""
    return {} if model.kind is ModelKind.PROMPT else guards


def set_alias(
    tx: Transaction, caller: Principal, gate: Gate, guards: Guards, model: str, alias: str, number: int
) -> AliasMove:
    """Let an alias name a version; a guarded one only if the version is promoted in its environment by that.

    The promotion stands whatever its outcome, as with `promote`: when it is denied or waits, the alias stays where it is.

    Raises:
        NotFound: no such version.
        InvalidInput: what is no alias (`bad_alias`).
        Conflict: the version may not be used (`bad_status`), or a rollout is under way.
    """
    _check(alias)
    found = registry.get_model(tx, model, lock=True)
    check_usable(found, registry.get_version(tx, model, number))
    environment = guards_of(guards, found).get(alias)
    present = store.find_alias(tx, model, alias)
    if environment is None:
        if present != number:
            store.put_alias(tx, model, alias, number)
            _record(tx, caller, Event.ALIAS_SET, model, alias, {"from": present, "to": number})
        return AliasMove(alias=Alias(name=alias, model=model, number=number, environment=None), promotion=None)
    asked = promote(tx, caller, gate, NewPromotion(model=model, number=number, environment=environment))
    serves = asked.pointer.stable if asked.pointer is not None else None
    if serves == number and present is None:
        store.put_alias(tx, model, alias, number)
        _record(tx, caller, Event.ALIAS_SET, model, alias, {"environment": environment, "to": number})
    named = None if serves is None else Alias(name=alias, model=model, number=serves, environment=environment)
    return AliasMove(alias=named, promotion=asked)


def delete_alias(tx: Transaction, caller: Principal, guards: Guards, model: str, alias: str) -> None:
    """Take an alias away.

    Raises:
        NotFound: no such model, or it has no such alias (`alias_not_found`).
        Conflict: it is guarded, and something serves there (`alias_guarded`).
    """
    registry.get_model(tx, model, lock=True)
    found = resolve_alias(tx, guards, model, alias)
    if found.environment is not None:
        raise Conflict(
            f"{alias} is what serves for {model} in {found.environment}, and stays so",
            code="alias_guarded",
            hint=f"`clearance rollback {model} --environment {found.environment}` goes back to the version before",
        )
    store.drop_alias(tx, model, alias)
    _record(tx, caller, Event.ALIAS_REMOVED, model, alias, {"from": found.number})


def list_aliases(tx: Transaction, guards: Guards, model: str) -> tuple[Alias, ...]:
    """Return the aliases that were given, by name; a guarded one names what serves, and is none where nothing does.

    Raises:
        NotFound: no such model.
    """
    guards = guards_of(guards, registry.get_model(tx, model))
    serving = {each.environment: each.stable for each in store.select_pointers(tx, model=model)}
    return tuple(
        Alias(name=name, model=model, number=serving[environment] if environment else number, environment=environment)
        for name, number in store.select_aliases(tx, model).items()
        if (environment := guards.get(name)) is None or environment in serving
    )


def resolve_alias(tx: Transaction, guards: Guards, model: str, alias: str) -> Alias:
    """Return what an alias names; a guarded one names what serves in its environment, also when nobody gave it.

    Raises:
        NotFound: no such model, or it has no such alias (`alias_not_found`).
    """
    environment = guards_of(guards, registry.get_model(tx, model)).get(alias)
    if environment is None:
        number = store.find_alias(tx, model, alias)
    else:
        pointer = store.pointer(tx, model, environment)
        number = None if pointer is None else pointer.stable
    if number is None:
        where = f"; it is what serves in {environment}, and nothing does" if environment else ""
        raise NotFound(
            f"{model} has no alias {alias[:255]!r}{where}",
            code="alias_not_found",
            hint=f"`clearance aliases set {model} {alias[:255]} NUMBER`",
        )
    return Alias(name=alias, model=model, number=number, environment=environment)


def _check(alias: str) -> None:
    if not _ALIAS.fullmatch(alias):
        raise InvalidInput(
            f"{alias[:100]!r} is not an alias",
            code="bad_alias",
            hint="letters, digits, _ and -, at most 255; not latest, and not v and a number",
        )


def _record(
    tx: Transaction, caller: Principal, event: Event, model: str, alias: str, facts: Mapping[str, str | int | None]
) -> None:
    log.record(tx, event, actor=caller.name, subject=f"model/{model}", data={"alias": alias, **facts})

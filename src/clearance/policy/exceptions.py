"""Use cases of waivers: deliberate, dated exceptions to one rule."""

from __future__ import annotations

from datetime import timedelta

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, Forbidden, InvalidInput, NotFound
from clearance.policy import consent_store, installation
from clearance.policy.consent import NewWaiver, Waiver
from clearance.policy.pack import Pack
from clearance.registry import service as registry
from clearance.storage.database import Transaction
from clearance.values import Page

_LONGEST_REASON = 4000


def grant_waiver(tx: Transaction, caller: Principal, new: NewWaiver) -> Waiver:
    """Let one rule not block a model, or one version of it, for a while. It counts from the next decision on.

    Nobody waives a rule for their own version: a waiver of a whole model does not count for versions of its granter.

    Raises:
        NotFound: no such model or version.
        InvalidInput: no such rule, no reason, or a life of zero or longer than the pack allows.
        Conflict: the rule can't be waived (code `not_waivable`).
        Forbidden: one's own version (code `own_version`).
    """
    model = registry.get_model(tx, new.model)
    author = None if new.number is None else registry.get_version(tx, new.model, new.number).created_by
    if author is not None and caller.stands_for(author):
        raise Forbidden(
            f"{caller.voice_of(author)} registered {new.model}/{new.number}, and nobody waives a rule for their own version",
            code="own_version",
            hint="somebody else who may waive has to do it",
        )
    used = installation.pack_for(tx, model.risk, new.environment)
    if used is None:
        raise Conflict(f"no pack applies to {new.model} in {new.environment}", code="no_pack")
    _check(used.pack, new)
    waiver = Waiver(
        id=tx.new_id("wvr"),
        rule=new.rule,
        model=new.model,
        number=new.number,
        environment=new.environment,
        reason=new.reason.strip(),
        granted_at=tx.now,
        granted_by=caller.name,
        expires_at=tx.now + timedelta(days=new.days),
        revoked_at=None,
        revoked_by=None,
    )
    consent_store.insert_waiver(tx, waiver)
    _record(tx, caller, Event.WAIVER_GRANTED, waiver)
    return waiver


def revoke_waiver(tx: Transaction, caller: Principal, waiver_id: str) -> Waiver:
    """End a waiver now; what was admitted because of it may not be loaded any more.

    Raises:
        NotFound: no such waiver.
        Conflict: it is in force no more.
    """
    waiver = _find(tx, waiver_id)
    if not waiver.in_force(tx.now):
        raise Conflict(f"the waiver {waiver_id} is in force no more", code="waiver_over")
    consent_store.revoke_waiver(tx, waiver_id, tx.now, caller.name)
    _record(tx, caller, Event.WAIVER_REVOKED, waiver)
    return _find(tx, waiver_id)


def get_waiver(tx: Transaction, waiver_id: str) -> Waiver:
    """Return a waiver, also one that counts no longer.

    Raises:
        NotFound: no such waiver.
    """
    return _find(tx, waiver_id)


def list_waivers(tx: Transaction, model: str | None = None) -> Page[Waiver]:
    """Return waivers, newest first, also those that count no longer.

    Raises:
        NotFound: no such model.
    """
    registry.check_named(tx, model)
    return Page(items=consent_store.list_waivers(tx, model))


def _find(tx: Transaction, waiver_id: str) -> Waiver:
    found = consent_store.find_waiver(tx, waiver_id)
    if found is None:
        raise NotFound(
            f"there is no waiver {waiver_id[:80]}", code="waiver_not_found", hint="`clearance waivers list` shows all"
        )
    return found


def _check(pack: Pack, new: NewWaiver) -> None:
    rule = next((each for each in pack.rules if each.id == new.rule), None)
    if rule is None:
        raise InvalidInput(
            f"the pack {pack.name} has no rule {new.rule[:80]}",
            code="rule_not_found",
            hint="its rules: " + ", ".join(each.id for each in pack.rules),
        )
    if not rule.waivable:
        raise Conflict(f"the rule {rule.id} can't be waived", code="not_waivable", hint=rule.title)
    if not new.reason.strip() or len(new.reason) > _LONGEST_REASON:
        raise InvalidInput(
            f"a waiver needs a reason of 1 to {_LONGEST_REASON} characters",
            code="no_reason",
            hint="say why, for whoever asks in a year",
        )
    if not 0 < new.days <= pack.longest_waiver_days:
        raise InvalidInput(
            f"a waiver can't last {new.days:g} days",
            code="bad_expiry",
            hint=f"more than 0, at most {pack.longest_waiver_days:g} by the pack {pack.name}",
        )


def _record(tx: Transaction, caller: Principal, event: Event, waiver: Waiver) -> None:
    subject = f"model/{waiver.model}" + (f"/{waiver.number}" if waiver.number is not None else "")
    log.record(
        tx,
        event,
        actor=caller.name,
        subject=subject,
        data={
            "waiver": waiver.id,
            "rule": waiver.rule,
            "environment": waiver.environment,
            "reason": waiver.reason,
            "expires_at": waiver.expires_at,
        },
    )

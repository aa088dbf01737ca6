"""Queries of packs and decisions; both are kept as the canonical text that their digests are of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa

from clearance.policy.model import Conclusion, Decision, Facts, Outcome, Ruling
from clearance.policy.pack import InstalledPack, Pack
from clearance.policy.tables import decisions, installations, packs
from clearance.storage.database import Transaction, batched
from clearance.values import canonical_json, parse_json

_PLAIN = ("id", "model", "number", "digest", "environment", "pack", "pack_version", "pack_digest", "facts_digest")
_MADE = ("approval_id", "made_at", "made_by")

_BODY = sa.select(packs.c.body).where(packs.c.digest == sa.bindparam("digest"))
_INSTALLED = sa.select(installations, packs.c.body).join(packs).order_by(installations.c.position.desc())

_RULINGS = sa.select(*(decisions.c[name] for name in ("id", "model", "number", "environment", "outcome", "conclusion")))
_NEWEST = (
    _RULINGS.where(
        decisions.c.model == sa.bindparam("model"),
        decisions.c.number == sa.bindparam("number"),
        decisions.c.environment == sa.bindparam("environment"),
    )
    .order_by(decisions.c.position.desc())
    .limit(1)
)
_NEWEST_SETTLED = _NEWEST.where(decisions.c.outcome != Outcome.PENDING.value)


def keep_pack(tx: Transaction, used: InstalledPack) -> None:
    """Keep a pack's body under its digest; the same pack is kept once."""
    if pack_body(tx, used.digest) is not None:
        return
    tx.lock("policy packs")  # two that use it first at once wait for each other
    if pack_body(tx, used.digest) is None:
        tx.execute(sa.insert(packs), {"digest": used.digest, "body": canonical_json(used.pack).decode()})


def pack_body(tx: Transaction, digest: str) -> str | None:
    """Return the canonical text of a pack."""
    found: str | None = tx.execute(_BODY, {"digest": digest}).scalar()
    return found


def install_pack(tx: Transaction, installed: InstalledPack) -> None:
    tx.execute(
        sa.insert(installations),
        {
            "name": installed.pack.name,
            "digest": installed.digest,
            "installed_at": installed.installed_at,
            "installed_by": installed.installed_by,
        },
    )


def installed_packs(tx: Transaction) -> tuple[InstalledPack, ...]:
    """Return the newest installation of each name, newest first."""
    found: dict[str, InstalledPack] = {}
    for row in tx.execute(_INSTALLED):
        if row.name not in found:
            found[row.name] = InstalledPack(
                pack=_pack(row.body),
                digest=row.digest,
                installed_at=row.installed_at,
                installed_by=row.installed_by,
            )
    return tuple(found.values())


def insert_decision(tx: Transaction, decision: Decision, conclusion: Conclusion) -> None:
    tx.execute(
        sa.insert(decisions),
        {
            **{name: getattr(decision, name) for name in (*_PLAIN, *_MADE)},
            "outcome": decision.outcome.value,
            "facts": canonical_json(decision.facts).decode(),
            "conclusion": canonical_json(conclusion).decode(),
            "vsa": canonical_json(decision.vsa).decode(),
        },
    )


def find_decision(tx: Transaction, decision_id: str) -> Decision | None:
    row = tx.execute(sa.select(decisions).where(decisions.c.id == decision_id)).first()
    return None if row is None else _decision(row._mapping)


def newest_decision(tx: Transaction, model: str, number: int, environment: str) -> Decision | None:
    """Return the newest decision."""
    query = _filtered(sa.select(decisions), model, number, environment)
    row = tx.execute(query.order_by(decisions.c.position.desc()).limit(1)).first()
    return None if row is None else _decision(row._mapping)


def newest_ruling(
    tx: Transaction, model: str, number: int, environment: str, *, settled: bool = False
) -> Ruling | None:
    """Return what the newest decision came to; `settled`: the newest that allowed or denied, not one that waits for people.

    It is asked for every version that serves, so that its facts and rules, which are long, are left unread.
    """

    def read() -> Ruling | None:
        asked = {"model": model, "number": number, "environment": environment}
        row = tx.execute(_NEWEST_SETTLED if settled else _NEWEST, asked).first()
        return None if row is None else _ruling(row)

    return tx.remember((decisions, model, number, environment, settled), read)


def look_up_rulings(tx: Transaction, wanted: Sequence[tuple[str, int]], environment: str) -> None:
    """Read the newest ruling on each of these versions at once, so that `newest_ruling` need not ask for each of them."""
    for some in batched(wanted):
        own = (
            decisions.c.model.in_(
                {model for model, _ in some}
            ),  # SQLite goes through the whole table for a list of pairs
            sa.tuple_(decisions.c.model, decisions.c.number).in_(some),
            decisions.c.environment == environment,
        )
        newest = (
            sa.select(sa.func.max(decisions.c.position)).where(*own).group_by(decisions.c.model, decisions.c.number)
        )
        found = {(row.model, row.number): row for row in tx.execute(_RULINGS.where(decisions.c.position.in_(newest)))}
        for model, number in some:
            row = found.get((model, number))
            key = (decisions, model, number, environment, False)
            tx.remember(key, partial(_ruling, row) if row is not None else _nothing)


def list_decisions(
    tx: Transaction, *, model: str | None, number: int | None, environment: str | None, before: int | None, limit: int
) -> list[tuple[int, Decision]]:
    """Return decisions newest first, each with its position."""
    query = _filtered(sa.select(decisions), model, number, environment)
    if before is not None:
        query = query.where(decisions.c.position < before)
    rows = tx.execute(query.order_by(decisions.c.position.desc()).limit(limit))
    return [(row.position, _decision(row._mapping)) for row in rows]


def stored_decisions(tx: Transaction) -> Iterator[Mapping[Any, Any]]:
    """Yield every decision as it is stored, oldest first."""
    for row in tx.execute(sa.select(decisions).order_by(decisions.c.position)):
        yield row._mapping


@lru_cache(maxsize=64)
def _pack(body: str) -> Pack:
    return parse_json(Pack, body)


def _ruling(row: sa.Row[Any]) -> Ruling:
    conclusion = json.loads(row.conclusion)
    return Ruling(
        id=row.id,
        environment=row.environment,
        outcome=Outcome(row.outcome),
        reason=conclusion["reason"],
        waivers=tuple(conclusion["waivers"]),
    )


def _nothing() -> None:
    return None


def _filtered(query: sa.Select[Any], model: str | None, number: int | None, environment: str | None) -> sa.Select[Any]:
    wanted = {"model": model, "number": number, "environment": environment}
    return query.where(*[decisions.c[name] == found for name, found in wanted.items() if found is not None])


def _decision(row: Mapping[Any, Any]) -> Decision:
    conclusion = parse_json(Conclusion, row["conclusion"])
    fields = {name: row[name] for name in (*_PLAIN, *_MADE)} | {
        name: getattr(conclusion, name) for name in Conclusion.__dataclass_fields__
    }
    return Decision(facts=parse_json(Facts, row["facts"]), vsa=json.loads(row["vsa"]), **fields)

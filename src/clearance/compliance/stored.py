"""What the tables hold of everything that the log is compared with; digests are made anew from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from clearance.access import store as access
from clearance.compliance.agreement import Facts, Kind, move_key, place_key, role_key, vote_key
from clearance.delivery import store as delivery
from clearance.errors import ClearanceError
from clearance.evidence import dsse, keys
from clearance.evidence import store as evidence
from clearance.policy import tables as policy
from clearance.registry import store as registry
from clearance.registry.model import Lifecycle
from clearance.storage.database import Transaction
from clearance.values import plain, sha256

_Rows = Iterator[tuple[str, Facts]]
_AT_ONCE = 1000


def read(tx: Transaction, kind: Kind) -> Mapping[str, Facts]:
    """Return everything of a kind by what it is known by; of several that share that, the newest."""
    return dict(_READ[kind](tx))


def _rows(tx: Transaction, query: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
    with tx.connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as result:
        yield from result


def _tokens(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(access.tokens)):
        facts = {"name": row.name, "roles": row.roles, "scope": row.scope, "revoked": row.revoked_at is not None}
        yield row.id, facts


def _roles(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(access.bindings)):
        yield role_key(row.subject, row.role, row.team), {}


def _keys(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(evidence.keys)):
        known = _or_unreadable(_key_id, row.pem)
        key = row.key_id if known == row.key_id else f"{row.key_id} (in truth {known})"
        yield key, {"name": row.name, "purposes": row.purposes, "revoked": row.revoked_at is not None}


def _packs(tx: Transaction) -> _Rows:
    query = sa.select(policy.installations.c.name, policy.packs.c.body).join(policy.packs)
    for row in _rows(tx, query.order_by(policy.installations.c.position)):
        yield row.name, {"digest": sha256(row.body.encode())}


def _models(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(registry.models)):
        model = registry.model_of(tx, row)  # governed as it is now: a lowering ends with time
        facts = {name: plain(getattr(model, name)) for name in ("owner", "team", "risk", "assessed_risk")}
        yield model.name, {**facts, "retired": model.lifecycle is Lifecycle.RETIRED}


def _versions(tx: Transaction) -> _Rows:
    table = registry.versions.c
    for row in _rows(tx, sa.select(table.model, table.number, table.digest, table.status)):
        yield f"{row.model}/{row.number}", {"digest": row.digest, "status": row.status}


def _signatures(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(evidence.signatures)):
        facts = {"about": f"{row.model}/{row.number}", "digest": sha256(row.bundle.encode()), "signer": row.signer}
        yield row.id, facts


def _statements(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(evidence.statements)):
        digest = _or_unreadable(_digest, row.envelope)
        yield row.id, {"about": f"{row.model}/{row.number}", "digest": digest, "signer": row.signer}


def _decisions(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(policy.decisions)):
        yield (
            row.id,
            {
                "about": f"{row.model}/{row.number}",
                "environment": row.environment,
                "outcome": row.outcome,
                "pack": row.pack_digest,
                "facts": sha256(row.facts.encode()),
                "conclusion": sha256(row.conclusion.encode()),
                "made_by": row.made_by,
            },
        )


def _votes(tx: Transaction) -> _Rows:
    query = sa.select(policy.votes, policy.requests.c.model, policy.requests.c.number).join(policy.requests)
    for row in _rows(tx, query.order_by(policy.votes.c.position)):
        facts = {"approve": row.approve, "roles": row.roles, "comment": row.comment}
        yield vote_key(row.request_id, row.voter), {"about": f"{row.model}/{row.number}", **facts}


def _waivers(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(policy.waivers)):
        yield (
            row.id,
            {
                "about": row.model if row.number is None else f"{row.model}/{row.number}",
                "rule": row.rule,
                "environment": row.environment,
                "reason": row.reason,
                "granted_by": row.granted_by,
                "expires_at": plain(row.expires_at),
                "revoked": row.revoked_at is not None,
            },
        )


def _aliases(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(delivery.aliases)):
        yield place_key(row.model, row.alias), {"number": row.number}


def _moves(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(delivery.moves).order_by(delivery.moves.c.position)):
        said = row.document
        facts = {"kind": said["kind"], "from": said["from_number"], "to": said["to_number"], "by": said["by"]}
        yield move_key(row.model, row.environment, said["at"]), {**facts, "decision": said["decision_id"]}


def _pointers(tx: Transaction) -> _Rows:
    for row in _rows(tx, sa.select(delivery.pointers)):
        stands = {"stable": row.stable, "decision": row.decision_id, "candidate": row.candidate or 0}
        yield place_key(row.model, row.environment), {**stands, "weight": row.weight}


def _key_id(pem: str) -> str:
    return keys.key_id(keys.parse_public(pem))


def _digest(envelope: str) -> str:
    return dsse.digest(dsse.parse(envelope))


def _or_unreadable(read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except ClearanceError as error:
        return f"unreadable: {error.message}"


_READ: Mapping[Kind, Callable[[Transaction], _Rows]] = {
    Kind.TOKEN: _tokens,
    Kind.ROLE: _roles,
    Kind.KEY: _keys,
    Kind.PACK: _packs,
    Kind.MODEL: _models,
    Kind.VERSION: _versions,
    Kind.SIGNATURE: _signatures,
    Kind.STATEMENT: _statements,
    Kind.DECISION: _decisions,
    Kind.VOTE: _votes,
    Kind.WAIVER: _waivers,
    Kind.ALIAS: _aliases,
    Kind.MOVE: _moves,
    Kind.POINTER: _pointers,
}

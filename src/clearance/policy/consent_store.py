"""Queries of approval requests, votes and waivers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clearance.access.model import Role
from clearance.policy.consent import ApprovalRequest, RequestState, Waiver
from clearance.policy.model import Vote
from clearance.policy.tables import requests, votes, waivers
from clearance.registry.stopped import FOR_GOOD
from clearance.registry.store import versions
from clearance.storage.database import Transaction

_PLAIN = tuple(name for name in ApprovalRequest.__dataclass_fields__ if name not in {"roles", "state", "votes"})

_OF_VERSION = (
    (requests.c.model == sa.bindparam("model"))
    & (requests.c.number == sa.bindparam("number"))
    & (requests.c.environment == sa.bindparam("environment"))
)
_OVER = (
    sa.exists()
    .where(
        versions.c.model == requests.c.model,
        versions.c.number == requests.c.number,
        versions.c.status.in_([status.value for status in FOR_GOOD]),
    )
    .correlate(requests)
)
"""Whether the version that a request is about was stopped for good: then nobody can settle it any more."""
_REQUESTS = sa.select(requests, _OVER.label("over"))
_NEWEST_REQUEST = _REQUESTS.where(_OF_VERSION).order_by(requests.c.position.desc()).limit(1)
_OPEN_REQUEST = _NEWEST_REQUEST.where(
    requests.c.state == RequestState.OPEN.value, ~_OVER, requests.c.expires_at > sa.bindparam("now")
)
_SETTLED_REQUEST = _NEWEST_REQUEST.where(
    requests.c.state.in_([RequestState.APPROVED.value, RequestState.REJECTED.value])
)
_VOTES_IN_FORCE = (
    sa.select(votes)
    .join(requests)
    .where(_OF_VERSION, votes.c.expires_at > sa.bindparam("now"))
    .order_by(votes.c.position)
)
_WAIVERS = sa.select(waivers).order_by(waivers.c.position.desc())
_WAIVERS_OF_MODEL = _WAIVERS.where(waivers.c.model == sa.bindparam("model"))


def insert_request(tx: Transaction, request: ApprovalRequest, valid_days: float) -> None:
    tx.execute(
        sa.insert(requests),
        {
            **{name: getattr(request, name) for name in _PLAIN},
            "roles": [role.value for role in request.roles],
            "state": request.state.value,
            "valid_days": valid_days,
        },
    )


def find_request(tx: Transaction, request_id: str) -> tuple[ApprovalRequest, float] | None:
    """Return a request and how many days a vote on it counts."""
    row = tx.execute(_REQUESTS.where(requests.c.id == request_id)).first()
    return None if row is None else (_request(tx, row._mapping), row.valid_days)


def list_requests(
    tx: Transaction, *, state: RequestState | None, version: tuple[str, int] | None, before: int | None, limit: int
) -> list[tuple[int, ApprovalRequest]]:
    """Return requests newest first, each with its position; what nobody settled may be closed or expired, not open."""
    query = _REQUESTS.order_by(requests.c.position.desc()).limit(limit)
    if before is not None:
        query = query.where(requests.c.position < before)
    if version is not None:
        query = query.where(requests.c.model == version[0], requests.c.number == version[1])
    in_time = requests.c.expires_at > tx.now
    unsettled = {
        RequestState.OPEN: (~_OVER, in_time),
        RequestState.EXPIRED: (~_OVER, ~in_time),
        RequestState.CLOSED: (_OVER,),
    }
    if state in unsettled:
        query = query.where(requests.c.state == RequestState.OPEN.value, *unsettled[state])
    elif state is not None:
        query = query.where(requests.c.state == state.value)
    return [(row.position, _request(tx, row._mapping)) for row in tx.execute(query)]


def open_request(tx: Transaction, model: str, number: int, environment: str) -> ApprovalRequest | None:
    """Return the request that waits for votes on this version."""
    asked = {"model": model, "number": number, "environment": environment, "now": tx.now}
    row = tx.execute(_OPEN_REQUEST, asked).first()
    return None if row is None else _request(tx, row._mapping)


def settled_request(tx: Transaction, model: str, number: int, environment: str) -> ApprovalRequest | None:
    """Return the newest request that people settled on this version."""
    row = tx.execute(_SETTLED_REQUEST, {"model": model, "number": number, "environment": environment}).first()
    return None if row is None else _request(tx, row._mapping)


def settle_request(tx: Transaction, request_id: str, state: RequestState) -> None:
    tx.execute(sa.update(requests).where(requests.c.id == request_id).values(state=state.value))


def insert_vote(tx: Transaction, request_id: str, vote: Vote, expires_at: datetime) -> None:
    tx.execute(
        sa.insert(votes),
        {
            "request_id": request_id,
            "voter": vote.voter,
            "roles": [role.value for role in vote.roles],
            "approve": vote.approve,
            "comment": vote.comment,
            "at": vote.at,
            "expires_at": expires_at,
        },
    )


def votes_in_force(tx: Transaction, model: str, number: int, environment: str) -> tuple[Vote, ...]:
    """Return the votes on a version that still count, oldest first."""
    asked = {"model": model, "number": number, "environment": environment, "now": tx.now}
    return tuple(_vote(row) for row in tx.execute(_VOTES_IN_FORCE, asked))


def insert_waiver(tx: Transaction, waiver: Waiver) -> None:
    tx.execute(sa.insert(waivers), {name: getattr(waiver, name) for name in Waiver.__dataclass_fields__})


def find_waiver(tx: Transaction, waiver_id: str) -> Waiver | None:
    row = tx.execute(sa.select(waivers).where(waivers.c.id == waiver_id)).first()
    return None if row is None else _waiver(row._mapping)


def list_waivers(tx: Transaction, model: str | None = None) -> tuple[Waiver, ...]:
    """Return waivers, newest first, also those that count no longer."""
    rows = tx.execute(_WAIVERS) if model is None else tx.execute(_WAIVERS_OF_MODEL, {"model": model})
    return tuple(_waiver(row._mapping) for row in rows)


def revoke_waiver(tx: Transaction, waiver_id: str, at: datetime, by: str) -> None:
    tx.execute(sa.update(waivers).where(waivers.c.id == waiver_id).values(revoked_at=at, revoked_by=by))


def _request(tx: Transaction, row: Mapping[Any, Any]) -> ApprovalRequest:
    state = RequestState(row["state"])
    if state is RequestState.OPEN and row["over"]:
        state = RequestState.CLOSED
    elif state is RequestState.OPEN and row["expires_at"] <= tx.now:
        state = RequestState.EXPIRED
    found = tx.execute(sa.select(votes).where(votes.c.request_id == row["id"]).order_by(votes.c.position))
    return ApprovalRequest(
        **{name: row[name] for name in _PLAIN},
        roles=tuple(Role(role) for role in row["roles"]),
        state=state,
        votes=tuple(_vote(vote) for vote in found),
    )


def _vote(row: sa.Row[Any]) -> Vote:
    return Vote(
        voter=row.voter,
        roles=tuple(Role(role) for role in row.roles),
        approve=row.approve,
        comment=row.comment,
        at=row.at,
    )


def _waiver(row: Mapping[Any, Any]) -> Waiver:
    return Waiver(**{name: row[name] for name in Waiver.__dataclass_fields__})

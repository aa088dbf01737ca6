"""Use cases of role bindings: who gets which role when they log in, for which team's models."""

from __future__ import annotations

import re

from clearance.access import store
from clearance.access.model import Principal, Role, TeamRole
from clearance.access.people import Binding, NewBinding, Session
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.storage.database import Transaction

_SUBJECT = re.compile(r"(user|group):\S(.{0,198}\S)?")
_LONGEST_TEAM = 200


def bind_role(tx: Transaction, caller: Principal, new: NewBinding) -> Binding:
    """Give a role to a person or a group, for one team's models or for all.

    Raises:
        InvalidInput: a subject that is neither `user:NAME` nor `group:NAME`, or a team without a name.
        Conflict: it is bound already.
    """
    if not (_SUBJECT.fullmatch(new.subject) and new.subject.isprintable()):
        raise InvalidInput(
            f"{new.subject[:120]!r} names nobody", code="bad_subject", hint="user:alice@example.com or group:risk"
        )
    if new.team is not None and not (new.team.strip() and len(new.team) <= _LONGEST_TEAM and new.team.isprintable()):
        raise InvalidInput(
            "the team has no name, or none that can be shown",
            code="bad_team",
            hint="leave --team out to mean all teams",
        )
    if store.find_binding(tx, new.subject, new.role, new.team) is not None:
        raise Conflict(f"{_sentence(new.subject, new.role, new.team)} already", code="role_bound")
    made = Binding(subject=new.subject, role=new.role, team=new.team, bound_at=tx.now, bound_by=caller.name)
    store.insert_binding(tx, made)
    _record(tx, caller, Event.ROLE_BOUND, made)
    return made


def unbind_role(tx: Transaction, caller: Principal, subject: str, role: Role, team: str | None) -> Binding:
    """Take a role away again; open sessions lose it within a second.

    Raises:
        NotFound: it is not bound.
    """
    found = store.find_binding(tx, subject, role, team)
    if found is None:
        raise NotFound(
            f"not so: {_sentence(subject[:120], role, team)}",
            code="binding_not_found",
            hint="`clearance roles list` shows all",
        )
    store.delete_binding(tx, subject, role, team)
    _record(tx, caller, Event.ROLE_UNBOUND, found)
    return found


def list_bindings(tx: Transaction) -> tuple[Binding, ...]:
    """Return all bindings, by subject."""
    return store.list_bindings(tx)


def principal_of(tx: Transaction, session: Session) -> Principal:
    """Return the person of a session with the roles that are bound now, to them or to one of their groups."""
    bound = store.list_bindings(tx, (session.name, *(f"group:{group}" for group in session.groups)))
    return Principal(
        name=session.name,
        roles=tuple(dict.fromkeys(each.role for each in bound if each.team is None)),
        team_roles=tuple(
            dict.fromkeys(TeamRole(role=each.role, team=each.team) for each in bound if each.team is not None)
        ),
        expires_at=session.expires_at,
    )


def _record(tx: Transaction, caller: Principal, event: Event, binding: Binding) -> None:
    data = {"role": binding.role, "team": binding.team}
    log.record(tx, event, actor=caller.name, subject=f"binding/{binding.subject}", data=data)


def _sentence(subject: str, role: Role, team: str | None) -> str:
    return f"{subject} is {role.value} for {'all teams' if team is None else team}"

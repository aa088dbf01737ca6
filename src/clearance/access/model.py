"""Principals, the seven roles, what each may do and for which models; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from clearance.errors import Forbidden
from clearance.values import request, value


class Permission(StrEnum):
    """What a route can require; every route declares exactly one."""

    OWN = "own"  # one's own session and identity: whoever is known
    READ = "read"
    MODEL_WRITE = "model.write"
    VERSION_REGISTER = "version.register"
    VERSION_STOP = "version.stop"  # quarantine, release, retire
    EVIDENCE_WRITE = "evidence.write"
    CHECK_RUN = "check.run"
    TRUST_WRITE = "trust.write"
    DECIDE = "decide"
    APPROVE = "approve"
    WAIVE = "waive"
    POLICY_WRITE = "policy.write"
    DELIVER = "deliver"  # promote, roll out, roll back
    PREDICT = "predict"
    TELEMETRY_WRITE = "telemetry.write"
    TELEMETRY_READ = "telemetry.read"
    MONITOR_WRITE = "monitor.write"
    WEBHOOK_WRITE = "webhook.write"  # say who outside is told of changes
    RESPOND = "respond"  # acknowledge and resolve alerts, work on incidents
    AUDIT_READ = "audit.read"
    ARTIFACTS_COLLECT = "artifacts.collect"  # read all that is stored through, remove what nothing needs
    ACCESS_ADMIN = "access.admin"


class Role(StrEnum):
    """The seven roles."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    VALIDATOR = "validator"
    APPROVER = "approver"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMIN = "admin"


_P = Permission
GRANTS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.OWN, _P.READ}),
    Role.DEVELOPER: frozenset(
        {
            _P.OWN,
            _P.READ,
            _P.MODEL_WRITE,
            _P.VERSION_REGISTER,
            _P.EVIDENCE_WRITE,
            _P.CHECK_RUN,
            _P.DECIDE,
            _P.DELIVER,
            _P.PREDICT,
            _P.TELEMETRY_WRITE,
            _P.TELEMETRY_READ,
        }
    ),
    Role.VALIDATOR: frozenset({_P.OWN, _P.READ, _P.EVIDENCE_WRITE, _P.CHECK_RUN, _P.DECIDE, _P.TELEMETRY_READ}),
    Role.APPROVER: frozenset({_P.OWN, _P.READ, _P.DECIDE, _P.APPROVE, _P.WAIVE}),
    Role.OPERATOR: frozenset(
        {
            _P.OWN,
            _P.READ,
            _P.VERSION_STOP,
            _P.DECIDE,
            _P.DELIVER,
            _P.PREDICT,
            _P.TELEMETRY_WRITE,
            _P.TELEMETRY_READ,
            _P.MONITOR_WRITE,
            _P.WEBHOOK_WRITE,
            _P.RESPOND,
        }
    ),
    Role.AUDITOR: frozenset({_P.OWN, _P.READ, _P.TELEMETRY_READ, _P.AUDIT_READ}),
    Role.ADMIN: frozenset(Permission),
}
"""Least privilege: what is not listed is refused."""


PEOPLE_ONLY = frozenset({Permission.APPROVE, Permission.WAIVE})
"""What no program may do, whatever its roles: somebody has to have looked."""
SERVICE = "service:"
"""How the names of programs begin; everybody else is a person (`user:`, `local:`) or Clearance itself (`system:`)."""


@value
class TeamRole:
    """A role that counts for the models of one team only."""

    role: Role
    team: str


@value
class Scope:
    """What a token is narrowed to, within its roles; what is left empty narrows nothing."""

    permissions: tuple[Permission, ...] = ()
    models: tuple[str, ...] = ()
    team: str | None = None

    def reaches(self, place: Place) -> bool:
        """Whether a request about this place lies within."""
        model = not self.models or place.model in self.models
        return model and (self.team is None or self.team == place.team)


@value
class Place:
    """What a request is about: one model, or one that is to be (then only its team is known), or neither."""

    model: str | None = None
    team: str | None = None


NOWHERE = Place()
"""About no model that is known: only roles that hold for all teams count, and no token narrowed to some."""


@value
class Principal:
    """Who is calling: a name (`user:alice`, `service:ci`, `local:root`, `system:rollouts`), roles, and their limits."""

    name: str
    roles: tuple[Role, ...]
    team_roles: tuple[TeamRole, ...] = ()
    scope: Scope | None = None
    issued_by: str = ""
    """Who made the token that speaks for this principal; empty where no token does."""
    expires_at: datetime | None = None
    """When the token or session ends."""

    @property
    def held(self) -> tuple[str, ...]:
        """Every role, in words."""
        return (
            *(role.value for role in self.roles),
            *(f"{each.role.value} for {each.team}" for each in self.team_roles),
        )

    def at(self, place: Place) -> Principal:
        """Return who this is towards one place: with the roles that hold there, and nothing left to be asked of it.

        Towards no place in particular one stays who one is: a listing can still ask about each of its items.
        """
        if place == NOWHERE or (self.scope is None and not self.team_roles):
            return self
        if self.scope is not None and not self.scope.reaches(place):
            return replace(self, roles=(), team_roles=(), scope=None)
        there = (each.role for each in self.team_roles if each.team == place.team)
        kept = None if self.scope is None or not self.scope.permissions else Scope(permissions=self.scope.permissions)
        return replace(self, roles=tuple(dict.fromkeys((*self.roles, *there))), team_roles=(), scope=kept)

    def stands_for(self, name: str) -> bool:
        """Whether this is that person, or speaks by a token that they made: then it is their voice all the same."""
        return name in {self.name, self.issued_by}

    def voice_of(self, name: str) -> str:
        """Return in words who speaks where this `stands_for` somebody: that is who made the token, if this is somebody else."""
        return name if name == self.name else f"{name}, who made this token of {self.name},"

    def may(self, permission: Permission) -> bool:
        """Whether this is allowed everywhere; ask `at(place)` about one place."""
        if permission is Permission.OWN:
            return True
        if permission in PEOPLE_ONLY and self.name.startswith(SERVICE):
            return False
        if self.scope is not None and not self._within(self.scope, permission):
            return False
        return any(permission in GRANTS[role] for role in self.roles)

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether this is allowed towards at least one team or model."""
        held = (*self.roles, *(each.role for each in self.team_roles))
        kept = None if self.scope is None or not self.scope.permissions else Scope(permissions=self.scope.permissions)
        return replace(self, roles=held, team_roles=(), scope=kept).may(permission)

    @staticmethod
    def _within(scope: Scope, permission: Permission) -> bool:
        everywhere = scope.reaches(NOWHERE)
        return everywhere and (not scope.permissions or permission in scope.permissions)


SYSTEM = Principal(name="system:clearance", roles=(Role.ADMIN,))
"""Clearance itself: reconcile loops, alarms, the gateway."""


def require(principal: Principal, permission: Permission, place: Place | None = None) -> Principal:
    """Let the principal pass or refuse; return them as they stand towards the place.

    Args:
        principal: who asks.
        permission: what they need.
        place: what it is about; None where that was taken into account before, or it is about everything.

    Raises:
        Forbidden: it may not, and the hint says what it would take.
    """
    here = principal if place is None else principal.at(place)
    if here.may(permission):
        return here
    raise Forbidden(
        f"{principal.name} may not do this: it needs the permission {permission.value}",
        code="permission_missing",
        hint=_way_out(principal, permission),
        details={"permission": permission.value, "roles": [role.value for role in principal.roles]},
    )


def _way_out(principal: Principal, permission: Permission) -> str:
    if permission in PEOPLE_ONLY and principal.name.startswith(SERVICE):
        return "a person has to do this, with a log-in or token of their own"
    if principal.scope is not None:
        return "the token is narrowed to some permissions, models or one team; this lies outside of that"
    if not principal.roles and not principal.team_roles:
        return f"{principal.name} has no role yet; an administrator gives one: `clearance roles bind {principal.name} viewer`"
    able = ", ".join(role.value for role in Role if permission in GRANTS[role])
    if principal.team_roles:
        return f"roles that have it: {able}; you are {', '.join(principal.held)}"
    return f"roles that have it: {able}"


@request
class NewToken:
    """A token to issue: for whom, with which roles, for how many days, narrowed to what."""

    name: str
    roles: tuple[Role, ...]
    days: float = 90
    service: bool = False
    """For a program: `service:NAME` instead of `user:NAME`; it can't approve."""
    scope: Scope | None = None


@value
class Token:
    """A token as anyone may see it: never its secret."""

    id: str
    name: str
    roles: tuple[Role, ...]
    scope: Scope | None
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None
    successor: str | None
    """The token that replaces this one."""
    last_used_at: datetime | None
    """To within a minute."""


@value
class IssuedToken:
    """A fresh token with its secret, which is shown this once."""

    token: Token
    secret: str


@request
class Rotation:
    """How to replace a token."""

    overlap_seconds: float = 3600
    """How long the old one still works."""

"""Principals, the seven roles, and what each may do; pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from clearance.errors import Forbidden
from clearance.values import request, value


class Permission(StrEnum):
    """What a route can require; every route declares exactly one."""

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
    RESPOND = "respond"  # acknowledge and resolve alerts, work on incidents
    AUDIT_READ = "audit.read"
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
    Role.VIEWER: frozenset({_P.READ}),
    Role.DEVELOPER: frozenset(
        {
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
    Role.VALIDATOR: frozenset({_P.READ, _P.EVIDENCE_WRITE, _P.CHECK_RUN, _P.DECIDE, _P.TELEMETRY_READ}),
    Role.APPROVER: frozenset({_P.READ, _P.DECIDE, _P.APPROVE, _P.WAIVE}),
    Role.OPERATOR: frozenset(
        {
            _P.READ,
            _P.VERSION_STOP,
            _P.DECIDE,
            _P.DELIVER,
            _P.PREDICT,
            _P.TELEMETRY_WRITE,
            _P.TELEMETRY_READ,
            _P.MONITOR_WRITE,
            _P.RESPOND,
        }
    ),
    Role.AUDITOR: frozenset({_P.READ, _P.TELEMETRY_READ, _P.AUDIT_READ}),
    Role.ADMIN: frozenset(Permission),
}
"""Least privilege: what is not listed is refused."""


@value
class Principal:
    """Who is calling: a name (`user:alice`, `local:root`, `system:rollouts`) and roles."""

    name: str
    roles: tuple[Role, ...]

    def may(self, permission: Permission) -> bool:
        return any(permission in GRANTS[role] for role in self.roles)


SYSTEM = Principal(name="system:clearance", roles=(Role.ADMIN,))
"""Clearance itself: reconcile loops, alarms, the gateway."""


def require(principal: Principal, permission: Permission) -> None:
    """Let the principal pass or refuse.

    Raises:
        Forbidden: none of its roles has the permission.
    """
    if not principal.may(permission):
        able = ", ".join(role.value for role in Role if permission in GRANTS[role])
        raise Forbidden(
            f"{principal.name} may not do this: it needs the permission {permission.value}",
            code="permission_missing",
            hint=f"roles that have it: {able}",
            details={"permission": permission.value, "roles": [role.value for role in principal.roles]},
        )


@request
class NewToken:
    """A token to issue: for whom, with which roles, for how many days."""

    name: str
    roles: tuple[Role, ...]
    days: float = 90


@value
class Token:
    """A token as anyone may see it: never its secret."""

    id: str
    name: str
    roles: tuple[Role, ...]
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None


@value
class IssuedToken:
    """A fresh token with its secret, which is shown this once."""

    token: Token
    secret: str

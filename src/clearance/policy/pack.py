"""Values of packs: rules, parameters, and whose agreement is needed; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from clearance.access.model import Role
from clearance.values import request, value

ENVIRONMENTS = ("development", "staging", "production")
"""Where versions can serve, in the order in which they are promoted."""
EVERYWHERE = "*"
"""What a pack says that applies in every environment."""


class Severity(StrEnum):
    """What a rule that does not hold does to the decision."""

    BLOCK = "block"
    WARN = "warn"


class Over(StrEnum):
    """What a rule with `each` is asked for, one by one."""

    FIGURES = "figures"
    CHECKS = "checks"


@value
class Each:
    """A rule is asked once for every figure or check whose name matches a pattern (`*` stands for anything)."""

    over: Over
    like: str


@value
class Rule:
    """One thing that must be true, as a CEL expression over facts."""

    id: str
    title: str
    severity: Severity
    expression: str
    message: str
    """Template for when the rule does not hold; `{…}` is a fact, as the expression would name it."""
    applies: str = ""
    """CEL: when it is false, the rule is not applicable; empty: it always applies."""
    applies_to: str = ""
    """The same in words, as they follow `applies to`, for whom it does not apply to."""
    found: str = ""
    """Template for when the rule holds: what was found; empty: only its title is said."""
    each: Each | None = None
    sources: tuple[str, ...] = ()
    """Where the rule comes from: control ids, articles of law."""
    waivable: bool = True


@value
class Parameter:
    """A number that rules compare with, per risk tier, and where it comes from."""

    name: str
    values: Mapping[str, float]
    source: str


@value
class ApprovalPolicy:
    """Whose agreement is needed, beyond the rules."""

    count: int
    roles: tuple[Role, ...]
    exclude_author: bool
    valid_days: float
    """How long a vote counts, in days."""
    request_days: float
    """How long a request waits for votes, in days."""


@value
class Pack:
    """A named set of rules; its digest is its identity."""

    name: str
    version: str
    description: str
    environments: tuple[str, ...]
    """Where it applies; `*` is everywhere."""
    risks: tuple[str, ...]
    """The risk tiers of models it applies to."""
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    approvals: ApprovalPolicy
    longest_waiver_days: float


@value
class InstalledPack:
    """A pack as it lies in this installation; the built-in ones have no installer."""

    pack: Pack
    digest: str
    installed_at: datetime | None = None
    installed_by: str = ""


@request
class PackSource:
    """The YAML text of a pack."""

    source: str
    name: str = "pack.yaml"
    """What to call the text in error messages."""

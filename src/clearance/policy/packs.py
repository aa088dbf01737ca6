"""Loads packs of rules from YAML: whatever is wrong is refused at load, with line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from importlib import resources

from clearance.access.model import GRANTS, Permission, Role
from clearance.errors import InvalidInput
from clearance.policy import messages, references
from clearance.policy.documents import Document, Faults
from clearance.policy.expressions import Expression, ExpressionError
from clearance.policy.pack import (
    ENVIRONMENTS,
    EVERYWHERE,
    ApprovalPolicy,
    Each,
    InstalledPack,
    Over,
    Pack,
    Parameter,
    Rule,
    Severity,
)
from clearance.registry.model import Risk

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")
_MAX_RULES = 200
_NOBODY = ApprovalPolicy(count=0, roles=(), exclude_author=True, valid_days=90, request_days=14)


def load(text: str, name: str) -> Pack:
    """Read a pack and compile every rule of it.

    Args:
        text: YAML.
        name: what to call it in errors: the name of its file.

    Raises:
        InvalidInput: with line and column, all faults that can be told at once. A pack without blocking rules is refused,
            for it would let everything pass.
    """
    root = Document.read(text, name)
    found = root.fields(
        ("name", "version", "description", "environments", "risks", "rules", "approvals", "longest_waiver_days"),
        ("parameters",),
    )
    faults = Faults()
    named = faults.take(lambda: _name(found["name"])) or ""
    version = faults.take(lambda: _version(found["version"])) or ""
    description = faults.take(lambda: found["description"].text().strip()) or ""
    environments = faults.take(lambda: _words(found["environments"], (*ENVIRONMENTS, EVERYWHERE))) or ()
    risks = faults.take(lambda: _words(found["risks"], tuple(Risk))) or ()
    given = faults.take(lambda: found["parameters"].entries() if "parameters" in found else {}) or {}
    parameters = faults.take(lambda: tuple(_parameter(name, item) for name, item in given.items())) or ()
    with faults.collected():
        _complete(found.get("parameters", root), parameters, risks)
    approvals = faults.take(lambda: _approvals(found["approvals"])) or _NOBODY
    longest = faults.take(lambda: found["longest_waiver_days"].number(0, 366)) or 0.0
    items = faults.take(lambda: tuple(found["rules"].items())) or ()
    read = [faults.take(partial(_rule, item, set(given))) for item in items]
    faults.refuse()
    rules = tuple(rule for rule in read if rule is not None)
    _sound(found["rules"], rules)
    return Pack(
        name=named,
        version=version,
        description=description,
        environments=environments,
        risks=risks,
        parameters=parameters,
        rules=rules,
        approvals=approvals,
        longest_waiver_days=longest,
    )


@cache
def builtin() -> Mapping[str, Pack]:
    """Return the packs that come with Clearance, by name."""
    folder = resources.files("clearance.policy") / "packs"
    found = [
        load(file.read_text(encoding="utf-8"), file.name) for file in folder.iterdir() if file.name.endswith(".yaml")
    ]
    return {pack.name: pack for pack in sorted(found, key=lambda pack: pack.name)}


def choose(packs: Iterable[InstalledPack], risk: str, environment: str) -> InstalledPack | None:
    """Return the first pack that applies to a risk tier in an environment."""
    for each in packs:
        if risk in each.pack.risks and {environment, EVERYWHERE} & set(each.pack.environments):
            return each
    return None


def is_newer(version: str, than: str) -> bool:
    """Return whether a pack's version is higher than another; one that is no number (older packs had such) is lowest."""
    return _order(version) > _order(than)


def next_version(version: str) -> str:
    """Return the next version after one: its last number raised by one."""
    if not _VERSION.fullmatch(version):
        return "1"
    front, dot, last = version.rpartition(".")
    return f"{front}{dot}{int(last) + 1}"


def _order(version: str) -> tuple[int, ...]:
    if not _VERSION.fullmatch(version):
        return ()
    numbers = [int(part) for part in version.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _version(document: Document) -> str:
    found = document.text()
    if not _VERSION.fullmatch(found):
        raise document.error(
            'this must be a number such as "2" or "2.1", so that a newer pack can be told from an older'
        )
    return found


def _name(document: Document) -> str:
    found = document.text()
    if not _NAME.fullmatch(found):
        raise document.error("lower-case letters, digits, `.`, `_` and `-`, a letter or digit first, at most 100")
    return found


def _some(document: Document) -> tuple[str, ...]:
    found = document.texts()
    if not found:
        raise document.error("this list is empty, so the pack would apply to nothing")
    return found


def _words(document: Document, known: Sequence[str]) -> tuple[str, ...]:
    """Return a list of known words: with one that is misspelt the pack would never apply, and another would decide."""
    _some(document)
    return tuple(item.one_of(known) for item in document.items())


def _parameter(name: str, document: Document) -> Parameter:
    fields = document.fields(("source", "values"))
    given = fields["values"].entries()
    for risk, item in given.items():
        if risk not in set(Risk):
            raise item.error(f"there is no risk tier `{risk}`", f"tiers: {', '.join(Risk)}")
    values = {risk: item.number(-1e12, 1e12) for risk, item in given.items()}
    return Parameter(name=name, values=values, source=fields["source"].text().strip())


def _complete(document: Document, parameters: tuple[Parameter, ...], risks: tuple[str, ...]) -> None:
    for parameter in parameters:
        if lacking := [risk for risk in risks if risk not in parameter.values]:
            raise document.error(f"parameter `{parameter.name}` has no value for the risk tier {lacking[0]}")


def _approvals(document: Document) -> ApprovalPolicy:
    fields = document.fields(("count",), ("roles", "exclude_author", "valid_days", "request_days"))
    count = int(fields["count"].number(0, 20))
    roles = tuple(item.word(Role) for item in fields["roles"].items()) if "roles" in fields else ()
    for role in roles:
        if Permission.APPROVE not in GRANTS[role]:
            raise fields["roles"].error(f"the role {role} may not approve anything", code="role_may_not_approve")
    if count and not roles:
        raise document.error("`roles` must say whose approval counts")
    return ApprovalPolicy(
        count=count,
        roles=roles,
        exclude_author=fields["exclude_author"].flag() if "exclude_author" in fields else True,
        valid_days=fields["valid_days"].number(0.001, 3660) if "valid_days" in fields else 90,
        request_days=fields["request_days"].number(0.001, 3660) if "request_days" in fields else 14,
    )


def _rule(document: Document, parameters: set[str]) -> Rule:
    fields = document.fields(
        ("id", "title", "severity", "expression", "message", "sources"),
        ("applies", "applies_to", "found", "each", "waivable"),
    )
    each = _each(fields["each"]) if "each" in fields else None
    rule = Rule(
        id=_name(fields["id"]),
        title=fields["title"].text().strip(),
        severity=fields["severity"].word(Severity),
        expression=fields["expression"].text(),
        message=fields["message"].text().strip(),
        applies=fields["applies"].text() if "applies" in fields else "",
        applies_to=fields["applies_to"].text().strip() if "applies_to" in fields else "",
        found=fields["found"].text().strip() if "found" in fields else "",
        each=each,
        sources=_some(fields["sources"]),
        waivable=fields["waivable"].flag() if "waivable" in fields else True,
    )
    _check_rule(fields, rule, parameters)
    return rule


def _check_rule(fields: Mapping[str, Document], rule: Rule, parameters: set[str]) -> None:
    faults = Faults()
    with faults.collected():
        _check_expression(
            fields["expression"], rule, rule.expression, rule.each.over if rule.each else None, parameters
        )
    with faults.collected():
        if rule.applies:
            _check_expression(fields["applies"], rule, rule.applies, None, parameters)
        elif rule.applies_to:
            raise fields["applies_to"].error(f"rule {rule.id}: without `applies` it applies to everything")
    for name in ("message", "found"):
        with faults.collected():
            if name in fields:
                _check_message(fields[name], rule, parameters)
    faults.refuse()


def _check_message(document: Document, rule: Rule, parameters: set[str]) -> None:
    try:
        messages.check(document.text(), rule.each.over if rule.each else None, parameters)
    except ValueError as error:
        raise document.error(f"rule {rule.id}: {error}", code="message_invalid") from None


def _each(document: Document) -> Each:
    found = document.entries()
    if len(found) != 1 or next(iter(found)) not in set(Over):
        raise document.error("this must be `figures: PATTERN` or `checks: PATTERN`")
    over, pattern = next(iter(found.items()))
    return Each(over=Over(over), like=pattern.text())


def _check_expression(document: Document, rule: Rule, text: str, over: Over | None, parameters: set[str]) -> None:
    try:
        compiled = Expression(text, over)
    except ExpressionError as error:
        raise _located(document, rule, text, error) from None
    for lookup in compiled.lookups:
        known = {"parameters": parameters, "model": references.MODEL_KEYS}.get(lookup.map)
        if known is not None and lookup.key not in known:
            line, column = text.count("\n", 0, lookup.at) + 1, lookup.at - text.rfind("\n", 0, lookup.at)
            problem = f"`{lookup.map}` has no `{lookup.key}`; it has {', '.join(sorted(known)) or 'nothing'}"
            raise _located(document, rule, text, ExpressionError(problem, line, column))


def _located(document: Document, rule: Rule, text: str, error: ExpressionError) -> InvalidInput:
    lines = text.splitlines() or [""]
    shown = lines[min(error.line, len(lines)) - 1]
    located = document.error(
        f"rule {rule.id}: expression {error.line}:{error.column}: {error.message}",
        f"{shown}\n{' ' * (error.column - 1)}^",
        code="expression_invalid",
    )
    located.details |= {"rule": rule.id, "expression_line": error.line, "expression_column": error.column}
    return located


def _sound(document: Document, rules: tuple[Rule, ...]) -> None:
    if not any(rule.severity is Severity.BLOCK for rule in rules):
        raise document.error("a pack without blocking rules would let everything pass", code="pack_empty")
    if len(rules) > _MAX_RULES:
        raise document.error(f"more than {_MAX_RULES} rules", code="pack_too_large")
    seen: set[str] = set()
    for item, rule in zip(document.items(), rules, strict=True):
        if rule.id in seen:
            raise item.error(f"there are two rules with the id {rule.id}", code="rule_twice")
        seen.add(rule.id)

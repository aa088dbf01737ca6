"""Compiles CEL expressions: typed against the facts, with clear messages, and bounded in what they can cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from clearance.policy import references
from clearance.policy.pack import Over
from clearance.statistics.verdicts import Verdict

MAX_LENGTH = 1000
"""Characters of one expression. CEL has no loops but comprehensions, and their cost has no limit of its own:
so an expression is short and holds at most one, which makes its cost linear in the number of facts."""

_POSITION = re.compile(r"<input>:(?P<line>\d+):(?P<column>\d+): (?P<text>[^\n]*)")
_OVERLOAD = re.compile(r"no matching overload for '_?(?P<operator>[^']+?)_?' applied to '\((?P<types>[^']*)\)'")
_MISSING = re.compile(r'Key not found in map : "(?P<key>.*)"')


class ExpressionError(ValueError):
    """An expression can't be accepted; line and column count from 1 within it."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class Answer(NamedTuple):
    """What an expression says about facts: passed, failed, or not_measured with a reason."""

    verdict: Verdict
    reason: str = ""


class Expression:
    """A compiled expression that answers yes or no.

    Args:
        text: CEL.
        over: what the rule is asked for each of; it then sees `figure.…` or `check.…` too.

    Raises:
        ExpressionError: it is too long, has a typo, a wrong type, or is not a yes-or-no question.
    """

    def __init__(self, text: str, over: Over | None = None) -> None:
        _bound(text)
        self.text = text
        self.lookups = references.lookups(text)
        self.variables = references.variables(text)
        self._env = _environment(over)
        try:
            self._compiled = self._env.compile(text)
        except RuntimeError as error:
            raise _explained(str(error)) from None
        if (kind := self._compiled.return_type().name()) != "BOOL":
            raise ExpressionError(f"gives {kind.lower()}, but a rule must give true or false", 1, 1)

    def ask(self, data: Mapping[str, Any]) -> Answer:
        """Evaluate over facts; a fact that is missing gives not_measured, never true."""
        activation = self._env.Activation({name: data[name] for name in self.variables if name in data})
        found = self._compiled.eval(activation).value()
        if isinstance(found, bool):
            return Answer(Verdict.PASSED if found else Verdict.FAILED)
        return Answer(Verdict.NOT_MEASURED, self._unanswered(str(found)))

    def _unanswered(self, problem: str) -> str:
        if missing := _MISSING.search(problem):
            key = missing["key"]
            named = [lookup.map for lookup in self.lookups if lookup.key == key]
            return f"{named[0]}['{key}'] is missing" if named else f"'{key}' is missing"
        if unknown := re.search(r'No value with name "(.*)" found', problem):
            return f"{unknown[1]} is missing"
        return f"the rule can't be evaluated: {problem.partition(': ')[2] or problem}"


@cache
def _environment(over: Over | None) -> Any:
    from cel_expr_python import cel

    kinds = {
        "bool": cel.Type.BOOL,
        "string": cel.Type.STRING,
        "int": cel.Type.INT,
        "double": cel.Type.DOUBLE,
        "list(string)": cel.Type.List(cel.Type.STRING),
        "map(string,string)": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
        "map(string,double)": cel.Type.Map(cel.Type.STRING, cel.Type.DOUBLE),
    }
    each = {None: {}, Over.FIGURES: references.EACH_FIGURE, Over.CHECKS: references.EACH_CHECK}[over]
    declared = {**references.SCALARS, **references.MAPS, **each}
    return cel.NewEnv(variables={name: kinds[kind] for name, kind in declared.items()})


def _bound(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"is {len(text)} characters long, more than {MAX_LENGTH}: split the rule", 1, 1)
    walks = references.comprehensions(text)
    if len(walks) > 1:
        line = text.count("\n", 0, walks[1]) + 1
        column = walks[1] - text.rfind("\n", 0, walks[1])
        raise ExpressionError(
            "has a second comprehension (all, exists, map, filter): one per rule, so that its cost stays bounded; "
            "`each` asks a rule for every figure or check",
            line,
            column,
        )


def _explained(problem: str) -> ExpressionError:
    found = _POSITION.search(problem)
    if found is None:
        return ExpressionError(problem, 1, 1)
    text = found["text"].removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    if overload := _OVERLOAD.search(text):
        kinds = overload["types"]
        text = f"`{overload['operator']}` can't take {kinds.replace(', ', ' and ')}"
        if "int" in kinds and "double" in kinds:
            text += ": figures, ages and parameters have a fraction, so write 2.0 instead of 2"
    elif undeclared := re.search(r"undeclared reference to '([^']*)'", text):
        text = f"there is no fact `{undeclared[1]}`; there are " + ", ".join([*references.MAPS, *references.SCALARS])
    return ExpressionError(text, int(found["line"]), int(found["column"]))

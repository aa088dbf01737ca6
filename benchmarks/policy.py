"""Case of policy: facts in, explained conclusion out, against bare CEL over the same rules and facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from benchmarks.bench import Bench
from benchmarks.measure import Row, alternate, timed
from clearance.policy import packs, references
from clearance.policy.engine import Engine
from clearance.policy.facts import activation
from clearance.policy.model import CheckFact, Facts, FigureFact, Outcome, VersionFact
from clearance.policy.pack import Over, Pack
from clearance.statistics.verdicts import Verdict
from clearance.values import digest_of

CHECKS = ("data", "performance", "fairness", "artifact_safety", "contract", "latency")
ATTRIBUTES = ("sex", "race", "age", "sex & race")


def sample() -> Facts:
    """Return the facts of a version with six checks and a few dozen figures, as a fairness suite leaves them."""
    check = CheckFact(
        verdict=Verdict.PASSED, reason="measured", age_days=3.0, suite="credit", signer="ci", statement="sha256:0"
    )
    figures = {"performance.auc": FigureFact(value=0.97, low=0.96, high=0.98, slice={})}
    for attribute in ATTRIBUTES:
        at = {"attribute": attribute, "group": "a"}
        figures[f"fairness.disparate_impact_ratio.{attribute}"] = FigureFact(value=0.9, low=0.85, high=0.95, slice=at)
        for group in "abcde":
            at = {"attribute": attribute, "group": group}
            figures[f"fairness.selection_rate.{attribute}.{group}"] = FigureFact(value=0.3, low=0.2, high=0.4, slice=at)
    return Facts(
        environment="production",
        model={
            "name": "income",
            "use_case": "lending",
            "risk": "standard",
            "kind": "predictive",
            "lifecycle": "production",
        },
        version=VersionFact(
            number=1,
            digest="sha256:1",
            author="user:ada",
            status="registered",
            age_days=1.0,
            has_contract=True,
            code_dirty=False,
        ),
        signature_valid=True,
        signer="ci",
        provenance_complete=True,
        provenance_missing=(),
        checks=dict.fromkeys(CHECKS, check),
        figures=figures,
    )


def decision(bench: Bench) -> Iterator[Row]:
    """One decision by the standard pack, allowed and denied, against evaluating its expressions and nothing else."""
    pack: Pack = packs.builtin()["standard"]
    digest, engine, times = digest_of(pack), Engine(), bench.size(200, 10)
    good = sample()
    low = {"performance.auc": FigureFact(value=0.6, low=0.58, high=0.62, slice={})}
    bad = replace(good, figures={**good.figures, **low}, signature_valid=False)
    peer = f"{bench.library('cel-expr-python')}: the same expressions over the same facts, ready to be looked up"
    for word, facts, outcome in (("allowed", good, Outcome.ALLOWED), ("denied by 2 rules", bad, Outcome.DENIED)):
        assert engine.decide(pack, facts, digest=digest).outcome is outcome
        bare, asked = _bare(pack, facts)
        mine, theirs = alternate(
            bench.rounds(9),
            timed(lambda facts=facts: engine.decide(pack, facts, digest=digest), times),  # type: ignore[misc]
            timed(bare, times),
        )
        yield Row(
            what=f"`Engine.decide` by {len(pack.rules)} rules, {len(facts.figures)} figures, {word}",
            unit="decision",
            ours=mine,
            peer=peer,
            theirs=theirs,
            aim=2.0,
            note=f"{asked} evaluations; ours also writes each rule's message with the figures it used",
        )


def _bare(pack: Pack, facts: Facts) -> tuple[Callable[[], None], int]:
    """Return a function that evaluates what a decision evaluates, everything prepared, and how many evaluations that is."""
    programs = [(found, variables) for rule in pack.rules for found, variables in _programs(rule, pack, facts)]

    def run() -> None:
        for (environment, program), variables in programs:
            program.eval(environment.Activation(variables)).value()

    return run, len(programs)


def _programs(rule: Any, pack: Pack, facts: Facts) -> Iterator[tuple[tuple[Any, Any], Mapping[str, Any]]]:
    data = activation(pack, facts)
    if rule.applies:
        yield _compile(rule.applies, {}), _named(rule.applies, data)
    if rule.each is None:
        yield _compile(rule.expression, {}), _named(rule.expression, data)
    elif rule.each.over is Over.CHECKS:
        program = _compile(rule.expression, references.EACH_CHECK)
        for name, check in facts.checks.items():
            seen = {"check.name": name, "check.verdict": check.verdict.value, "check.age_days": check.age_days}
            yield program, _named(rule.expression, {**data, **seen})
    else:
        program = _compile(rule.expression, references.EACH_FIGURE)
        for name, figure in facts.figures.items():
            if fnmatchcase(name, rule.each.like):
                bounds = {"figure.value": figure.value, "figure.low": figure.low, "figure.high": figure.high}
                seen = {"figure.name": name, "figure.attribute": figure.slice["attribute"], **bounds}
                yield program, _named(rule.expression, {**data, **seen})


def _compile(text: str, more: Mapping[str, str]) -> tuple[Any, Any]:
    from cel_expr_python import cel

    strings, doubles = (cel.Type.Map(cel.Type.STRING, kind) for kind in (cel.Type.STRING, cel.Type.DOUBLE))
    kinds = {
        "bool": cel.Type.BOOL,
        "string": cel.Type.STRING,
        "int": cel.Type.INT,
        "double": cel.Type.DOUBLE,
        "list(string)": cel.Type.List(cel.Type.STRING),
        "map(string,string)": strings,
        "map(string,double)": doubles,
    }
    declared = {**references.SCALARS, **references.MAPS, **more}
    environment = cel.NewEnv(variables={name: kinds[kind] for name, kind in declared.items()})
    return environment, environment.compile(text)


def _named(text: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: data[name] for name in references.variables(text) if name in data}

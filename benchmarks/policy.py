"""Measures pure decisions: facts in, explained conclusion out; prints one JSON object."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping

from clearance.policy import packs
from clearance.policy.engine import Engine
from clearance.policy.model import CheckFact, Facts, FigureFact, VersionFact
from clearance.policy.pack import Pack
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
            "risk": "full",
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


def microseconds(action: Callable[[], object], repeats: int) -> Mapping[str, float]:
    """Return median and 95th percentile of single calls."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter_ns()
        action()
        taken.append((time.perf_counter_ns() - start) / 1000)
    taken.sort()
    return {"median_us": round(statistics.median(taken), 1), "p95_us": round(taken[int(repeats * 0.95)], 1)}


def run(repeats: int = 2000) -> dict[str, object]:
    """Measure a decision by the full pack: with the pack compiled, and with a fresh engine."""
    pack: Pack = packs.builtin()["full"]
    digest, facts, engine = digest_of(pack), sample(), Engine()
    engine.decide(pack, facts, digest=digest)
    return {
        "benchmark": "policy",
        "rules": len(pack.rules),
        "figures": len(facts.figures),
        "decide": microseconds(lambda: engine.decide(pack, facts, digest=digest), repeats),
        "decide_and_compile": microseconds(lambda: Engine().decide(pack, facts, digest=digest), max(20, repeats // 50)),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))

"""Facts name figures so that rules can find them, and survive being stored."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.checks.model import CheckResult, Figure
from clearance.evidence import dsse, predicates
from clearance.evidence.model import StoredStatement
from clearance.policy import facts
from clearance.policy.model import Facts
from clearance.registry.completeness import Completeness
from clearance.registry.model import Lifecycle, Model, ModelKind, Provenance, Risk, Version, VersionStatus
from clearance.registry.source import Source
from clearance.statistics import fairness
from clearance.statistics.verdicts import Verdict
from clearance.values import canonical_json, parse_json, plain, timestamp
from tests.policy.samples import AT, check, figure, good_facts, vote, waiver

MODEL = Model(
    name="income",
    title="income",
    owner="olga",
    on_call="",
    team="",
    purpose="",
    kind=ModelKind.PREDICTIVE,
    use_case="income",
    risk=Risk.FULL,
    lifecycle=Lifecycle.DEVELOPMENT,
    created_at=AT,
    created_by="user:olga",
    description="",
)
VERSION = Version(
    model="income",
    number=1,
    digest="sha256:1",
    size=1,
    files=(),
    source=Source(),
    contract=None,
    provenance=Provenance(),
    created_at=AT,
    created_by="user:ada",
    status=VersionStatus.REGISTERED,
    status_reason="",
)


def statement(
    result: CheckResult, name: str = "stm_1", added_at: int = 0, finished_at: int | None = 0
) -> StoredStatement:
    """Return a check's result as it is read from the evidence; times are hours after AT."""
    finished = {} if finished_at is None else {"finished_at": timestamp(AT + timedelta(hours=finished_at))}
    return StoredStatement(
        id=name,
        model="income",
        number=1,
        predicate_type=predicates.CHECK,
        predicate={**plain(result), "suite": {"name": "lending"}, **finished},
        signer="k",
        signer_name="ci",
        added_at=AT + timedelta(hours=added_at),
        added_by="user:ci",
        envelope=dsse.Envelope(payload="", payloadType=dsse.PAYLOAD_TYPE, signatures=()),
        digest=f"sha256:{name}",
    )


def result(*figures: Figure, name: str = "fairness", verdict: Verdict = Verdict.PASSED) -> CheckResult:
    return CheckResult(check=name, verdict=verdict, reason="measured", figures=figures)


def build(*statements: StoredStatement, hours: int = 24) -> Facts:
    return facts.build(
        now=AT + timedelta(hours=hours),
        environment="production",
        model=MODEL,
        version=VERSION,
        completeness=Completeness(complete=False, fraction=0.0, missing=("code commit",)),
        signature=None,
        statements=statements,
    )


def test_figures_are_named_by_check_and_slice_as_the_packs_expect() -> None:
    women = np.array(["Female"] * 500 + ["Male"] * 500)
    predicted = np.array(([True] + [False] * 9) * 50 + ([True] * 3 + [False] * 7) * 50)
    counts = fairness.count(women, predicted, predicted)
    found = fairness.disparity(counts, "disparate_impact_ratio")
    at = {"attribute": "sex", "group": found.lowest}
    made = build(
        statement(
            result(
                Figure(
                    name="disparate_impact_ratio",
                    value=found.estimate.figure,
                    low=found.estimate.low,
                    high=found.estimate.high,
                    slice=at,
                ),
                Figure(name="rows", value=500.0, slice={"attribute": "sex", "group": "Female"}),
                Figure(name="rows", value=500.0, slice={"attribute": "sex", "group": "Male"}),
                Figure(name="groups", value=2.0),
            )
        )
    )
    assert set(made.figures) == {
        "fairness.disparate_impact_ratio.sex",
        "fairness.groups",
        "fairness.rows.sex.Female",
        "fairness.rows.sex.Male",
    }
    ratio = made.figures["fairness.disparate_impact_ratio.sex"]
    assert ratio.value == pytest.approx(1 / 3)
    assert ratio.slice["group"] == "Female"


def test_figures_that_can_not_be_told_apart_are_left_out() -> None:
    made = build(statement(result(Figure(name="gap", value=0.9), Figure(name="gap", value=0.1), name="own")))
    assert made.figures == {}


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ((0, 0, Verdict.PASSED), (1, 1, Verdict.FAILED), Verdict.FAILED),
        ((0, 0, Verdict.FAILED), (1, 1, Verdict.PASSED), Verdict.PASSED),
        ((2, 1, Verdict.FAILED), (3, 0, Verdict.PASSED), Verdict.FAILED),  # an old pass that arrives late
        ((1, 9, Verdict.PASSED), (2, 2, Verdict.FAILED), Verdict.FAILED),  # a pass that claims to be of the future
        ((0, 0, Verdict.PASSED), (0, 0, Verdict.FAILED), Verdict.FAILED),  # the same instant
        ((0, 0, Verdict.FAILED), (1, None, Verdict.PASSED), Verdict.FAILED),  # a pass of no date
    ],
)
def test_the_newest_statement_of_a_check_counts(
    first: tuple[int, int | None, Verdict], second: tuple[int, int | None, Verdict], counts: Verdict
) -> None:
    both = [
        statement(result(verdict=verdict), f"stm_{index}", added, finished)
        for index, (added, finished, verdict) in enumerate((first, second))
    ]
    for order in (both, both[::-1]):
        assert build(*order).checks["fairness"].verdict is counts


def test_ages_are_in_days_and_missing_where_there_is_no_date() -> None:
    assert build(statement(result())).checks["fairness"].age_days == 1.0
    assert build(statement(result(), finished_at=None)).checks["fairness"].age_days is None
    assert build(statement(result(), added_at=48, finished_at=48)).checks["fairness"].age_days == 0.0


NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(
    value=NUMBERS,
    low=NUMBERS,
    age=st.floats(0, 1e6),
    text=st.text(max_size=20),
    status=st.sampled_from(list(Verdict)),
)
def test_facts_survive_being_stored_to_the_byte(
    value: float | None, low: float | None, age: float, text: str, status: Verdict
) -> None:
    found = good_facts(
        signer=text,
        checks={"data": check(status, age)},
        figures={f"data.{text}": figure(value, low, group=text)},
        votes=(vote("user:bo", comment=text),),
        waivers=(waiver("one"),),
    )
    stored = canonical_json(found).decode()
    assert canonical_json(parse_json(Facts, stored)).decode() == stored

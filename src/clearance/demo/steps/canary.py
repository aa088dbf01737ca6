"""The fifth step: a candidate that passed every check before it served is found out by live figures, and taken back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import TYPE_CHECKING

from clearance.alarm import Severity
from clearance.audit.words import happened
from clearance.delivery.model import MetricResult, Rollout, RolloutState
from clearance.demo import contracts, data
from clearance.demo.steps.lending import MODEL
from clearance.demo.steps.traffic import END
from clearance.demo.story import Facts, Stage, StepFailed, expect
from clearance.demo.traffic import Call, call, send
from clearance.response.model import Alert
from clearance.statistics.verdicts import Verdict

if TYPE_CHECKING:
    import httpx
    import pandas as pd

TITLE = "A bad candidate"
WHY = "Version 2 passed the same checks on old loans. With a tenth of today's traffic it shows what they could not."

CANDIDATE = 2
STRATEGY = "canary-quick"
WEIGHT = 10.0
_ROWS = 4
_BETWEEN_LOOKS = 40
_AFTERWARDS = 200
_SHOWN = 4
_WITHIN_SECONDS = 60.0
_SINCE = datetime(2019, 8, 1, tzinfo=UTC)


def run(stage: Stage, facts: Facts) -> None:
    """Roll version 2 out to a tenth of the traffic, watch it being rolled back, and look at what that left."""
    rollout = stage.olga.rollouts.start(MODEL, CANDIDATE, strategy=STRATEGY, events_from=END)
    expect(rollout.weight == WEIGHT, f"the canary began with {rollout.weight:g}% of traffic, not {WEIGHT:g}%")
    stage.narrator.say(f"{MODEL}/{CANDIDATE} gets {rollout.weight:g}% of requests, {MODEL}/{rollout.stable} the rest")
    with stage.installation.http("loan-desk") as http:
        ended, answered = _under_traffic(stage, http, rollout)
        after = _versions_after(http)
    facts |= _what_happened(ended, answered)
    facts["versions_after"] = after
    _tell(stage, facts, ended)
    expect(facts["rolled_back"], f"the rollout is {ended.state.value}, not rolled back: {ended.reason}")
    expect(after == [f"{MODEL}/{ended.stable}"], f"after the rollback {', '.join(after)} answered")
    facts |= _alerted(stage, ended)


def _under_traffic(stage: Stage, http: httpx.Client, rollout: Rollout) -> tuple[Rollout, list[datetime]]:
    """Send requests until the rollout has ended; return it, and when each answer of the candidate came."""
    candidate = f"{MODEL}/{rollout.candidate}"
    answered: list[datetime] = []
    requests = _requests("canary")
    deadline = time.monotonic() + _WITHIN_SECONDS
    with stage.narrator.waiting("traffic goes on while both versions are compared"):
        while rollout.state is RolloutState.RUNNING:
            expect(time.monotonic() < deadline, f"after {_WITHIN_SECONDS:.0f} s nothing stopped it: {rollout.reason}")
            answered += _answers_of(candidate, http, islice(requests, _BETWEEN_LOOKS))
            rollout = stage.olga.rollouts.get(rollout.id)
        # The gateway looks at the pointer now and then: until it has, the candidate may still be asked.
        answered += _answers_of(candidate, http, islice(requests, _AFTERWARDS))
    return rollout, answered


def _answers_of(version: str, http: httpx.Client, requests: Iterable[Call]) -> Iterator[datetime]:
    """Send the requests, and yield when each answer of the version came."""
    for request in requests:
        if send(http, MODEL, request).version == version:
            yield datetime.now(UTC)


def _versions_after(http: httpx.Client) -> list[str]:
    """Return which versions answer requests now."""
    return sorted({send(http, MODEL, request).version for request in islice(_requests("after-canary"), _AFTERWARDS)})


def _requests(prefix: str) -> Iterator[Call]:
    """Yield requests without end: the youngest loans again and again, one request a minute from END on."""
    loans = data.live_traffic()
    youngest: pd.DataFrame = loans[loans["timestamp"] >= _SINCE]
    for number in count():
        start = number * _ROWS % (len(youngest) - _ROWS)
        at = END + number * timedelta(minutes=1)
        yield call(contracts.CAR_LOAN, youngest.iloc[start : start + _ROWS], f"{prefix}-{number}", at=at)


def _what_happened(ended: Rollout, answered: list[datetime]) -> Facts:
    breached = _breached(ended)
    sealed = _sealed_at(ended, answered)
    back = max([*answered[-1:], *filter(None, [ended.ended_at])], default=None)
    return {
        "rollout": ended.id,
        "rolled_back": ended.state is RolloutState.ROLLED_BACK,
        "state": ended.state.value,
        "reason": ended.reason,
        "metric": None if breached is None else breached.metric.value,
        "candidate_figure": None if breached is None else breached.candidate,
        "stable_figure": None if breached is None else breached.stable,
        "interval": None if breached is None else [breached.low, breached.high],
        "limit": None if breached is None else breached.limit,
        "candidate_requests": 0 if ended.analysis is None else ended.analysis.candidate_requests,
        "candidate_answers": len(answered),
        "seconds_from_start_to_rollback": _seconds(ended.started_at, ended.ended_at),
        "seconds_from_breach_to_rollback": _seconds(sealed, back),
    }


def _breached(ended: Rollout) -> MetricResult | None:
    metrics = ended.analysis.metrics if ended.analysis is not None else ()
    return next((metric for metric in metrics if metric.verdict is Verdict.FAILED), None)


def _sealed_at(ended: Rollout, answered: list[datetime]) -> datetime | None:
    """Return when the last answer came that the failing look rests on: from then on the breach was there to be seen."""
    seen = 0 if ended.analysis is None else ended.analysis.candidate_requests
    return answered[min(seen, len(answered)) - 1] if seen and answered else None


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, (end - start).total_seconds()), 2)


def _tell(stage: Stage, facts: Facts, ended: Rollout) -> None:
    metrics = ended.analysis.metrics if ended.analysis is not None else ()
    stage.narrator.table(
        ("figure", "verdict", "because"), [(each.metric.value, each.verdict.value, each.reason) for each in metrics]
    )
    stage.narrator.say(
        f"[yellow]{ended.state.value.replace('_', ' ')}[/] after {facts['candidate_requests']} of its requests; "
        f"{facts['seconds_from_breach_to_rollback']} s after the breach could be seen all traffic was back"
    )


def _alerted(stage: Stage, ended: Rollout) -> Facts:
    """Return what the rollback left for people: a page with its fingerprint, and an incident with a timeline."""
    alert = _page(stage, ended)
    if alert.incident is None:
        raise StepFailed(f"the alert {alert.title!r} opened no incident")
    report = stage.olga.incidents.get(alert.incident)
    events = [str(entry.event) for entry in report.timeline]
    expect(len(events) > 1, "the incident has no timeline")
    stage.narrator.say(
        f"[red]page[/] {alert.title}, fingerprint {alert.fingerprint}; the incident's timeline of {len(events)} entries "
        f"ends with {', '.join(map(happened, events[-_SHOWN:]))}"
    )
    return {
        "alert": {
            "id": alert.id,
            "fingerprint": alert.fingerprint,
            "severity": alert.severity.value,
            "title": alert.title,
        },
        "incident": {"id": report.incident.id, "title": report.incident.title, "timeline": events},
    }


def _page(stage: Stage, ended: Rollout) -> Alert:
    for alert in stage.olga.alerts.list(model=MODEL):
        if alert.severity is Severity.PAGE and alert.labels.get("rollout") == ended.id:
            return alert
    raise StepFailed("the rollback raised no alert that pages somebody")

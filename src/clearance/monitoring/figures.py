"""From a window's profiles to its figures, each with its threshold, verdict and reason; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from statistics import NormalDist

from clearance.monitoring.baselines import Baseline
from clearance.monitoring.model import Figure, Inputs, Phase, Rules, Window
from clearance.statistics import drift, latency, quality, thresholds
from clearance.statistics.bins import Counts
from clearance.statistics.profiles import STATUSES, Profile, empty, merge
from clearance.statistics.quality import Estimate
from clearance.statistics.verdicts import Verdict

SCORE = "score"
PERCENTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
_NO_OBJECTIVE = "reported; no objective is set for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all figures of a window share."""

    model: str
    environment: str
    window: Window
    phase: Phase
    rules: Rules
    baseline: Baseline
    inputs: Inputs

    @property
    def rate(self) -> float:
        """The false-alarm rate of each single test of drift in a window."""
        layout = self.baseline.layout
        tests = 3 * len(layout.numeric) + 2 * len(layout.categorical) + 2 * bool(self.baseline.profile.score.present)
        return thresholds.share_of_rate(self.rules.false_alarm_rate, tests)

    def figure(
        self,
        metric: str,
        value: float | None,
        n: int,
        verdict: tuple[Verdict, str],
        *,
        subject: str = "",
        version: int | None = None,
        threshold: float | None = None,
        floor: float | None = None,
        late: bool = False,
    ) -> Figure:
        """Return a figure; `late` when it waits for labels."""
        return Figure(
            model=self.model,
            environment=self.environment,
            version=version,
            window=self.window,
            metric=metric,
            subject=subject,
            value=value,
            threshold=threshold,
            floor=floor,
            verdict=verdict[0],
            reason=verdict[1],
            n=n,
            provisional=not (self.phase.mature if late else self.phase.closed),
            inputs=self.inputs,
        )

    def distance(
        self, metric: str, subject: str, reference: Counts, current: Counts, floor: float, version: int | None = None
    ) -> Figure:
        """Return a distance between baseline and window, judged against what chance reaches and what matters."""
        n = int(current.sum())
        seen = (reference + current) > 0
        value = float(thresholds.STATISTICS[metric](reference[seen], current[seen])) if n else None
        limit = thresholds.calibrated(metric, reference, n, self.rate) if n else None
        return self.figure(
            metric,
            value,
            n,
            self.judge(value, limit, floor, n, subject),
            subject=subject,
            version=version,
            threshold=limit,
            floor=floor,
        )

    def judge(
        self, value: float | None, limit: float | None, floor: float, n: int, subject: str
    ) -> tuple[Verdict, str]:
        """Return the verdict on a figure that should stay low, or why there is none yet."""
        if value is None or limit is None:
            return Verdict.NOT_MEASURED, f"no value of {subject} came in this window"
        if n < self.rules.minimum_events:
            return Verdict.INCONCLUSIVE, f"{n} values are too few, a verdict needs {self.rules.minimum_events}"
        verdict, told = thresholds.judge(value, limit, floor)
        if not self.phase.closed:
            return Verdict.PENDING, f"so far {told}; the window ends on {self.window.end:%Y-%m-%d %H:%M} UTC"
        return verdict, told


def figures(frame: Frame, by_version: Mapping[int, Profile]) -> tuple[Figure, ...]:
    """Return all figures of a window: of the model's inputs, then of each version's answers."""
    together = reduce(merge, by_version.values(), empty(frame.baseline.layout))
    found = [figure for name in together.numeric for figure in _numeric(frame, name, together)]
    found += [figure for name in together.categorical for figure in _categorical(frame, name, together)]
    for version, profile in sorted(by_version.items()):
        found += _scores(frame, version, profile)
        found += _quality(frame, version, profile)
        found += _service(frame, version, profile)
    return tuple(found)


def _numeric(frame: Frame, name: str, profile: Profile) -> list[Figure]:
    before, after = frame.baseline.profile.numeric[name], profile.numeric[name]
    starts = drift.group_starts(before.counts)
    groups = drift.grouped(before.counts, starts), drift.grouped(after.counts, starts)
    reported = Verdict.NOT_APPLICABLE, f"reported; PSI and KS judge {name}"
    mean = frame.figure("mean", after.mean, after.present, reported, subject=name)
    return [
        frame.distance("psi", name, *groups, frame.rules.psi_floor),
        frame.distance("ks", name, before.counts, after.counts, frame.rules.ks_floor),
        _missing(frame, name, (before.missing, before.present), (after.missing, after.present)),
        _jensen_shannon(frame, name, *groups),
        mean,
    ]


def _categorical(frame: Frame, name: str, profile: Profile) -> list[Figure]:
    before, after = frame.baseline.profile.categorical[name], profile.categorical[name]
    return [
        frame.distance("psi", name, before.counts, after.counts, frame.rules.psi_floor),
        _missing(frame, name, (before.missing, before.present), (after.missing, after.present)),
        _jensen_shannon(frame, name, before.counts, after.counts),
    ]


def _jensen_shannon(frame: Frame, name: str, reference: Counts, current: Counts, version: int | None = None) -> Figure:
    n = int(current.sum())
    value = float(drift.jensen_shannon(reference, current)) if n else None
    verdict = Verdict.NOT_APPLICABLE, f"reported; PSI judges {name}"
    return frame.figure("jensen_shannon", value, n, verdict, subject=name, version=version)


def _missing(frame: Frame, name: str, before: tuple[int, int], after: tuple[int, int]) -> Figure:
    n, usual = sum(after), before[0] / max(sum(before), 1)
    share = after[0] / n if n else None
    gap = thresholds.calibrated_rate_gap(before[0], sum(before), n, frame.rate) if n else None
    limit, floor = (None if gap is None else usual + gap), usual + frame.rules.null_floor
    verdict = frame.judge(share, limit, floor, n, "any feature")
    return frame.figure("null_rate", share, n, verdict, subject=name, threshold=limit, floor=floor)


def _scores(frame: Frame, version: int, profile: Profile) -> list[Figure]:
    before, after = frame.baseline.profile.score, profile.score
    answered = int(profile.predicted.sum())
    share = float(profile.predicted[1] / answered) if answered else None
    reported = Verdict.NOT_APPLICABLE, "reported; PSI and KS judge the score"
    found = [frame.figure("positive_rate", share, answered, reported, version=version)]
    if not before.present:
        return found
    starts = drift.group_starts(before.counts)
    groups = drift.grouped(before.counts, starts), drift.grouped(after.counts, starts)
    return [
        frame.distance("psi", SCORE, *groups, frame.rules.psi_floor, version),
        frame.distance("ks", SCORE, before.counts, after.counts, frame.rules.ks_floor, version),
        _jensen_shannon(frame, SCORE, *groups, version),
        *found,
    ]


def _quality(frame: Frame, version: int, profile: Profile) -> list[Figure]:
    before = frame.baseline.profile
    found = {
        "accuracy": (quality.accuracy(before.outcomes), quality.accuracy(profile.outcomes), profile.outcomes),
        "auc": (quality.auc(*before.scores_by_label), quality.auc(*profile.scores_by_label), profile.scores_by_label),
    }
    made = []
    for metric, (reference, current, counts) in found.items():
        n = int(counts.sum())
        verdict, threshold = _judge_quality(frame, reference, current, n, profile.rows)
        value = None if current is None else current.value
        made.append(frame.figure(metric, value, n, verdict, version=version, threshold=threshold, late=True))
    return made


def _judge_quality(
    frame: Frame, reference: Estimate | None, current: Estimate | None, n: int, rows: int
) -> tuple[tuple[Verdict, str], float | None]:
    labelled = f"{n} of {rows} rows have a label"
    if current is None:
        if frame.phase.mature:
            return (Verdict.NOT_MEASURED, f"{labelled}, which is not enough to measure it"), None
        return (Verdict.PENDING, f"{labelled}; more may still come"), None
    if n < frame.rules.minimum_labels:
        return (Verdict.INCONCLUSIVE, f"{labelled}, a verdict needs {frame.rules.minimum_labels}"), None
    if reference is None:
        return (Verdict.NOT_APPLICABLE, f"{labelled}; the baseline has no such figure to compare with"), None
    z = NormalDist().inv_cdf(1 - frame.rules.false_alarm_rate)
    drop, certain = quality.fallen(reference, current, z)
    threshold = reference.value - frame.rules.quality_drop
    told = f"{current.value:.4f} after {reference.value:.4f} in the baseline, at most {frame.rules.quality_drop:g} below; {labelled}"
    failed = certain and drop >= frame.rules.quality_drop
    return ((Verdict.FAILED, f"fell beyond chance: {told}") if failed else (Verdict.PASSED, told)), threshold


def _service(frame: Frame, version: int, profile: Profile) -> list[Figure]:
    requests = dict(zip(STATUSES, profile.statuses.tolist(), strict=True))
    total = sum(requests.values())
    fair = total - requests["rejected"]  # a request that breaks the contract is the caller's fault, not an outage
    told = Verdict.NOT_APPLICABLE, _NO_OBJECTIVE
    timed = int(profile.latency.sum())
    found = [
        frame.figure(metric, latency.percentile(profile.latency, quantile), timed, told, version=version)
        for metric, quantile in PERCENTILES.items()
    ]
    shares = {
        "availability": (requests["ok"] / fair if fair else None, fair),
        "rejected_rate": (requests["rejected"] / total if total else None, total),
        "requests": (float(total), total),
    }
    found += [frame.figure(metric, value, n, told, version=version) for metric, (value, n) in shares.items()]
    return found

"""Where a figure of drift stops being chance: thresholds by resampling the baseline's own histogram; pure, given a seed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from clearance.statistics import drift
from clearance.statistics.bins import Counts, Floats
from clearance.statistics.verdicts import Verdict

TRIALS = 2_000
_TAIL = 0.05
_CHUNK = 500

Statistic = Callable[[Counts, Counts], Floats]
STATISTICS: dict[str, Statistic] = {"psi": drift.psi, "ks": drift.ks}


def share_of_rate(rate: float, tests: int) -> float:
    """Return the false-alarm rate of each of `tests` so that all together have `rate` (Šidák; for dependent ones less)."""
    return -math.expm1(math.log1p(-rate) / max(tests, 1))


def size_class(n: int) -> int:
    """Return n rounded down to two digits, at which windows of about one size share a threshold.

    Smaller windows vary more, so the threshold of the class is never too low for a window in it.
    """
    step = int(10 ** max(len(str(max(n, 1))) - 2, 0))
    return max(n, 1) // step * step


def calibrated(statistic: str, reference: Counts, n: int, rate: float, trials: int = TRIALS) -> float:
    """Return the value that `statistic` exceeds with probability `rate` though nothing has changed.

    Windows are drawn from the baseline's own histogram, `trials` times. That the baseline is a sample too is taken in by
    drawing n·N/(n+N) rows instead of n, for the difference of two samples varies like that (exactly for the covariance).
    The seed is the digest of the inputs, so that the same inputs give the same threshold.

    Args:
        statistic: a key of STATISTICS.
        reference: counts of the baseline, in the cells that the statistic takes; shape [cells].
        n: rows of the window.
        rate: probability wanted, also far below 1/trials.
    """
    counts = np.ascontiguousarray(reference[reference > 0], np.int64)
    return _calibrated(statistic, counts.tobytes(), size_class(n), rate, trials)


def calibrated_rate_gap(part: int, whole: int, n: int, rate: float, trials: int = TRIALS) -> float:
    """Return the gap that a window's share exceeds the baseline's (`part` of `whole`) by with probability `rate`, by chance."""
    at = size_class(n)
    random = np.random.default_rng(_seed("gap", str(part), str(whole), str(at), repr(rate), str(trials)))
    share = (part + 0.5) / (whole + 1)
    gaps = random.binomial(at, share, trials) / at - random.binomial(max(whole, 1), share, trials) / max(whole, 1)
    return max(upper_tail(gaps, rate), 0.0)


def upper_tail(samples: Floats, rate: float) -> float:
    """Return the value exceeded with probability `rate`, beyond the samples' reach by an exponential tail.

    Peaks over the 95th percentile are taken as exponential (Pickands-Balkema-de Haan with shape 0). The tails of PSI
    (a multiple of χ²) and of KS (exp(-2nd²)) fall at least as fast, so the value errs upwards, never towards more alarms.
    """
    start = float(np.quantile(samples, 1 - _TAIL))
    if rate >= _TAIL:
        return float(np.quantile(samples, 1 - rate))
    beyond = samples[samples > start]
    excess = float((beyond - start).mean()) if beyond.size else 0.0
    return start + excess * math.log(_TAIL / rate)


def judge(value: float, threshold: float, floor: float) -> tuple[Verdict, str]:
    """Return the verdict on a figure that should stay low: it fails when it is both beyond chance and of consequence."""
    significant, relevant = value > threshold, value >= floor
    told = f"{value:.4g} against {threshold:.4g} by chance at the rate asked for, and {floor:.4g} to matter"
    if significant and relevant:
        return Verdict.FAILED, f"beyond chance and large enough to matter: {told}"
    if significant:
        return Verdict.PASSED, f"beyond chance, but too small to matter: {told}"
    return Verdict.PASSED, f"within chance: {told}"


@lru_cache(maxsize=4096)
def _calibrated(statistic: str, reference: bytes, n: int, rate: float, trials: int) -> float:
    counts = np.frombuffer(reference, np.int64)
    total = int(counts.sum())
    if counts.size < 2:
        return 0.0
    digest = hashlib.sha256(reference).hexdigest()
    random = np.random.default_rng(_seed(statistic, digest, str(n), repr(rate), str(trials)))
    rows = max(n * total // (n + total), 1)
    values = np.concatenate(
        [STATISTICS[statistic](counts, random.multinomial(rows, counts / total, part)) for part in _parts(trials)]
    )
    # KS falls off as exp(-2nd²): its square has the exponential tail.
    return math.sqrt(upper_tail(values**2, rate)) if statistic == "ks" else upper_tail(values, rate)


def _parts(trials: int) -> list[int]:
    return [min(_CHUNK, trials - start) for start in range(0, trials, _CHUNK)]


def _seed(*inputs: str) -> int:
    return int.from_bytes(hashlib.sha256("\n".join(inputs).encode()).digest()[:16], "big")

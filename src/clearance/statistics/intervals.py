"""Estimates with confidence intervals: Wilson for proportions, normal for means, bootstrap from counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval; `figure` is None when it can't be computed, and then `reason` says why."""

    figure: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def undefined(reason: str) -> Estimate:
    """Return the estimate of what could not be computed."""
    return Estimate(figure=None, reason=reason)


def z_score(confidence: float = CONFIDENCE) -> float:
    """Return the two-sided quantile of the normal distribution: 1.96 for 0.95."""
    return _NORMAL.inv_cdf(0.5 + confidence / 2)


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return a proportion with Wilson's score interval, which stays in [0, 1] and holds for small counts.

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209; Brown, Cai, DasGupta (2001), Statistical Science 16, 101.
    """
    if trials <= 0:
        return undefined("there are no cases to count")
    share, z = successes / trials, z_score(confidence)
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At 0 and 1 the exact bound is the share itself; rounding must not move it past.
    low = min(share, max(0.0, centre - half))
    return Estimate(figure=share, low=low, high=max(share, min(1.0, centre + half)))


def mean(samples: NDArray[np.float64], confidence: float = CONFIDENCE) -> Estimate:
    """Return a mean with the interval of the central limit theorem; needs at least two samples."""
    if samples.size < 2:
        return undefined("a mean needs at least two rows")
    centre = float(samples.mean())
    half = z_score(confidence) * float(samples.std(ddof=1)) / math.sqrt(samples.size)
    return Estimate(figure=centre, low=centre - half, high=centre + half)


def resample(counts: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.int64]:
    """Return `draws` tables [draws, *counts.shape] that the multinomial bootstrap makes of one table of joint counts.

    Drawing tables is the same as drawing rows with replacement and counting them, without touching a row.
    """
    total = int(counts.sum())
    random = np.random.default_rng(seed)
    drawn = random.multinomial(total, counts.reshape(-1) / total, size=draws)
    return drawn.reshape(draws, *counts.shape)


def bootstrap(
    counts: NDArray[np.int64],
    figure: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    *,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return a function of joint counts with its percentile interval.

    Args:
        counts: one table of joint counts, any shape.
        figure: computes the figure of each table of a stack [n, *counts.shape] → [n]; NaN where it is undefined.
        draws: number of bootstrap tables.
        seed: makes the interval reproducible.
        confidence: of the interval.

    For smooth figures only: where a figure is a largest or smallest of several, its bootstrap is biased.
    """
    if counts.sum() <= 0:
        return undefined("there are no cases to count")
    point = float(figure(counts[np.newaxis])[0])
    if not math.isfinite(point):
        return undefined("a rate has no cases in its denominator")
    drawn = figure(resample(counts, draws, seed))
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size < draws / 2:
        return Estimate(figure=point, reason="too few cases for an interval")
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(figure=point, low=min(point, float(low)), high=max(point, float(high)))

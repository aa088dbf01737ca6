"""Comparisons that stay valid however often they are looked at: confidence sequences for rates, their differences, and quantiles.

An arm is a pair (n, total): how many observations in [0, 1], and their sum (for a rate: how many were 1). For the true
mean p the beta mixture of likelihood ratios

    M_n(p) = B(a + S, a + n - S) / (B(a, a) p^S (1 - p)^(n - S)),   a = 1/2

is a nonnegative martingale with expectation 1 (for values between 0 and 1 a supermartingale, since
x -> (t/p)^x ((1-t)/(1-p))^(1-x) is convex), so by Ville's inequality P(exists n: M_n(p) >= 1/alpha) <= alpha. Rows may
come in any order from either arm, and a reader may stop whenever they like. The product of two arms' martingales, at its
smallest over a null hypothesis, is an e-value for it.

Sources: Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Statist. 41 (1970), the
mixture martingale; Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences",
Ann. Statist. 49 (2021), the beta-binomial mixture; Howard & Ramdas, "Sequential estimation of quantiles", Bernoulli 28
(2022), inversion for quantiles; Wasserman, Ramdas, Balakrishnan, "Universal inference", PNAS 117 (2020), the infimum
over a composite null. The assumption: within an arm the mean does not depend on the past.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf, lgamma, log

_PRIOR = 0.5  # Krichevsky-Trofimov: the mixture's regret is smallest near 0 and 1, where error rates live
_HALVINGS = 26  # 2**-26 is far below any difference of rates that matters; borders are rounded outward


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Observations between 0 and 1 of one arm: how many (`n`) and their sum (`total`)."""

    n: int
    total: float

    def __post_init__(self) -> None:
        if not 0 <= self.total <= self.n:
            raise ValueError(f"{self.n} observations between 0 and 1 can't sum to {self.total}")

    @property
    def mean(self) -> float | None:
        """The mean seen, None without observations."""
        return self.total / self.n if self.n else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A confidence sequence's present interval: covers the truth at all times at once with probability 1 - alpha."""

    low: float
    high: float


def log_evidence(arm: Arm, mean: float) -> float:
    """Return ln M_n(mean): the evidence against the arm's true mean being `mean`, in nats."""
    if not arm.n:
        return 0.0
    rest = arm.n - arm.total
    return _log_mixture(arm) - _times_log(arm.total, mean) - _times_log(rest, 1 - mean)


def mean_bounds(arm: Arm, alpha: float) -> Bounds:
    """Return where the arm's true mean lies, at level 1 - alpha, valid at every n at once."""
    limit = -log(_level(alpha))
    centre = arm.mean
    if centre is None:
        return Bounds(low=0.0, high=1.0)
    return Bounds(
        low=_edge(lambda p: log_evidence(arm, p) < limit, inside=centre, outside=0.0),
        high=_edge(lambda p: log_evidence(arm, p) < limit, inside=centre, outside=1.0),
    )


def log_difference_evidence(first: Arm, second: Arm, difference: float) -> float:
    """Return the evidence, in nats, against mean(first) - mean(second) being exactly `difference`.

    The smallest product of the two arms' martingales over all pairs of means with that difference; e to its power is an
    e-value. Infinite where no pair of means could have given what was seen.
    """
    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    if low > high:
        return inf

    def slope(q: float) -> float:
        p = q + difference
        return _slope(first, p) + _slope(second, q)

    best = _root(slope, low, high)
    return min(
        log_evidence(first, min(1.0, max(0.0, q + difference))) + log_evidence(second, q) for q in (low, best, high)
    )


def difference_bounds(first: Arm, second: Arm, alpha: float) -> Bounds:
    """Return where mean(first) - mean(second) lies, at level 1 - alpha, valid at every pair of sizes at once.

    Zero lies outside exactly when `log_difference_evidence(first, second, 0) >= ln(1/alpha)`: the sequential test of no
    difference, which may be looked at after every observation.
    """
    limit = -log(_level(alpha))
    if first.mean is None or second.mean is None:
        return Bounds(low=-1.0, high=1.0)
    centre = first.mean - second.mean

    def plausible(difference: float) -> bool:
        return log_difference_evidence(first, second, difference) < limit

    return Bounds(
        low=_edge(plausible, inside=centre, outside=-1.0),
        high=_edge(plausible, inside=centre, outside=1.0),
    )


def quantile_bounds(ordered: Sequence[float], level: float, alpha: float) -> Bounds:
    """Return where the quantile of a continuous quantity lies, at level 1 - alpha, valid at every n at once.

    Args:
        ordered: the observations, ascending.
        level: which quantile, 0.95 for P95.
        alpha: chance of ever being wrong.

    Returns:
        Two of the observations; `high` is infinite (`low` minus infinite) while they are too few to bound it.
    """
    limit = -log(_level(alpha))
    n = len(ordered)

    def plausible(below: float) -> bool:
        return log_evidence(Arm(n=n, total=below), level) < limit

    # A value x can be the quantile when the number of observations at or below it is plausible for n draws of rate `level`.
    centre = round(level * n)
    fewest = _last(plausible, centre, 0)
    most = _last(plausible, centre, n)
    return Bounds(
        low=ordered[fewest - 1] if fewest > 0 else -inf,
        high=ordered[most] if most < n else inf,
    )


def quantile(ordered: Sequence[float], level: float) -> float | None:
    """Return the quantile seen: the smallest observation with at least `level` of all at or below it; None without any."""
    return ordered[max(0, ceil(level * len(ordered)) - 1)] if len(ordered) else None


def _log_mixture(arm: Arm) -> float:
    wins, losses = _PRIOR + arm.total, _PRIOR + arm.n - arm.total
    beta = lgamma(wins) + lgamma(losses) - lgamma(wins + losses)
    return beta - (2 * lgamma(_PRIOR) - lgamma(2 * _PRIOR))


def _times_log(weight: float, chance: float) -> float:
    if weight <= 0:
        return 0.0
    return weight * log(chance) if chance > 0 else -inf


def _slope(arm: Arm, mean: float) -> float:
    """Return the derivative of the arm's evidence in the mean; it rises, since the evidence is convex."""
    rest = arm.n - arm.total
    fall = -arm.total / mean if mean > 0 else (-inf if arm.total > 0 else 0.0)
    rise = rest / (1 - mean) if mean < 1 else (inf if rest > 0 else 0.0)
    return fall + rise


def _root(slope: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if slope(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _edge(plausible: Callable[[float], bool], *, inside: float, outside: float) -> float:
    """Return the border of a convex set, rounded outward so that covering is never lost."""
    if plausible(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if plausible(middle):
            inside = middle
        else:
            outside = middle
    return outside


def _last(plausible: Callable[[float], bool], start: int, end: int) -> int:
    """Return the whole number farthest from start towards end that is still plausible."""
    if plausible(end):
        return end
    step = 1 if end > start else -1
    inside, outside = 0, abs(end - start)
    while outside - inside > 1:
        middle = (inside + outside) // 2
        if plausible(start + step * middle):
            inside = middle
        else:
            outside = middle
    return start + step * inside


def _level(alpha: float) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a chance between 0 and 1, not {alpha}")
    return alpha

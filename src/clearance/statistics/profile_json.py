"""Profiles as JSON and back, with nothing lost: what is stored, and what another engine may hand in."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from clearance.errors import InvalidInput
from clearance.statistics import latency
from clearance.statistics.bins import Bins, Counts
from clearance.statistics.profiles import Categories, Layout, Numbers, Profile

FORMAT = 1


def to_json(profile: Profile) -> dict[str, Any]:
    """Return a profile as JSON values; counts as pairs of cell and number, the exact sum as a fraction in text."""
    return {
        "format": FORMAT,
        "layout": {
            "numeric": {name: _bins(bins) for name, bins in profile.layout.numeric.items()},
            "categorical": {name: list(values) for name, values in profile.layout.categorical.items()},
            "score": _bins(profile.layout.score),
        },
        "rows": profile.rows,
        "statuses": profile.statuses.tolist(),
        "numeric": {name: _numbers(found) for name, found in profile.numeric.items()},
        "categorical": {
            name: {"counts": _sparse(found.counts), "missing": found.missing}
            for name, found in profile.categorical.items()
        },
        "score": _numbers(profile.score),
        "predicted": profile.predicted.tolist(),
        "outcomes": profile.outcomes.tolist(),
        "scores_by_label": [_sparse(row) for row in profile.scores_by_label],
        "latency": _sparse(profile.latency),
    }


def from_json(found: Mapping[str, Any]) -> Profile:
    """Return the profile that `to_json` wrote.

    Raises:
        InvalidInput: another format, something missing, or a count outside its layout.
    """
    if found.get("format") != FORMAT:
        raise InvalidInput(f"a profile of format {found.get('format')!r}, not {FORMAT}", code="profile_format")
    try:
        return _profile(found)
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise InvalidInput(f"this is no profile: {type(error).__name__}: {error}", code="profile_malformed") from error


def _profile(found: Mapping[str, Any]) -> Profile:
    layout = Layout(
        numeric={name: _read_bins(bins) for name, bins in found["layout"]["numeric"].items()},
        categorical={name: tuple(values) for name, values in found["layout"]["categorical"].items()},
        score=_read_bins(found["layout"]["score"]),
    )
    return Profile(
        layout=layout,
        rows=int(found["rows"]),
        statuses=_dense(found["statuses"], (3,)),
        numeric={name: _read_numbers(found["numeric"][name], bins.size) for name, bins in layout.numeric.items()},
        categorical={
            name: Categories(
                _spread(found["categorical"][name]["counts"], len(values) + 1),
                int(found["categorical"][name]["missing"]),
            )
            for name, values in layout.categorical.items()
        },
        score=_read_numbers(found["score"], layout.score.size),
        predicted=_dense(found["predicted"], (2,)),
        outcomes=_dense(found["outcomes"], (2, 2)),
        scores_by_label=np.stack([_spread(row, layout.score.size) for row in found["scores_by_label"]]),
        latency=_spread(found["latency"], latency.SIZE),
    )


def _bins(bins: Bins) -> dict[str, Any]:
    return {"low": bins.low, "high": bins.high, "count": bins.count}


def _read_bins(found: Mapping[str, Any]) -> Bins:
    return Bins(float(found["low"]), float(found["high"]), int(found["count"]))


def _numbers(found: Numbers) -> dict[str, Any]:
    return {
        "counts": _sparse(found.counts),
        "missing": found.missing,
        "total": str(found.total),
        "minimum": found.minimum,
        "maximum": found.maximum,
    }


def _read_numbers(found: Mapping[str, Any], size: int) -> Numbers:
    return Numbers(
        counts=_spread(found["counts"], size),
        missing=int(found["missing"]),
        total=Fraction(found["total"]),
        minimum=found["minimum"],
        maximum=found["maximum"],
    )


def _sparse(counts: Counts) -> list[list[int]]:
    cells = np.flatnonzero(counts)
    pairs: list[list[int]] = np.stack((cells, counts[cells]), axis=1).tolist()
    return pairs


def _spread(pairs: list[list[int]], size: int) -> Counts:
    counts = np.zeros(size, np.int64)
    table = np.array(pairs, np.int64).reshape(-1, 2)
    if (table < 0).any():
        raise ValueError("a negative cell or count")
    counts[table[:, 0]] = table[:, 1]
    return counts


def _dense(found: Any, shape: tuple[int, ...]) -> Counts:
    counts = np.array(found, np.int64)
    if counts.shape != shape or (counts < 0).any():
        raise ValueError(f"counts of shape {counts.shape}, not {shape}")
    return counts

"""What the sources mean that rules, limits and questions cite: the ids of the governance guide, and the laws; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

SOURCES: Mapping[str, str] = {
    "F2": "Failure mode: the shape of the data changes, and requests break, or are misread.",
    "F3": "Failure mode: a model gets into production that nobody with the right to do so let in.",
    "F5": "Failure mode: a newer version treats a group of people worse than the one before.",
    "F6": "Failure mode: a newer version answers more slowly.",
    "F9": "Failure mode: another version answers than the one that was meant to.",
    "F10": "Failure mode: it was good on the data at hand, and is not in production.",
    "L10": "Layer: security; here that nobody slips something harmful into a model.",
    "M1": "Metric: how right predictions are, held against what became of the cases.",
    "M2": "Metric: latency, the 95th percentile; below 300 ms where somebody waits.",
    "M3": "Metric: availability, the share of requests that are answered well; 99.9% for critical models.",
    "M5": "Metric: how often data breaks its schema; in production never.",
    "M6": "Metric: how far a figure of fairness differs between groups, measured on groups that are large enough.",
    "M7": "Metric: how much of the error budget a canary may use; stop at 20%.",
    "M9": "Metric: how completely it is known what a version was made from; wholly in regulated fields.",
    "P2": "Pattern: a registry of signed artifacts with their provenance.",
    "X4": "Mistake: artifacts that can change, so that going back is slow.",
    "X5": "Mistake: nobody tests fairness before release, and bias is found late.",
    "X6": "Mistake: hashes, commits and approvals are not recorded, and the audit trail has holes.",
    "X7": "Mistake: slow answers are not tested for, and the slowest requests suffer.",
    "X20": "Mistake: versions of dependencies float, and a result cannot be reproduced.",
    "T model contract": "Term: what a model takes and gives, written down so that others can rely on it.",
    "T model poisoning": "Term: somebody tampers with a model's weights or files.",
    "FAQ legacy models": "Question of the guide: models that were there before are taken in step by step.",
    "FAQ third-party models": "Question of the guide: a model of somebody else is wrapped, tested from outside, and its papers are read.",
    "FAQ, mandatory telemetry": "Question of the guide: what every prediction has to record.",
    "checklist": "The guide's checklist that decides how strictly a model is governed; the words quoted are its own.",
    "necessity": "The guide's list of when governance is necessary at all; the words quoted are its own.",
    "use cases": "The guide's use cases, from lending to forecasting, each with what goes wrong in it.",
    "burn-rate guidance": "The guide's advice on alerts: above three times the expected burn rate, pause and look.",
    "AI Act": "Regulation (EU) 2024/1689 on artificial intelligence, by article or annex.",
    "SR 26-2": "The letter of 2026-04-17 on model risk by the Federal Reserve, the OCC and the FDIC: oversight follows materiality.",
    "29 CFR 1607.4 D": "The four-fifths rule of the Uniform Guidelines on Employee Selection Procedures of the United States.",
}
"""One sentence for each, in our words, by the id or name that starts a citation."""

_BY_LENGTH = sorted(SOURCES, key=len, reverse=True)


def key_of(citation: str) -> str | None:
    """Return the source that a citation begins with (`AI Act art. 15(5)` is of `AI Act`); None for one of somebody's own."""
    return next((key for key in _BY_LENGTH if re.match(rf"{re.escape(key)}(?!\w)", citation)), None)


def anchor(key: str) -> str:
    """Return the place of a source on a page."""
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")

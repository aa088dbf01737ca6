"""The words a figure or a rule can end with: one enum, for checks, policy, monitoring and rollouts alike."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """How something ended; whoever gives one also gives a reason, as a sentence."""

    PASSED = "passed"
    """Measured, and as it should be."""
    FAILED = "failed"
    """Measured, and not as it should be."""
    NOT_MEASURED = "not_measured"
    """Could not measure: what is needed for it is missing or broken."""
    INCONCLUSIVE = "inconclusive"
    """Measured, but on too little to say which."""
    PENDING = "pending"
    """Not yet known; waiting for something that is to come."""
    NOT_APPLICABLE = "not_applicable"
    """Makes no sense here."""

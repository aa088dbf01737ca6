"""Verify a passport with nothing but its bytes: no server, no database, no network; pure.

First the log's proofs, for everything else rests on them; then the seal over the body, then each claim in it on its own, so that
even a log's owner who seals nonsense is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from clearance.audit.model import Entry
from clearance.errors import ClearanceError, VerificationFailed
from clearance.evidence import log_proof, passport, strict
from clearance.evidence.passport_claims import CHECKS, Absent, Context, Pins, signers
from clearance.statistics.verdicts import Verdict
from clearance.values import value


@value
class Check:
    """What one part of a passport turned out to be, and why."""

    name: str
    verdict: Verdict
    reason: str


@value
class PassportReport:
    """What verifying a passport found; `ok` when nothing failed.

    `status` is the version's own (registered, quarantined, retired) when the passport was exported, `outcome` that of the decision,
    `lapsed` why that held no more then, empty while it did and in passports of the first releases.
    `pinned` says whether the log was one the verifier knew already: without it, a passport shows only that it agrees with itself.
    """

    ok: bool
    model: str
    number: int
    digest: str
    status: str
    outcome: str
    lapsed: str
    environment: str
    pinned: bool
    log: str
    signers: tuple[str, ...]
    checks: tuple[Check, ...]


def verify(text: bytes | str, pins: Pins | None = None) -> PassportReport:
    """Return what a passport proves, part by part; what is malformed is a failed part, never an exception.

    Args:
        text: the file.
        pins: what is known from elsewhere; by default nothing.
    """
    pins = pins or Pins()
    opened: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    entries: list[Entry] = []
    first = [_run("form", lambda: _open(text, opened))]
    if opened:
        first.append(_run("log", lambda: _prove(opened[0][1], pins, entries)))
    if any(check.verdict == Verdict.FAILED for check in first):
        return _report(opened[0][0] if opened else {}, opened[0][1] if opened else {}, pins, first)
    context = Context(opened[0][0], tuple(entries), pins)
    rest = [_run(name, partial(check, context)) for name, check in CHECKS.items()]
    return _report(*opened[0], pins, first + rest)


def _open(text: bytes | str, opened: list[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    found = strict.loads(text, "the passport")
    if found.get("format") != passport.FORMAT or set(found) != {"format", "body", "log"}:
        raise VerificationFailed(f"this is not a passport of the format {passport.FORMAT}", code="passport_format")
    body = strict.field(found, "body", dict, "the passport")
    opened.append((body, strict.field(found, "log", dict, "the passport")))
    return passport.FORMAT


def _prove(found: Mapping[str, Any], pins: Pins, entries: list[Entry]) -> str:
    proven, signed = log_proof.check(found)
    if pins.log is not None and found["verifier"] != pins.log.strip():
        raise VerificationFailed("the log is not the pinned one", code="log_not_pinned")
    entries.extend(proven)
    return f"{len(proven)} leaves are in the log of {signed.size} leaves that {signed.origin} signed"


def _run(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name=name, verdict=Verdict.PASSED, reason=check())
    except Absent as nothing:
        return Check(name=name, verdict=Verdict.NOT_APPLICABLE, reason=str(nothing))
    except ClearanceError as error:
        return Check(name=name, verdict=Verdict.FAILED, reason=error.message)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return Check(name=name, verdict=Verdict.FAILED, reason=f"it can't be read: {type(error).__name__} {error}")


def _report(body: Mapping[str, Any], log: Mapping[str, Any], pins: Pins, checks: list[Check]) -> PassportReport:
    version, decision = body.get("version"), body.get("decision")
    failed = any(check.verdict == Verdict.FAILED for check in checks)
    number = body.get("number")
    return PassportReport(
        ok=not failed,
        model=str(body.get("model", "")),
        number=number if isinstance(number, int) else 0,
        digest=_text(version, "digest"),
        status=_text(version, "status"),
        outcome=_text(decision, "outcome"),
        lapsed=_text(body, "lapsed"),
        environment=_text(decision, "environment"),
        pinned=pins.log is not None and not failed,
        log=str(log.get("verifier", "")),
        signers=() if failed else signers(body),
        checks=tuple(checks),
    )


def _text(found: Any, name: str) -> str:
    return str(found.get(name, "")) if isinstance(found, dict) else ""

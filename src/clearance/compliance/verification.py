"""Use case of verification: does the log hold, and do the tables hold what it says, neither more nor less?"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import sqlalchemy as sa

from clearance.audit import log
from clearance.audit.checkpoint import Verifier
from clearance.audit.model import Verification
from clearance.audit.verification import MAX_PROBLEMS, printable
from clearance.compliance import stored
from clearance.compliance.agreement import EVENTS, Kind, Said
from clearance.storage.database import Transaction
from clearance.values import timestamp


def verify(tx: Transaction, verifier: Verifier) -> Verification:
    """Recompute the whole log and compare it with everything that was signed; if it holds, compare the tables with it.

    What nobody wrote a leaf for was done past this program: a token, a role or a decision that somebody put into the
    database; leaves that were cut off with the checkpoints over them, as who can write to the database can do.
    """
    found = log.verify(tx, verifier)
    if not found.ok:
        return found
    said = _said(tx)
    said.settle(timestamp(tx.now))
    compared: dict[str, int] = {}
    problems: list[str] = []
    for kind in Kind:
        try:
            held = stored.read(tx, kind)
        except (sa.exc.DatabaseError, ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(printable(f"the {kind.value} of the tables can't be read: {error}"))
            continue
        compared[kind.value] = len(held)
        problems += map(printable, islice(said.against(kind, held), MAX_PROBLEMS))
    return replace(found, ok=not problems, problems=tuple(problems[:MAX_PROBLEMS]), compared=compared)


def _said(tx: Transaction) -> Said:
    """Return what all leaves say."""
    said = Said()
    for entry in log.stream(tx, EVENTS):
        said.take(entry)
    return said

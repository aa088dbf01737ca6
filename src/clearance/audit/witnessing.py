"""The log's side of witnesses: ask those that are set to vouch for the newest checkpoint, beside the commits, never in them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearance.audit import checkpoint, log, store
from clearance.audit.checkpoint import WITNESS, Verifier
from clearance.audit.events import Event
from clearance.audit.keys import LogKeys
from clearance.audit.model import Cosignature, LogStatus
from clearance.audit.witness import ADD_CHECKPOINT, SIZE_TYPE, Request
from clearance.errors import InvalidInput, Unavailable, VerificationFailed
from clearance.storage.complaints import Complaints

if TYPE_CHECKING:
    import httpx

    from clearance.storage.database import Database, Transaction

logger = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Outside:
    """A witness that the log asks: its verifier and the address that `/add-checkpoint` is added to."""

    verifier: Verifier
    url: str


def parse_witnesses(text: str) -> tuple[Outside, ...]:
    """Read a setting: `verifier address`, by commas.

    Raises:
        InvalidInput: it is not that, or two have one name.
    """
    found = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        verifier, _, url = each.partition(" ")
        if not url.strip().startswith(("http://", "https://")):
            raise InvalidInput(
                f"{each[:80]!r} names no witness",
                code="bad_setting",
                hint="CLEARANCE_LOG_WITNESSES='name+hash+key https://witness.example, …'",
            )
        found.append(Outside(checkpoint.parse_verifier(verifier, WITNESS), url.strip().rstrip("/")))
    if len({each.verifier.name for each in found}) != len(found):
        raise InvalidInput("two witnesses have the same name", code="bad_setting", hint="each has one of its own")
    return tuple(found)


class Witnesses:
    """Asks the log's witnesses, turn by turn.

    Args:
        database: holds the log and the cosignatures.
        asked: the witnesses.
        quorum: how many must have vouched for the checkpoint that is published; 0: all.
    """

    def __init__(self, database: Database, asked: Sequence[Outside], quorum: int) -> None:
        self._database = database
        self.asked = tuple(asked)
        self.quorum = min(quorum or len(self.asked), len(self.asked))
        self._complaints = Complaints()

    def turn(self) -> None:
        """Ask every witness that has not vouched for the newest checkpoint; one that is away does not keep the others."""
        for outside in self.asked:
            try:
                self.ask(outside)
            except (Unavailable, VerificationFailed) as error:
                if self._complaints.is_new(outside.verifier.name, error):
                    logger.warning("the witness %s did not vouch for the log: %s", outside.verifier.name, error.message)

    def ask(self, outside: Outside) -> bool:
        """Ask one witness; tell whether it vouched for something new.

        Raises:
            Unavailable: it can't be reached, or answers otherwise than the protocol says.
            VerificationFailed: it refused, or its cosignature is wrong.
        """
        import httpx

        with self._database.read() as tx:
            newest, note = store.size(tx), store.latest_checkpoint(tx)
            before = store.cosigned_sizes(tx).get(outside.verifier.name, 0)
        if note is None or before >= newest:
            return False
        with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
            answer = self._post(client, outside, before, note)
            if answer.status_code == httpx.codes.CONFLICT and SIZE_TYPE in answer.headers.get("content-type", ""):
                answer = self._post(client, outside, _size(answer, newest), note)
        if answer.status_code != httpx.codes.OK:
            raise VerificationFailed(
                f"it answered {answer.status_code}: {answer.text.strip()[:200]}", code="witness_refused"
            )
        self._keep(outside, note, answer.text)
        return True

    def status(self, tx: Transaction, keys: LogKeys) -> LogStatus:
        """Return where the log stands for outsiders."""
        sizes = store.cosigned_sizes(tx)
        lines = [
            Cosignature(witness=name, size=size, at=at, line=line)
            for size in sorted(set(sizes.values()))
            for name, line, at in store.cosigned(tx, size)
            if sizes[name] == size
        ]
        newest, published = store.size(tx), log.published_checkpoint(tx, self.quorum)
        shown = checkpoint.parse(published).size if published else 0
        waiting = log.following(tx, shown, Event, 1) if shown < newest else []
        return LogStatus(
            keys=log.succession(tx, keys),
            checkpoint=store.latest_checkpoint(tx) or "",
            published=published,
            witnesses=tuple(each.verifier.text() for each in self.asked),
            quorum=self.quorum,
            cosignatures=tuple(sorted(lines, key=lambda each: each.witness)),
            waiting=newest - shown,
            waiting_since=waiting[0].at if waiting else None,
            behind=tuple(name for each in self.asked if sizes.get(name := each.verifier.name, 0) < newest),
        )

    def _post(self, client: httpx.Client, outside: Outside, before: int, note: str) -> httpx.Response:
        import httpx

        with self._database.read() as tx:
            path = log.consistency_path(tx, before, checkpoint.parse(note).size)
        try:
            return client.post(outside.url + ADD_CHECKPOINT, content=Request(before, tuple(path), note).text().encode())
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unavailable(f"it can't be reached: {error}", code="witness_unreachable") from error

    def _keep(self, outside: Outside, note: str, lines: str) -> None:
        size = checkpoint.parse(note).size
        if outside.verifier.name not in checkpoint.cosignatures(note + lines, [outside.verifier]):
            raise VerificationFailed("its cosignature is wrong", code="cosignature_invalid")
        line = next(
            each for each in lines.splitlines(keepends=True) if checkpoint.cosignatures(note + each, [outside.verifier])
        )
        with self._database.write() as tx:
            tx.lock("audit cosignatures")
            store.keep_checkpoint(tx, size, note)
            store.add_cosignature(tx, size, outside.verifier.name, line)


def _size(answer: httpx.Response, newest: int) -> int:
    """Return the size at which a witness says it is.

    Raises:
        VerificationFailed: it has seen more of this log than there is.
    """
    text = answer.text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Unavailable(f"it answers {text[:80]!r}", code="witness_unreachable")
    if int(text) > newest:
        raise VerificationFailed(
            f"it has seen {text} leaves of this log, and there are {newest}",
            code="witness_ahead",
            hint="was an older backup restored? Outsiders will take that for a truncation",
        )
    return int(text)

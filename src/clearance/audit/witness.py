"""A witness: vouches for checkpoints of logs, each time only if the log has grown from what it vouched for before.

The protocol is C2SP tlog-witness (`add-checkpoint`), the signature C2SP tlog-cosignature. The state is on the disk before a
cosignature leaves, so that a witness that is killed never vouches for two histories.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clearance.audit import checkpoint, tree
from clearance.audit.checkpoint import WITNESS, Checkpoint, Verifier
from clearance.audit.sources import write_whole
from clearance.errors import InvalidInput, VerificationFailed
from clearance.values import canonical_json

ADD_CHECKPOINT = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
"""Content type of the answer that says at which size the witness is."""
_MAX_PROOF = 63
_MAX_REQUEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: a status, and the cosignature, its size, or the reason."""

    status: HTTPStatus
    text: str
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What a log asks: to vouch for a checkpoint that continues the log of `old` leaves, with the proof of that."""

    old: int
    path: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """Return the body of the request."""
        hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in self.path)
        return f"old {self.old}\n{hashes}\n{self.note}"


def parse_request(text: str) -> Request:
    """Read the body of a request.

    Raises:
        InvalidInput: it is none.
    """
    head, separator, note = text.partition("\n\n")
    first, *hashes = head.split("\n")
    word, _, number = first.partition(" ")
    try:
        path = tuple(base64.b64decode(each, validate=True) for each in hashes)
    except binascii.Error as error:
        raise InvalidInput("the proof is not base64", code="bad_request") from error
    digits = number.isascii() and number.isdigit() and len(number) < 20 and number == str(int(number))
    if not separator or word != "old" or not digits or len(path) > _MAX_PROOF or any(len(each) != 32 for each in path):
        raise InvalidInput("not a request to add a checkpoint", code="bad_request")
    return Request(int(number), path, note)


class Witness:
    """One witness of some logs.

    Args:
        name: of the witness, as its verifiers know it.
        key: with which it cosigns.
        logs: the verifiers of the logs it knows; several of one name are the keys that log has had.
        state: a file for what it vouched for; made the first time. Two witnesses must not share one.
        now: seconds since 1970.
    """

    def __init__(
        self,
        name: str,
        key: Ed25519PrivateKey,
        logs: Iterator[Verifier] | tuple[Verifier, ...],
        state: Path,
        now: Callable[[], float],
    ) -> None:
        self.verifier = Verifier(name, key.public_key(), WITNESS)
        self._key = key
        self._logs = tuple(logs)
        self._state = state
        self._now = now

    def add_checkpoint(self, text: str) -> Answer:
        """Vouch for a checkpoint, or say why not."""
        try:
            asked = parse_request(text)
            named = checkpoint.parse(asked.note)
        except (InvalidInput, VerificationFailed) as error:
            return Answer(HTTPStatus.BAD_REQUEST, error.message + "\n")
        known = [log for log in self._logs if log.name == named.origin]
        if not known:
            return Answer(HTTPStatus.NOT_FOUND, f"this witness does not know the log {named.origin}\n")
        if not any(_signed_by(asked.note, log) for log in known):
            return Answer(HTTPStatus.FORBIDDEN, "no key of that log that this witness knows signed the checkpoint\n")
        if asked.old > named.size:
            return Answer(HTTPStatus.BAD_REQUEST, f"a log of {named.size} leaves can't continue one of {asked.old}\n")
        with self._remembered() as seen:
            return self._judge(asked, named, seen)

    def _judge(self, asked: Request, named: Checkpoint, seen: dict[str, str]) -> Answer:
        last = (
            checkpoint.parse(seen[named.origin])
            if named.origin in seen
            else Checkpoint(named.origin, 0, tree.empty_root())
        )
        if asked.old != last.size:
            return Answer(HTTPStatus.CONFLICT, f"{last.size}\n", SIZE_TYPE)
        if named.size == last.size and named.root != last.root:
            return Answer(HTTPStatus.CONFLICT, f"{last.size}\n", SIZE_TYPE)
        if not tree.is_consistent(last.size, last.root, named.size, named.root, asked.path):
            return Answer(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"the log is not shown to continue the one of {last.size} leaves\n"
            )
        seen[named.origin] = asked.note
        self._keep(seen)
        return Answer(HTTPStatus.OK, checkpoint.cosign(asked.note, self.verifier.name, self._key, int(self._now())))

    @contextmanager
    def _remembered(self) -> Iterator[dict[str, str]]:
        """Yield the newest checkpoint vouched for of each log, and let nobody else near it meanwhile, in any process."""
        self._state.parent.mkdir(parents=True, exist_ok=True)
        with self._state.with_name(self._state.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield dict(_read(self._state))

    def _keep(self, seen: Mapping[str, str]) -> None:
        write_whole(self._state, canonical_json({"v": 1, "logs": seen}) + b"\n")


def serve(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server that answers for a witness; `serve_forever` runs it, and port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if self.path != ADD_CHECKPOINT:
                self._answer(Answer(HTTPStatus.NOT_FOUND, f"a witness answers to POST {ADD_CHECKPOINT}\n"))
            elif not length.isdigit() or int(length) > _MAX_REQUEST:
                self._answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too long\n"))
            else:
                self._answer(witness.add_checkpoint(self.rfile.read(int(length)).decode(errors="replace")))

        def _answer(self, answer: Answer) -> None:
            body = answer.text.encode()
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: whoever runs a witness looks at its state."""

    return ThreadingHTTPServer((host, port), Handler)


def _signed_by(note: str, log: Verifier) -> bool:
    try:
        checkpoint.verify(note, log)
    except VerificationFailed:
        return False
    return True


def _read(state: Path) -> Mapping[str, str]:
    try:
        found: Mapping[str, str] = json.loads(state.read_bytes())["logs"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{state} is not what a witness remembers: {error}",
            code="bad_state",
            hint="put it back from a backup; a witness that forgot what it vouched for must not go on under its name",
        ) from error
    return found

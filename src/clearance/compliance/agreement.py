"""What the leaves of the log say that the tables must hold, and how the two are compared; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.registry.stopped import STATUS_EVENTS
from clearance.values import timestamp

Facts = dict[str, Any]
"""What is known of one thing; a fact that is None is not said."""
_UNTIL = "lowered_until"


class Kind(StrEnum):
    """What is compared: everything that gives a right, admits a version or says what serves; the value is its plural."""

    TOKEN = "tokens"  # noqa: S105  # a word, no secret
    ROLE = "roles"
    KEY = "keys"
    PACK = "packs"
    MODEL = "models"
    VERSION = "versions"
    SIGNATURE = "signatures"
    STATEMENT = "statements"
    DECISION = "decisions"
    VOTE = "votes"
    WAIVER = "waivers"
    ALIAS = "aliases"
    MOVE = "moves"
    POINTER = "pointers"


@dataclass(slots=True)
class _Told:
    facts: Facts
    leaf: int


@dataclass(slots=True)
class Said:
    """What the leaves say so far, by kind and key."""

    things: dict[Kind, dict[str, _Told]] = field(default_factory=lambda: {kind: {} for kind in Kind})

    def take(self, entry: Entry) -> None:
        """Take in the next leaf."""
        for kind, key, facts in _SAYS[entry.event](entry):
            known = self.things[kind]
            if facts is None:
                known.pop(key, None)
            elif key in known:
                known[key] = _Told({**known[key].facts, **facts}, entry.index)
            else:
                known[key] = _Told(facts, entry.index)

    def settle(self, now: str) -> None:
        """Let what was said until a moment that is past be over: a model is governed by its answers again."""
        for told in self.things[Kind.MODEL].values():
            until = told.facts.pop(_UNTIL, None)
            if until is not None and until <= now:
                told.facts["risk"] = told.facts.get("assessed_risk")

    def against(self, kind: Kind, stored: Mapping[str, Facts]) -> Iterator[str]:
        """Yield, in words, where the tables say something else."""
        known = self.things[kind]
        one = kind.name.lower()
        for key in stored.keys() - known.keys():
            yield f"the tables have the {one} {key}, and no leaf of the log says so"
        for key, told in known.items():
            if key not in stored:
                yield f"leaf {told.leaf} says that there is the {one} {key}, and the tables have none"
                continue
            for name, text in told.facts.items():
                if text is not None and text != stored[key].get(name):
                    yield f"the {one} {key}: its {name} is {text!r} by leaf {told.leaf}, and {stored[key].get(name)!r} by the tables"


def move_key(model: str, environment: str, at: str) -> str:
    """Return what a move of a pointer is known by."""
    return f"of {model} in {environment} at {at}"


def vote_key(request: str, voter: str) -> str:
    """Return what a vote is known by."""
    return f"of {voter} on {request}"


def role_key(subject: str, role: str, team: str | None) -> str:
    """Return what a binding of a role is known by."""
    return f"{role} of {subject}" + (f" for {team}" if team else "")


def place_key(model: str, where: str) -> str:
    """Return what a pointer or an alias is known by."""
    return f"{where} of {model}"


_Says = Iterator[tuple[Kind, str, Facts | None]]


def _about(entry: Entry) -> str:
    return entry.subject.partition("/")[2]


def _facts(
    kind: Kind, key: str | None = None, *names: str, by: str | None = None, **fixed: Any
) -> Callable[[Entry], _Says]:
    """Return what reads a leaf: the thing that `key` of its data names, or else its subject, with some of its data.

    Whose deed it was is the fact `by`.
    """

    def says(entry: Entry) -> _Says:
        found = {name: entry.data.get(name) for name in names}
        if key is not None:
            found["about"] = _about(entry)
        if by is not None:
            found[by] = entry.actor
        yield kind, str(entry.data[key]) if key else _about(entry), {**found, **fixed}

    return says


def _changed(entry: Entry) -> _Says:
    """A lowering of before is over when the risk is set by hand."""
    changed = entry.data["changed"]
    facts = {name: changed[name] for name in ("owner", "team", "risk") if name in changed}
    over = {_UNTIL: None} if "risk" in changed else {}
    retired = {"retired": True} if entry.event == Event.MODEL_RETIRED else {}
    yield Kind.MODEL, _about(entry), {**facts, **over, **retired}


def _assessed(entry: Entry) -> _Says:
    level = entry.data["level"]
    yield Kind.MODEL, _about(entry), {"risk": level, "assessed_risk": level, _UNTIL: None}


def _lowered(entry: Entry) -> _Says:
    yield Kind.MODEL, _about(entry), {"risk": entry.data["to"], _UNTIL: entry.data["until"]}


def _vote(entry: Entry) -> _Says:
    facts = {"about": _about(entry), "approve": entry.event == Event.APPROVAL_GIVEN}
    facts |= {name: entry.data.get(name) for name in ("roles", "comment")}
    yield Kind.VOTE, vote_key(entry.data["approval"], entry.actor), facts


def _role(entry: Entry) -> _Says:
    key = role_key(_about(entry), entry.data["role"], entry.data["team"])
    yield Kind.ROLE, key, {} if entry.event == Event.ROLE_BOUND else None


def _alias(entry: Entry) -> _Says:
    facts = {"number": entry.data["to"]} if entry.event == Event.ALIAS_SET else None
    yield Kind.ALIAS, place_key(_about(entry), entry.data["alias"]), facts


def _move(entry: Entry) -> _Says:
    model, _, _ = _about(entry).rpartition("/")
    said = entry.data
    facts = {"kind": said["kind"], "from": said["from"], "to": said["to"], "decision": said["decision"]}
    yield Kind.MOVE, move_key(model, said["environment"], timestamp(entry.at)), {**facts, "by": entry.actor}
    stands = {"stable": said["to"], "decision": said["decision"], "candidate": 0, "weight": 0.0}
    yield Kind.POINTER, place_key(model, said["environment"]), stands


def _rollout(entry: Entry) -> _Says:
    said = entry.data
    left = entry.event in {Event.ROLLOUT_ROLLED_BACK, Event.ROLLOUT_ABORTED, Event.ROLLOUT_COMPLETED}
    stands = {"candidate": 0 if left else said["candidate"], "weight": 0.0 if left else float(said["weight"])}
    yield Kind.POINTER, place_key(said["model"], said["environment"]), stands


_SAYS: Mapping[str, Callable[[Entry], _Says]] = {
    Event.TOKEN_ISSUED: _facts(Kind.TOKEN, None, "name", "roles", "scope", revoked=False),
    Event.TOKEN_ROTATED: _facts(Kind.TOKEN, None, "name", "roles", "scope", revoked=False),
    Event.TOKEN_REVOKED: _facts(Kind.TOKEN, None, revoked=True),
    Event.ROLE_BOUND: _role,
    Event.ROLE_UNBOUND: _role,
    Event.KEY_TRUSTED: _facts(Kind.KEY, None, "name", "purposes", revoked=False),
    Event.KEY_REVOKED: _facts(Kind.KEY, None, revoked=True),
    Event.PACK_INSTALLED: _facts(Kind.PACK, None, "digest"),
    Event.MODEL_CREATED: _facts(Kind.MODEL, None, "owner", "team", "risk", retired=False),
    Event.MODEL_UPDATED: _changed,
    Event.MODEL_RETIRED: _changed,
    Event.MODEL_ASSESSED: _assessed,
    Event.RISK_LOWERED: _lowered,
    Event.VERSION_REGISTERED: _facts(Kind.VERSION, None, "digest", status="registered"),
    Event.VERSION_PINNED: _facts(Kind.VERSION, None, "digest"),
    **{event: _facts(Kind.VERSION, None, status=status.value) for status, event in STATUS_EVENTS.items()},
    Event.ARTIFACT_SIGNED: _facts(Kind.SIGNATURE, "signature", "digest", "signer"),
    Event.STATEMENT_ADDED: _facts(Kind.STATEMENT, "statement", "digest", "signer"),
    Event.DECISION_MADE: _facts(
        Kind.DECISION, "decision", "environment", "outcome", "pack", "facts", "conclusion", by="made_by"
    ),
    Event.APPROVAL_GIVEN: _vote,
    Event.APPROVAL_REJECTED: _vote,
    Event.WAIVER_GRANTED: _facts(
        Kind.WAIVER, "waiver", "rule", "environment", "reason", "expires_at", by="granted_by", revoked=False
    ),
    Event.WAIVER_REVOKED: _facts(Kind.WAIVER, "waiver", revoked=True),
    Event.ALIAS_SET: _alias,
    Event.ALIAS_REMOVED: _alias,
    Event.POINTER_MOVED: _move,
    Event.ROLLOUT_STARTED: _rollout,
    Event.ROLLOUT_ADVANCED: _rollout,
    Event.ROLLOUT_COMPLETED: _rollout,
    Event.ROLLOUT_ROLLED_BACK: _rollout,
    Event.ROLLOUT_ABORTED: _rollout,
}
EVENTS = tuple(map(Event, _SAYS))
"""The leaves that have to be read."""

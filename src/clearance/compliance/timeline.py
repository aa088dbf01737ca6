"""Rebuilds from the leaves of the log which versions got traffic when, and whether they might serve; pure.

A version serves while a pointer names it, it is neither quarantined nor retired, and no gateway refused to load it; whether
the decision that stands still admits it is the rule of `policy.admission`, applied to every moment of the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from clearance.audit.events import Event
from clearance.audit.model import Entry
from clearance.compliance.refusals import Refusals
from clearance.compliance.served import Arm, Cause, Interval, Share
from clearance.policy.model import Standing
from clearance.registry.model import VersionStatus
from clearance.registry.stopped import STATUS_EVENTS

_STATUS = {event: "" if status is VersionStatus.REGISTERED else status.value for status, event in STATUS_EVENTS.items()}
_LEFT = frozenset({Event.ROLLOUT_ROLLED_BACK, Event.ROLLOUT_ABORTED})

EVENTS = (
    Event.POINTER_MOVED,
    Event.DECISION_MADE,
    Event.WAIVER_GRANTED,
    Event.WAIVER_REVOKED,
    Event.LOAD_REFUSED,
    Event.LOAD_ACCEPTED,
    *_STATUS,
)
"""What has to be read of a model."""
ROLLOUT_EVENTS = (Event.ROLLOUT_STARTED, Event.ROLLOUT_ADVANCED, Event.ROLLOUT_COMPLETED, *sorted(_LEFT))
"""What has to be read of its rollouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the log says: every interval in which something got traffic, and how things stand at its end."""

    intervals: tuple[Interval, ...]
    stable: int | None
    candidate: int | None
    weight: float
    statuses: Mapping[int, str]
    """Version → `quarantined`, `retired` or `deleted`; versions in use are left out."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """What gets traffic at the end; empty where nothing ever did."""
        return self.intervals[-1].arms if self.intervals and self.intervals[-1].until is None else ()


def replay(entries: Iterable[Entry], environment: str, until: datetime) -> Replayed:
    """Return what served, from all leaves of `EVENTS` and `ROLLOUT_EVENTS` about one model, in any order.

    Args:
        entries: the leaves; those of other environments are passed over.
        environment: where.
        until: present time; waivers that run out later still hold.
    """
    here = sorted(
        (entry for entry in entries if entry.data.get("environment", environment) == environment),
        key=lambda entry: entry.index,
    )
    state = _State(refusals=Refusals.of(here))
    for entry in here:
        state.run_out(until=min(max(entry.at, state.at or entry.at), until))
        state.take(entry)
    state.run_out(until=until)
    state.close()
    stable, candidate = state.stable, state.candidate
    return Replayed(
        intervals=tuple(state.intervals),
        stable=stable.number if stable else None,
        candidate=candidate.number if candidate else None,
        weight=candidate.weight if candidate else 0.0,
        statuses={number: status for number, (status, _) in state.statuses.items() if status},
    )


@dataclass(slots=True)
class _Ruling:
    """The newest decision on a version that was not left to people."""

    id: str
    allowed: bool
    reason: str
    waivers: tuple[str, ...]


@dataclass(slots=True)
class _State:
    """How things stand after the leaves so far; `intervals` grows whenever the arms change."""

    refusals: Refusals
    at: datetime | None = None
    stable: Arm | None = None
    candidate: Arm | None = None
    statuses: dict[int, tuple[str, str]] = field(default_factory=dict)
    rulings: dict[int, _Ruling] = field(default_factory=dict)
    ends: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """Waiver → when it counts no more, and why."""
    intervals: list[Interval] = field(default_factory=list)
    open: Interval | None = None

    def take(self, entry: Entry) -> None:
        """Change the state by a leaf, and begin a new interval where that changes who serves."""
        at = max(entry.at, self.at or entry.at)  # clocks of several servers may differ by a little
        self.at = at
        cause = Cause(
            leaf=entry.index, at=at, by=entry.actor, event=entry.event, reason=str(entry.data.get("reason", ""))
        )
        if entry.event == Event.POINTER_MOVED:
            self._move(entry, cause)
        elif entry.event == Event.ROLLOUT_STARTED:
            number, weight = int(entry.data["candidate"]), float(entry.data["weight"])
            self.refusals.ask_anew(number, entry.index, at)
            self.candidate = _arm(number, Share.CANDIDATE, weight, cause, entry.data["decision"])
        elif entry.event == Event.ROLLOUT_ADVANCED and self.candidate is not None:
            self.candidate = replace(self.candidate, weight=float(entry.data["weight"]))
        elif entry.event in _LEFT:
            self.candidate = None
        elif entry.event in _STATUS:
            self._change_status(entry, cause)
        elif entry.event == Event.DECISION_MADE:
            self._decide(entry)
        elif entry.event == Event.WAIVER_GRANTED:
            self.ends[entry.data["waiver"]] = (datetime.fromisoformat(entry.data["expires_at"]), "ran out")
        elif entry.event == Event.WAIVER_REVOKED:
            self.ends[entry.data["waiver"]] = (at, "was revoked")
        elif entry.event == Event.LOAD_REFUSED:
            self.refusals.refuse(entry)
        elif entry.event == Event.LOAD_ACCEPTED:
            self.refusals.accept(_number(entry))
        self._turn(cause)

    def run_out(self, until: datetime) -> None:
        """Let the waivers end that end before a moment: nobody writes a leaf when one does."""
        if self.at is None:
            return
        for waiver, (end, _) in sorted(self.ends.items(), key=lambda item: item[1]):
            if self.at < end <= until:
                self.at = end
                self._turn(Cause(leaf=None, at=end, by="", event="", reason=f"the waiver {waiver} ran out"))

    def close(self) -> None:
        if self.open is not None:
            self.intervals.append(self.open)

    def _move(self, entry: Entry, cause: Cause) -> None:
        number = int(entry.data["to"])
        known = next((arm for arm in (self.stable, self.candidate) if arm is not None and arm.number == number), None)
        if known is None:
            self.refusals.ask_anew(number, entry.index, cause.at)
        made = _arm(number, Share.STABLE, 100.0, cause, entry.data["decision"])
        self.stable = made if known is None else replace(made, since=known.since)
        self.candidate = None

    def _change_status(self, entry: Entry, cause: Cause) -> None:
        number = _number(entry)
        self.statuses[number] = (_STATUS[Event(entry.event)], cause.reason)
        if self._standing(number)[0] is Standing.ADMITTED:
            self.refusals.readmit(number, entry.index, cause.at)

    def _decide(self, entry: Entry) -> None:
        if entry.data["outcome"] == "pending":
            return  # one that waits for people takes nothing back (policy.admission)
        number = _number(entry)
        before, _ = self._standing(number)
        self.rulings[number] = _Ruling(
            id=entry.data["decision"],
            allowed=entry.data["outcome"] == "allowed",
            reason=str(entry.data["reason"]),
            waivers=tuple(entry.data.get("waivers", ())),
        )
        after, _ = self._standing(number)
        if before is not Standing.ADMITTED and after is Standing.ADMITTED:  # let in again: from now on by this decision
            self.stable = _decided_by(self.stable, number, self.rulings[number].id)
            self.candidate = _decided_by(self.candidate, number, self.rulings[number].id)
            self.refusals.readmit(number, entry.index, self.at or entry.at)

    def _standing(self, number: int) -> tuple[Standing, str]:
        """Return whether a version might serve now, and why not."""
        status, reason = self.statuses.get(number, ("", ""))
        if status:
            return Standing.STOPPED, f"it is {status}: {reason}"
        ruling = self.rulings.get(number)
        if ruling is None:
            return Standing.LAPSED, "the log has no decision on it"
        if not ruling.allowed:
            return Standing.LAPSED, f"it was denied by {ruling.id}: {ruling.reason}"
        for waiver in ruling.waivers:
            end, how = self.ends.get(waiver, (None, "is not in the log"))
            if end is None or (self.at is not None and end <= self.at):
                return Standing.LAPSED, f"the waiver {waiver} that {ruling.id} stood on {how}"
        return Standing.ADMITTED, ""

    def _turn(self, cause: Cause) -> None:
        arms = self._arms()
        if self.open is not None and arms == self.open.arms:
            return
        if self.open is not None and cause.at > self.open.since:  # what lasted no time at all never was
            self.intervals.append(replace(self.open, until=cause.at, ended=cause))
        self.open = Interval(since=cause.at, until=None, arms=arms, began=cause, ended=None) if arms else None

    def _arms(self) -> tuple[Arm, ...]:
        arms = []
        if self.stable is not None:
            rest = 100.0 - (self.candidate.weight if self.candidate else 0.0)
            arms.append(self._standing_now(replace(self.stable, weight=rest)))
        if self.candidate is not None:
            arms.append(self._standing_now(self.candidate))
        return tuple(arms)

    def _standing_now(self, arm: Arm) -> Arm:
        standing, reason = self._standing(arm.number)
        refused = None if standing is Standing.STOPPED else self.refusals.of_version(arm.number)
        if refused is not None and refused.instead is not None:
            stopped = self._standing(refused.instead)[0] is Standing.STOPPED
            if stopped or self.refusals.of_version(refused.instead) is not None:
                refused = replace(refused, instead=None)
        return replace(arm, standing=standing, reason=reason, refused=refused)


def _arm(number: int, share: Share, weight: float, cause: Cause, decision: str) -> Arm:
    return Arm(
        number=number,
        share=share,
        weight=weight,
        standing=Standing.ADMITTED,
        reason="",
        since=cause.at,
        moved=cause,
        decision=decision,
    )


def _decided_by(arm: Arm | None, number: int, decision: str) -> Arm | None:
    return replace(arm, decision=decision) if arm is not None and arm.number == number else arm


def _number(entry: Entry) -> int:
    return int(entry.subject.rpartition("/")[2])

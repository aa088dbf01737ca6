"""Client of policy: decisions, packs, approvals, waivers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clearance.client.http import Http
from clearance.client.routes import route
from clearance.errors import InvalidInput
from clearance.policy.consent import ApprovalRequest, NewVote, NewWaiver, RequestState, Voted, Waiver
from clearance.policy.model import Admission, Decision, DecisionRequest, ReplayReport
from clearance.policy.pack import InstalledPack, PackSource


class Policy:
    """Decisions and the packs they are made by."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def decide(self, model: str, number: int, environment: str = "production", *, dry_run: bool = False) -> Decision:
        """Decide whether a version may serve; look at `outcome`, for a denial is an answer and not an error.

        Args:
            model: name of the model.
            number: number of the version.
            environment: where it is to serve.
            dry_run: only ask what would be decided: nothing is stored and nobody is asked, and the answer has no id.
        """
        body = DecisionRequest(model=model, number=number, environment=environment, dry_run=dry_run)
        return self._http.post("/decisions", Decision, body)

    def decisions(
        self, model: str | None = None, number: int | None = None, environment: str | None = None
    ) -> Iterator[Decision]:
        """Yield decisions, newest first."""
        return self._http.pages("/decisions", Decision, model=model, number=number, environment=environment)

    def get(self, decision_id: str) -> Decision:
        """Return one decision."""
        return self._http.get(route("/decisions/{}", decision_id), Decision)

    def admission(self, model: str, number: int, environment: str = "production") -> Admission:
        """Return whether a version may be loaded now."""
        return self._http.get(
            route("/models/{}/versions/{}/admission", model, number), Admission, environment=environment
        )

    def replay(self) -> ReplayReport:
        """Recompute every past decision and compare bit for bit."""
        return self._http.post("/policy/replay", ReplayReport)

    def packs(self) -> Iterator[InstalledPack]:
        """Yield the packs in force, in the order in which they are tried."""
        return self._http.pages("/policy/packs", InstalledPack)

    def pack(self, name: str) -> InstalledPack:
        """Return one pack with its rules."""
        return self._http.get(route("/policy/packs/{}", name), InstalledPack)

    def check(self, path: Path) -> InstalledPack:
        """Read a pack and compile its rules, without installing it."""
        return self._http.post("/policy/check", InstalledPack, _source(path))

    def install(self, path: Path) -> InstalledPack:
        """Install a pack from a YAML file."""
        return self._http.post("/policy/packs", InstalledPack, _source(path))


class Approvals:
    """Decisions that wait for people."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self, state: RequestState | None = None, *, mine: bool = False) -> Iterator[ApprovalRequest]:
        """Yield requests, newest first; `mine`: those that wait for the caller's vote."""
        return self._http.pages("/approvals", ApprovalRequest, state=state, mine=mine)

    def get(self, approval_id: str) -> ApprovalRequest:
        """Return one request with its votes."""
        return self._http.get(route("/approvals/{}", approval_id), ApprovalRequest)

    def approve(self, approval_id: str, comment: str = "") -> Voted:
        """Agree; the answer has the new decision when this vote settled it."""
        return self._http.post(route("/approvals/{}/approve", approval_id), Voted, NewVote(comment=comment))

    def reject(self, approval_id: str, comment: str) -> Voted:
        """Disagree, saying why."""
        return self._http.post(route("/approvals/{}/reject", approval_id), Voted, NewVote(comment=comment))


class Waivers:
    """Dated exceptions to rules."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self, model: str | None = None) -> Iterator[Waiver]:
        """Yield waivers, newest first, also those that count no longer."""
        return self._http.pages("/waivers", Waiver, model=model)

    def grant(
        self,
        rule: str,
        model: str,
        *,
        reason: str,
        days: float,
        number: int | None = None,
        environment: str = "production",
    ) -> Waiver:
        """Let one rule not block a model (or one version) for a while."""
        new = NewWaiver(rule=rule, model=model, reason=reason, days=days, number=number, environment=environment)
        return self._http.post("/waivers", Waiver, new)

    def revoke(self, waiver_id: str) -> Waiver:
        """End a waiver now."""
        return self._http.delete(route("/waivers/{}", waiver_id), Waiver)


def _source(path: Path) -> PackSource:
    try:
        return PackSource(source=path.read_text(encoding="utf-8"), name=path.name)
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}", code="file_unreadable") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: {error}", code="file_unreadable") from error

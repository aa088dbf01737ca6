"""Use cases of approvals: what waits, approve, reject; the vote that settles a request decides anew."""

from __future__ import annotations

from datetime import timedelta

from clearance.access.model import Place, Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, Forbidden, InvalidInput, NotFound
from clearance.evidence import predicates, statement
from clearance.evidence import service as evidence
from clearance.evidence.keyring import Keyring
from clearance.policy import consent_store
from clearance.policy.consent import ApprovalRequest, RequestState, Voted
from clearance.policy.decisions import decide, lock
from clearance.policy.engine import Engine
from clearance.policy.model import Vote
from clearance.registry import service as registry
from clearance.registry.stopped import check_usable, why_stopped
from clearance.storage.database import Transaction
from clearance.values import Page, plain, position_of

_LONGEST_COMMENT = 4000


def approve(
    tx: Transaction, caller: Principal, engine: Engine, keyring: Keyring, approval_id: str, comment: str = ""
) -> Voted:
    """Agree; once enough people have, the version is decided on anew in this transaction.

    Raises:
        NotFound: no such request.
        Forbidden: one's own version (code `own_version`), or not in a role that counts (`role_missing`).
        Conflict: it is settled (`approval_settled`), it ran out (`approval_expired`), or its version was stopped (`bad_status`).
    """
    return _vote(tx, caller, engine, keyring, approval_id, approve=True, comment=comment)


def reject(
    tx: Transaction, caller: Principal, engine: Engine, keyring: Keyring, approval_id: str, comment: str
) -> Voted:
    """Disagree, saying why: the version is denied for as long as the vote counts. Errors as `approve`."""
    if not comment.strip():
        raise InvalidInput("a rejection needs a comment", code="no_reason", hint="say what has to change")
    return _vote(tx, caller, engine, keyring, approval_id, approve=False, comment=comment)


def get_approval(tx: Transaction, approval_id: str) -> ApprovalRequest:
    """Return a request with its votes.

    Raises:
        NotFound: there is none of that id.
    """
    return _find(tx, approval_id)[0]


def list_approvals(
    tx: Transaction,
    caller: Principal,
    *,
    state: RequestState | None = None,
    version: tuple[str, int] | None = None,
    mine: bool = False,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[ApprovalRequest]:
    """Return requests, newest first.

    Args:
        state: only those.
        version: only those for this model and number.
        mine: only those that wait for the caller's vote, on this page: the inbox.
    """
    wanted = RequestState.OPEN if mine else state
    found = consent_store.list_requests(tx, state=wanted, version=version, before=position_of(cursor), limit=limit + 1)
    if mine:
        registry.look_up(tx, [(request.model, request.number) for _, request in found[:limit]])
    items = tuple(request for _, request in found[:limit] if not mine or _may_vote(tx, request, caller))
    return Page(items=items, next=str(found[limit - 1][0]) if len(found) > limit else None)


def _may_vote(tx: Transaction, request: ApprovalRequest, caller: Principal) -> bool:
    model = registry.get_model(tx, request.model)
    if why_stopped(model, registry.get_version(tx, request.model, request.number)):
        return False
    roles = caller.at(Place(model=request.model, team=model.team)).roles
    own = request.exclude_author and caller.stands_for(request.author)
    voted = any(vote.voter == caller.name for vote in request.votes)
    return not own and not voted and bool(set(roles) & set(request.roles))


def _vote(
    tx: Transaction,
    caller: Principal,
    engine: Engine,
    keyring: Keyring,
    approval_id: str,
    *,
    approve: bool,
    comment: str,
) -> Voted:
    waiting = get_approval(tx, approval_id)
    model = registry.get_model(tx, waiting.model, lock=True)  # nobody stops the version meanwhile
    lock(tx, waiting.model, waiting.number, waiting.environment)
    request, valid_days = _find(tx, approval_id)
    check_usable(model, registry.get_version(tx, request.model, request.number))
    _check(request, caller, comment)
    roles = tuple(role for role in caller.roles if role in request.roles)
    vote = Vote(voter=caller.name, roles=roles, approve=approve, comment=comment.strip(), at=tx.now)
    consent_store.insert_vote(tx, request.id, vote, tx.now + timedelta(days=valid_days))
    _record(tx, caller, keyring, request, vote)
    state = _state_after(tx, request, approve)
    if state is RequestState.OPEN:
        return Voted(request=_find(tx, approval_id)[0], decision=None)
    consent_store.settle_request(tx, request.id, state)
    decision = decide(tx, caller, engine, keyring, request.model, request.number, request.environment)
    return Voted(request=_find(tx, approval_id)[0], decision=decision)


def _find(tx: Transaction, approval_id: str) -> tuple[ApprovalRequest, float]:
    found = consent_store.find_request(tx, approval_id)
    if found is None:
        raise NotFound(
            f"there is no request for approval {approval_id[:80]}",
            code="approval_not_found",
            hint="`clearance approvals list` shows what waits",
        )
    return found


def _check(request: ApprovalRequest, caller: Principal, comment: str) -> None:
    version = f"{request.model}/{request.number}"
    if request.state is RequestState.EXPIRED:
        raise Conflict(
            f"the request ran out on {request.expires_at:%Y-%m-%d %H:%M} UTC",
            code="approval_expired",
            hint=f"`clearance policy decide {request.model} {request.number}` asks anew",
        )
    if request.state is not RequestState.OPEN:
        raise Conflict(f"the request is {request.state} already", code="approval_settled")
    if request.exclude_author and caller.stands_for(request.author):
        raise Forbidden(
            f"{caller.voice_of(request.author)} registered {version}, and nobody approves their own version",
            code="own_version",
            hint="somebody else in the role " + " or ".join(request.roles) + " has to look at it",
        )
    if not set(caller.roles) & set(request.roles):
        raise Forbidden(
            f"the vote of {caller.name} does not count here: it takes the role {' or '.join(request.roles)}",
            code="role_missing",
            hint="an administrator issues a token with the role: `clearance tokens issue NAME --role approver`",
            details={"roles": [role.value for role in request.roles]},
        )
    if len(comment) > _LONGEST_COMMENT:
        raise InvalidInput(f"the comment is longer than {_LONGEST_COMMENT} characters", code="bad_text")


def _state_after(tx: Transaction, request: ApprovalRequest, approved: bool) -> RequestState:
    if not approved:
        return RequestState.REJECTED
    newest = {
        vote.voter: vote
        for vote in consent_store.votes_in_force(tx, request.model, request.number, request.environment)
    }
    agreeing = sum(vote.approve for vote in newest.values())
    return RequestState.APPROVED if agreeing >= request.needed else RequestState.OPEN


def _record(tx: Transaction, caller: Principal, keyring: Keyring, request: ApprovalRequest, vote: Vote) -> None:
    """Write the vote down twice: as signed evidence about the version, and in the log."""
    predicate = {
        "approval": request.id,
        "environment": request.environment,
        "decision": request.decision_id,
        **plain(vote),
    }
    claim = statement.about(request.model, request.number, request.digest, predicates.APPROVAL, predicate)
    evidence.sign_and_add(tx, caller, keyring, claim)
    log.record(
        tx,
        Event.APPROVAL_GIVEN if vote.approve else Event.APPROVAL_REJECTED,
        actor=caller.name,
        subject=f"model/{request.model}/{request.number}",
        data={"approval": request.id, "environment": request.environment, "roles": vote.roles, "comment": vote.comment},
    )

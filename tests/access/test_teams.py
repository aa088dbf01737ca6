"""A role bound to one team counts for that team's models, on every route, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from clearance.access import service
from clearance.access.model import Principal, Role, Scope, TeamRole
from clearance.access.people import NewBinding
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.errors import Conflict, Forbidden, InvalidInput, NotFound
from clearance.policy import service as policy
from clearance.policy.consent import NewWaiver
from clearance.policy.model import Outcome
from clearance.registry import service as registry
from clearance.registry.model import ModelChange, NewModel, Risk
from tests.conftest import person
from tests.policy import registered

ADA = person("ada")
LENDING = Principal(
    name="user:lena",
    roles=(),
    team_roles=tuple(TeamRole(role=role, team="lending") for role in (Role.DEVELOPER, Role.APPROVER, Role.OPERATOR)),
)


@pytest.fixture
def models(sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        for name, team in (("car-loan", "lending"), ("churn", "marketing"), ("orphan", "")):
            registry.create_model(tx, ADA, NewModel(name=name, owner="ada", team=team))


@pytest.fixture
def lena(as_user: Callable[..., Client], models: None) -> httpx.Client:
    """A developer, approver and operator of the team `lending`, who has no role beside."""
    client = as_user(LENDING).http.client
    client.base_url = httpx.URL("http://local/api/v1")
    return client


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 403 and answer.json()["code"] == "permission_missing"


NAMED: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/models/{}", None),
    ("PATCH", "/models/{}", {"purpose": "x"}),
    ("GET", "/models/{}/versions", None),
    ("POST", "/models/{}/versions", {"files": []}),
    ("POST", "/models/{}/rollback", {"reason": "x"}),
    ("POST", "/decisions", {"model": "{}", "number": 1}),
    ("POST", "/promotions", {"model": "{}", "number": 1, "environment": "production"}),
    ("POST", "/rollouts", {"model": "{}", "candidate": 1, "strategy": "canary"}),
    ("POST", "/waivers", {"model": "{}", "rule": "x", "reason": "x", "days": 1}),
    ("POST", "/gateway/reload", {"model": "{}"}),
    ("GET", "/decisions?model={}", None),
    ("GET", "/rollouts?model={}", None),
    ("GET", "/alerts?model={}", None),
]


def call(http: httpx.Client, method: str, path: str, body: dict[str, Any] | None, model: str) -> httpx.Response:
    filled = None if body is None else {name: model if text == "{}" else text for name, text in body.items()}
    return http.request(method, path.format(model), json=filled)


@pytest.mark.parametrize(("method", "path", "body"), NAMED)
def test_it_counts_for_the_teams_models_and_for_no_others(
    lena: httpx.Client, method: str, path: str, body: dict[str, Any] | None
) -> None:
    assert not refused(call(lena, method, path, body, "car-loan"))
    for other in ("churn", "orphan", "unheard-of"):
        assert refused(call(lena, method, path, body, other)), other


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/models", None),
        ("GET", "/decisions", None),
        ("GET", "/tokens", None),
        ("GET", "/audit/checkpoint", None),
        ("POST", "/policy/packs", {"yaml": "x"}),
        ("POST", "/policy/packs?model=car-loan", {"yaml": "x", "model": "car-loan", "team": "lending"}),
        ("POST", "/tokens?model=car-loan", {"model": "car-loan", "name": "x", "roles": ["admin"]}),
        ("GET", "/models?model=car-loan", None),
        ("GET", "/models/churn?model=car-loan", None),
        ("PATCH", "/models/churn", {"model": "car-loan", "purpose": "x"}),
        ("GET", "/decisions?model=car-loan&model=churn", None),
        ("POST", "/decisions", ["car-loan"]),
        ("POST", "/decisions", {"model": ["car-loan"], "number": 1}),
        ("POST", "/decisions", {"model": "CAR-LOAN", "number": 1}),
        ("GET", "/alerts/alr_none", None),
        ("POST", "/alerts/alr_none/acknowledge", None),
        ("POST", "/approvals/apr_none/approve", {}),
        ("DELETE", "/waivers/wvr_none", None),
        ("GET", "/incidents/inc_none", None),
        ("GET", "/rollouts/rol_none", None),
        ("GET", "/decisions/dec_none", None),
    ],
)
def test_what_is_about_no_model_of_the_team_is_refused_whatever_the_caller_claims(
    lena: httpx.Client, method: str, path: str, body: Any
) -> None:
    assert refused(lena.request(method, path, json=body))


def test_a_body_that_is_no_json_claims_nothing(lena: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for content in (b"", b"{", b"\xff", b'{"model": "churn", "model": "car-loan"'):
        assert lena.post("/waivers", content=content, headers=headers).status_code in {400, 403, 422}


def test_of_a_field_given_twice_the_one_counts_that_the_route_reads(lena: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    content = b'{"model": "car-loan", "number": 1, "model": "churn"}'
    assert refused(lena.post("/decisions", content=content, headers=headers))


def test_a_model_may_be_made_for_the_own_team_only(lena: httpx.Client) -> None:
    for team, allowed in (("lending", True), ("marketing", False), ("", False), (None, False)):
        body = {"name": f"new-{team}".lower(), "owner": "lena", **({} if team is None else {"team": team})}
        assert refused(lena.post("/models", json=body)) is not allowed


def test_a_model_is_handed_over_only_by_who_may_change_it_on_both_sides(
    lena: httpx.Client, as_user: Callable[..., Client]
) -> None:
    assert refused(lena.patch("/models/car-loan", json={"team": "marketing"}))
    both = Principal(
        name="user:bo", roles=(), team_roles=(*LENDING.team_roles, TeamRole(role=Role.DEVELOPER, team="marketing"))
    )
    answer = as_user(both).http.client.patch("http://local/api/v1/models/car-loan", json={"team": "marketing"})
    assert answer.status_code == 200, answer.text


def test_a_version_is_made_from_such_only_as_its_maker_may_read(
    lena: httpx.Client, client: Client, as_user: Callable[..., Client]
) -> None:
    def register(http: httpx.Client, model: str, *parents: str) -> httpx.Response:
        source = {"kind": "endpoint", "uri": f"https://models.example.com/{http is lena}/{'/'.join(parents)}"}
        new = {"source": source, "provenance": {"parents": list(parents)}}
        return http.post(f"http://local/api/v1/models/{model}/versions", json=new)

    for model in ("car-loan", "churn"):
        assert register(client.http.client, model).status_code == 201
    assert refused(register(lena, "car-loan", "car-loan/1", "churn/1"))
    assert refused(register(lena, "car-loan", "churn/77"))  # nor is it told what there is
    assert refused(register(lena, "car-loan", "nobody/1"))
    assert register(lena, "car-loan", "car-loan/1").status_code == 201
    reader = as_user(replace(LENDING, roles=(Role.VIEWER,))).http.client
    assert register(reader, "car-loan", "churn/1").status_code == 201


def test_bytes_may_be_brought_before_it_is_known_for_which_model(lena: httpx.Client) -> None:
    assert lena.post("/missing-blobs", json={"digests": []}).status_code == 200


def test_a_person_sees_who_they_are_with_the_roles_of_their_teams(lena: httpx.Client) -> None:
    found = lena.get("/whoami").json()
    assert found["team_roles"] == [{"role": each.role.value, "team": each.team} for each in LENDING.team_roles]


def test_a_token_for_one_model_can_do_nothing_with_another(as_user: Callable[..., Client], models: None) -> None:
    caller = Principal(name="service:ci", roles=(Role.DEVELOPER,), scope=Scope(models=("car-loan",)))
    http = as_user(caller).http.client
    assert not refused(http.get("/api/v1/models/car-loan"))
    assert refused(http.get("/api/v1/models/churn"))
    assert refused(http.get("/api/v1/models"))


@pytest.mark.parametrize("path", ["/api/v1/telemetry/events", "/api/v1/telemetry/labels"])
def test_telemetry_is_taken_for_the_models_of_a_narrowed_token_and_for_no_other_in_the_batch(
    as_user: Callable[..., Client], models: None, path: str
) -> None:
    caller = Principal(name="service:gw", roles=(Role.OPERATOR,), scope=Scope(models=("car-loan",)))
    http = as_user(caller).http.client
    own, other = {"model": "car-loan"}, {"model": "churn"}
    assert http.post(path, json=[own]).json()["code"] != "permission_missing"  # it is no event: that is another matter
    batches: list[list[dict[str, Any]]] = [[other], [own, other], [{}], [{"model": ["car-loan"]}]]
    for batch in batches:
        assert refused(http.post(path, json=batch))


def test_the_inbox_and_the_vote_of_a_teams_approver_are_for_its_models_only(
    sqlite_parts: Clearance, as_user: Callable[..., Client]
) -> None:
    pending = registered.decide(sqlite_parts, registered.ready(sqlite_parts, risk=Risk.FULL))
    assert pending.outcome is Outcome.PENDING
    roles = (TeamRole(role=Role.APPROVER, team="lending"), TeamRole(role=Role.VALIDATOR, team="lending"))
    outsider = as_user(Principal(name="user:lena", roles=(Role.VIEWER,), team_roles=roles))
    assert list(outsider.approvals.list(mine=True)) == []
    approval = next(iter(outsider.approvals.list()))
    with pytest.raises(Forbidden) as refusal:
        outsider.approvals.approve(approval.id, "fine")
    assert "approver for lending" in refusal.value.hint
    with sqlite_parts.database.write() as tx:
        registry.update_model(tx, ADA, "car-loan", ModelChange(team="lending"))
    assert [each.id for each in outsider.approvals.list(mine=True)] == [approval.id]
    voted = outsider.approvals.approve(approval.id, "fine")
    assert Role.APPROVER in voted.request.votes[0].roles


# ── bindings


def test_a_role_is_bound_listed_and_taken_away(as_user: Callable[..., Client]) -> None:
    client = as_user(ADA)
    client.access.bind("group:risk", Role.APPROVER, team="lending")
    client.access.bind("group:risk", Role.APPROVER)
    with pytest.raises(Conflict, match="approver for lending already"):
        client.access.bind("group:risk", Role.APPROVER, team="lending")
    client.access.unbind("group:risk", Role.APPROVER, team="lending")
    assert [(each.subject, each.team) for each in client.access.bindings()] == [("group:risk", None)]
    with pytest.raises(NotFound, match="not so: group:risk is approver for lending"):
        client.access.unbind("group:risk", Role.APPROVER, team="lending")


@pytest.mark.parametrize(
    "subject", ["", "alice", "user:", "service:ci", "user: alice", "group:a\nb", "user:" + "x" * 300]
)
def test_a_role_is_bound_to_somebody(parts: Clearance, subject: str) -> None:
    with parts.database.write() as tx, pytest.raises(InvalidInput, match="names nobody"):
        service.bind_role(tx, ADA, NewBinding(subject=subject, role=Role.VIEWER))


def test_a_team_has_a_name(parts: Clearance) -> None:
    with parts.database.write() as tx, pytest.raises(InvalidInput, match="team has no name"):
        service.bind_role(tx, ADA, NewBinding(subject="user:x", role=Role.VIEWER, team=" "))


# ── separation of duties


def test_nobody_approves_or_waives_their_own_version_by_a_token_they_made_for_another(sqlite_parts: Clearance) -> None:
    pending = registered.decide(sqlite_parts, registered.ready(sqlite_parts, risk=Risk.FULL))
    sock = Principal(name="user:sock", roles=(Role.APPROVER,), issued_by="user:ada")
    with sqlite_parts.database.write() as tx, pytest.raises(Forbidden, match="who made this token") as vote:
        policy.approve(tx, sock, sqlite_parts.policy_engine, sqlite_parts.keyring, str(pending.approval_id))
    assert vote.value.code == "own_version"
    new = NewWaiver(rule="performance", model="car-loan", number=1, reason="trust me", days=1)
    with sqlite_parts.database.write() as tx, pytest.raises(Forbidden) as refusal:
        policy.grant_waiver(tx, sock, new)
    assert refusal.value.code == "own_version"

"""The client: one attribute per room; `Client(url, token)` for a server, `clearance.cli.connection` for local mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from clearance.client.http import Http, connections

if TYPE_CHECKING:
    from clearance.client.access import Access
    from clearance.client.artifacts import Artifacts
    from clearance.client.audit import Audit
    from clearance.client.checks import Checks
    from clearance.client.compliance import Reports
    from clearance.client.delivery import Delivery, Rollouts
    from clearance.client.evidence import Evidence
    from clearance.client.gateway import Gateway
    from clearance.client.lineage import Lineage
    from clearance.client.mlflow import Mlflow
    from clearance.client.monitoring import Monitoring
    from clearance.client.policy import Approvals, Policy, Waivers
    from clearance.client.registry import Datasets, Models, Tags, Templates, Versions
    from clearance.client.response import Alerts, Incidents
    from clearance.client.telemetry import Telemetry

_AT_ONCE = 4  # files on their way to or from a server at the same time


class Client:
    """Talks to one Clearance. A room's values are imported when the room is first used, so that commands start fast.

    Args:
        url: address of the server, `http://host:port`.
        token: bearer token; empty in local mode.
        transport: HTTP transport, where it is not the network.
        timeout: seconds to wait for an answer.
        aside: told which model a name was taken for, where a deleted one has it too.

    Raises:
        InvalidInput: that is no address, or no token.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 300,
        aside: Callable[[str], None] | None = None,
    ) -> None:
        made = connections(url, token, transport=transport, timeout=timeout)
        self.http = Http(made, at_once=_AT_ONCE if transport is None else 1, aside=aside)

    @cached_property
    def models(self) -> Models:
        """The inventory of models."""
        from clearance.client.registry import Models

        return Models(self.http)

    @cached_property
    def versions(self) -> Versions:
        """Immutable versions."""
        from clearance.client.registry import Versions

        return Versions(self.http)

    @cached_property
    def tags(self) -> Tags:
        """Words on models and versions."""
        from clearance.client.registry import Tags

        return Tags(self.http)

    @cached_property
    def datasets(self) -> Datasets:
        """Data, by what its bytes say."""
        from clearance.client.registry import Datasets

        return Datasets(self.http)

    @cached_property
    def artifacts(self) -> Artifacts:
        """What is stored."""
        from clearance.client.artifacts import Artifacts

        return Artifacts(self.http)

    @cached_property
    def lineage(self) -> Lineage:
        """What came from where."""
        from clearance.client.lineage import Lineage

        return Lineage(self.http)

    @cached_property
    def templates(self) -> Templates:
        """What models of a use case start with."""
        from clearance.client.registry import Templates

        return Templates(self.http)

    @cached_property
    def mlflow(self) -> Mlflow:
        """What comes from MLflow's servers."""
        from clearance.client.mlflow import Mlflow

        return Mlflow(self.http)

    @cached_property
    def evidence(self) -> Evidence:
        """Signatures, statements, keys, passports."""
        from clearance.client.evidence import Evidence

        return Evidence(self.http)

    @cached_property
    def checks(self) -> Checks:
        """Suites of checks over versions."""
        from clearance.client.checks import Checks

        return Checks(self.http)

    @cached_property
    def policy(self) -> Policy:
        """Packs and decisions."""
        from clearance.client.policy import Policy

        return Policy(self.http)

    @cached_property
    def approvals(self) -> Approvals:
        """Decisions that wait for people."""
        from clearance.client.policy import Approvals

        return Approvals(self.http)

    @cached_property
    def waivers(self) -> Waivers:
        """Rules that do not block for a while."""
        from clearance.client.policy import Waivers

        return Waivers(self.http)

    @cached_property
    def delivery(self) -> Delivery:
        """What serves where: promote, roll back."""
        from clearance.client.delivery import Delivery

        return Delivery(self.http)

    @cached_property
    def rollouts(self) -> Rollouts:
        """Candidates on their way."""
        from clearance.client.delivery import Rollouts

        return Rollouts(self.http)

    @cached_property
    def gateway(self) -> Gateway:
        """What the built-in gateway serves and refuses."""
        from clearance.client.gateway import Gateway

        return Gateway(self.http)

    @cached_property
    def telemetry(self) -> Telemetry:
        """Events and labels of production."""
        from clearance.client.telemetry import Telemetry

        return Telemetry(self.http)

    @cached_property
    def monitoring(self) -> Monitoring:
        """Windows and their figures."""
        from clearance.client.monitoring import Monitoring

        return Monitoring(self.http)

    @cached_property
    def alerts(self) -> Alerts:
        """What is wrong."""
        from clearance.client.response import Alerts

        return Alerts(self.http)

    @cached_property
    def incidents(self) -> Incidents:
        """What people work on."""
        from clearance.client.response import Incidents

        return Incidents(self.http)

    @cached_property
    def access(self) -> Access:
        """Tokens, and who am I."""
        from clearance.client.access import Access

        return Access(self.http)

    @cached_property
    def audit(self) -> Audit:
        """The audit log."""
        from clearance.client.audit import Audit

        return Audit(self.http)

    @cached_property
    def reports(self) -> Reports:
        """Pages that show what is known."""
        from clearance.client.compliance import Reports

        return Reports(self.http)

    def close(self) -> None:
        """Close the connections."""
        self.http.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

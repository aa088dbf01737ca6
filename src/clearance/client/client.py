"""The client: one attribute per room; `Client(url, token)` for a server, `clearance.cli.connection` for local mode."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from clearance.client.access import Access
from clearance.client.audit import Audit
from clearance.client.delivery import Delivery, Rollouts
from clearance.client.checks import Checks
from clearance.client.evidence import Evidence
from clearance.client.gateway import Gateway
from clearance.client.http import Http
from clearance.client.monitoring import Monitoring
from clearance.client.policy import Approvals, Policy, Waivers
from clearance.client.registry import Datasets, Models, Versions
from clearance.client.response import Alerts, Incidents
from clearance.client.telemetry import Telemetry


class Client:
    """Talks to one Clearance.

    Args:
        url: address of the server, `http://host:port`.
        token: bearer token; empty in local mode.
        transport: HTTP transport, where it is not the network.
        timeout: seconds to wait for an answer.
    """

    def __init__(
        self, url: str, token: str = "", *, transport: httpx.BaseTransport | None = None, timeout: float = 300
    ) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.http = Http(httpx.Client(base_url=url, headers=headers, transport=transport, timeout=timeout))
        self.models = Models(self.http)
        self.versions = Versions(self.http)
        self.datasets = Datasets(self.http)
        self.policy = Policy(self.http)
        self.approvals = Approvals(self.http)
        self.waivers = Waivers(self.http)
        self.access = Access(self.http)
        self.audit = Audit(self.http)
        self.evidence = Evidence(self.http)
        self.checks = Checks(self.http)
        self.delivery = Delivery(self.http)
        self.rollouts = Rollouts(self.http)
        self.alerts = Alerts(self.http)
        self.gateway = Gateway(self.http)
        self.incidents = Incidents(self.http)
        self.telemetry = Telemetry(self.http)
        self.monitoring = Monitoring(self.http)

    def close(self) -> None:
        """Close the connections."""
        self.http.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

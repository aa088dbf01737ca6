"""Calls of MLflow's registry protocol as plain HTTP, for tests that look at what goes over the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from clearance.access.model import Principal
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport

PREFIX = "/api/2.0/mlflow/"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]

    @property
    def word(self) -> str:
        return str(self.body.get("error_code", "OK"))

    @property
    def model(self) -> dict[str, Any]:
        assert self.status == 200, self.body
        found: dict[str, Any] = self.body["registered_model"]
        return found

    @property
    def version(self) -> dict[str, Any]:
        assert self.status == 200, self.body
        found: dict[str, Any] = self.body["model_version"]
        return found

    @property
    def names(self) -> list[tuple[str, str | None]]:
        """Names, and numbers if they are versions, in the order of the answer."""
        assert self.status == 200, self.body
        listed = self.body.get("registered_models", []) + self.body.get("model_versions", [])
        return [(each["name"], each.get("version")) for each in listed]


class Registry:
    """A server that speaks the protocol."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def call(self, method: str, path: str, **asked: Any) -> Answer:
        """Send a request; a GET carries its fields in the query, as MLflow's client does it."""
        sent: dict[str, Any] = {"params": asked} if method == "GET" else {"content": json.dumps(asked)}
        headers = {"content-type": "application/json"}
        answer = self.http.request(method, PREFIX + path, headers=headers, **sent)
        is_json = answer.headers["content-type"].startswith("application/json")
        return Answer(answer.status_code, answer.json() if is_json else {})

    def create(self, name: str, **more: Any) -> Answer:
        return self.call("POST", "registered-models/create", name=name, **more)

    def add(self, name: str, source: str = "s3://bucket/model", **more: Any) -> Answer:
        return self.call("POST", "model-versions/create", name=name, source=source, **more)

    def get(self, name: str) -> Answer:
        return self.call("GET", "registered-models/get", name=name)

    def get_version(self, name: str, version: int) -> Answer:
        return self.call("GET", "model-versions/get", name=name, version=str(version))

    def set_alias(self, name: str, alias: str, version: int) -> Answer:
        return self.call("POST", "registered-models/alias", name=name, alias=alias, version=str(version))

    def by_alias(self, name: str, alias: str) -> Answer:
        return self.call("GET", "registered-models/alias", name=name, alias=alias)

    def move(self, name: str, version: int, stage: str, **more: Any) -> Answer:
        return self.call(
            "POST", "model-versions/transition-stage", name=name, version=str(version), stage=stage, **more
        )

    def search(self, kind: str, text: str = "", **more: Any) -> Answer:
        """Search `registered-models` or `model-versions`."""
        return self.call("GET", f"{kind}/search", filter=text, **more)


def registry_of(parts: Clearance, principal: Principal | None) -> Registry:
    """Return the protocol of an installation, spoken in this process by a principal, or by whoever a token says."""
    from clearance import server

    app: Any = server.create(parts)
    transport = InProcessTransport(lambda: app, {"clearance.principal": principal} if principal else {})
    return Registry(httpx.Client(transport=transport, base_url="http://clearance.test"))

"""Reads an MLflow server over its public REST API: its registry, and artifacts that it proxies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

import httpx

from clearance.client.http import connections
from clearance.errors import ClearanceError, Forbidden, InvalidInput, NotFound, Unauthenticated, Unavailable
from clearance.integrations.mlflow.model import PROMPT_TAG

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_AT_ONCE = 100
_CHUNK = 1 << 20
_DEEPEST = 50
_PROMPTS = f"tags.`{PROMPT_TAG}` = 'true'"

Found = dict[str, Any]
"""A JSON object of MLflow's protocol."""


class MlflowServer:
    """An MLflow server; use it as a context manager.

    Args:
        url: its address; a user and password in it are sent as HTTP Basic.
        token: bearer token, instead.

    Raises:
        InvalidInput: that is no address of the web, or no token.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = _split(url)
        self._host = parts.netloc.rpartition("@")[2]
        self.origin = urlunsplit((parts.scheme, self._host, parts.path.rstrip("/"), "", ""))
        address = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._http = connections(address, token, timeout=60)

    def __enter__(self) -> MlflowServer:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._http.close()

    def models(self) -> Iterator[Found]:
        """Yield all registered models, by name, and then all prompts, which MLflow leaves out unless it is asked for them."""
        for wanted in ({}, {"filter": _PROMPTS}):
            yield from self._pages("registered-models/search", "registered_models", {"order_by": "name ASC", **wanted})

    def versions(self, name: str, *, prompt: bool = False) -> list[Found]:
        """Return the versions of a model, or of a prompt, that it still has, by number.

        Raises:
            InvalidInput: MLflow's search has no way to ask for a name with both kinds of quotes (`bad_name`).
        """
        if "'" in name and '"' in name:
            raise InvalidInput(
                "MLflow's search can't be asked for a name with both ' and \"",
                code="bad_name",
                hint="rename the model there, then import again",
            )
        mark = '"' if "'" in name else "'"
        wanted = f"name={mark}{name}{mark}" + (f" AND {_PROMPTS}" if prompt else "")
        found = self._pages("model-versions/search", "model_versions", {"filter": wanted})
        return sorted((each for each in found if each["name"] == name), key=lambda each: int(each["version"]))

    def version_location(self, name: str, number: int) -> str:
        """Return where the files of a registered version are said to be."""
        asked = {"name": name, "version": str(number)}
        return str(self._get(f"{_API}/model-versions/get-download-uri", asked).get("artifact_uri", ""))

    def location(self, source: str) -> str:
        """Return where the files are that a source names: `runs:/…` and `models:/m-…` are looked up, others are places."""
        parts = urlsplit(source)
        first, _, rest = parts.path.strip("/").partition("/")
        if parts.scheme == "runs":
            info = self._get(f"{_API}/runs/get", {"run_id": first})["run"]["info"]
            return f"{info['artifact_uri']}/{rest}"
        if parts.scheme != "models":
            return source
        if rest:
            return self.version_location(first, int(rest))
        return str(self._get(f"{_API}/logged-models/{quote(first, safe='')}", {})["model"]["info"]["artifact_uri"])

    def download(self, location: str, folder: Path) -> int:
        """Write the files below a place into a new folder; return how many there were.

        Raises:
            NotFound: this server does not hand out what lies there (`not_proxied`), or nothing lies there.
            Unavailable, Forbidden, Unauthenticated: it does not answer, or not to us.
        """
        count = 0
        for path in self._files(self._proxied(location)):
            target = folder.joinpath(*path[1])
            target.parent.mkdir(parents=True, exist_ok=True)
            self._save(path[0], target)
            count += 1
        if not count:
            raise NotFound(
                f"nothing lies at {location}", code="artifact_not_found", hint="it may have been deleted there"
            )
        return count

    def _proxied(self, location: str) -> str:
        """Return the path that a location has below the server's own proxy."""
        parts = urlsplit(location)
        path = unquote(parts.path)
        here = parts.netloc.rpartition("@")[2] in {"", self._host}
        if parts.scheme == "mlflow-artifacts" and here:
            return path.removeprefix(_ARTIFACTS).strip("/")
        if parts.scheme in {"http", "https"} and here and _ARTIFACTS in path:
            return path.partition(_ARTIFACTS)[2].strip("/")
        raise NotFound(
            f"{self.origin} does not hand out what lies at {location or 'a place it does not tell'}",
            code="not_proxied",
            hint="fetch it with the tools of that store, then `clearance versions pin MODEL NUMBER FOLDER`",
        )

    def _files(self, root: str, inside: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield every file below a path, with its parts below the root."""
        if len(inside) > _DEEPEST:
            raise InvalidInput(f"{root} is deeper than {_DEEPEST} folders", code="bad_path")
        path = "/".join(filter(None, (root, *inside)))
        for entry in self._get(_ARTIFACTS, {"path": path}).get("files", []):
            name = str(entry["path"])
            if name in {"", ".", ".."} or set(name) & set("/\\\0"):
                raise InvalidInput(f"the server named a file outside of its folder: {name!r}", code="bad_path")
            if entry.get("is_dir"):
                yield from self._files(root, (*inside, name))
            else:
                yield f"{path}/{name}", (*inside, name)

    def _save(self, path: str, target: Path) -> None:
        try:
            with self._http.stream("GET", f"{_ARTIFACTS}/{quote(path)}") as answer, target.open("xb") as file:
                if answer.is_error:
                    answer.read()
                    raise self._refused(answer)
                for chunk in answer.iter_bytes(_CHUNK):
                    file.write(chunk)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _pages(self, path: str, of: str, query: Mapping[str, str]) -> Iterator[Found]:
        token = ""
        while True:
            asked = {**query, "max_results": str(_AT_ONCE)} | ({"page_token": token} if token else {})
            page = self._get(f"{_API}/{path}", asked)
            yield from page.get(of, [])
            token = page.get("next_page_token", "")
            if not token:
                return

    def _get(self, path: str, query: Mapping[str, str]) -> Found:
        try:
            answer = self._http.get(path, params=query)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if answer.is_error:
            raise self._refused(answer)
        try:
            found: Found = answer.json()
        except ValueError as error:
            raise Unavailable(
                f"{self.origin} does not answer as an MLflow server does",
                code="foreign_answer",
                hint="is the address right?",
            ) from error
        return found

    def _refused(self, answer: httpx.Response) -> ClearanceError:
        try:
            why = str(answer.json()["message"])[:500]
        except (ValueError, KeyError, TypeError):
            why = "it does not say why"
        message = f"{self.origin} answered {answer.status_code}: {why}"
        if answer.status_code == 401:
            return Unauthenticated(message, code="origin_refused", hint="give its token with --token")
        if answer.status_code == 403:
            return Forbidden(message, code="origin_refused", hint="the token needs to read there")
        if answer.status_code == 404:
            return NotFound(message, code="origin_not_found")
        return Unavailable(message, code="origin_failed", hint="the same command again goes on where this one stopped")

    def _unreachable(self, error: httpx.TransportError) -> Unavailable:
        return Unavailable(
            f"the MLflow server {self.origin} can't be reached: {str(error) or type(error).__name__}",
            code="origin_unreachable",
            hint="the same command again goes on where this one stopped",
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:  # of an IPv6 address that is none
        good = False
    if not good:
        raise InvalidInput("that is no address of an MLflow server", code="bad_url", hint="such as http://mlflow:5000")
    return parts

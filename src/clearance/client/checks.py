"""Client of checks: suites, runs, and what they found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clearance.checks.model import NewRun, StoredResult, SuiteRun, SuiteText
from clearance.client.http import Http
from clearance.client.routes import route


class Checks:
    """What produces evidence."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def suites(self) -> Iterator[SuiteText]:
        """Yield the suites that come with Clearance, by name."""
        return self._http.pages("/suites", SuiteText)

    def suite(self, name: str) -> SuiteText:
        """Return one suite that comes with Clearance."""
        return self._http.get(route("/suites/{}", name), SuiteText)

    def run(
        self,
        model: str,
        number: int,
        *,
        suite: str = "",
        document: str = "",
        name: str = "suite.yaml",
        datasets: Mapping[str, str] | None = None,
        only: Sequence[str] = (),
    ) -> SuiteRun:
        """Run a suite over a version and keep each result as a signed statement.

        Args:
            model, number: name the version.
            suite: a suite that comes with Clearance, or
            document: the YAML text of one's own, called
            name: in error messages.
            datasets: role → digest of a registered dataset; roles left out are taken from the version's provenance.
            only: run these checks of the suite, and leave what is known of the others.

        Raises:
            InvalidInput: a check that is to run reads a dataset that is neither given nor known; nothing is stored.
        """
        new = NewRun(suite=suite, document=document, name=name, datasets=dict(datasets or {}), only=tuple(only))
        return self._http.post(_at(model, number), SuiteRun, new)

    def results(self, model: str, number: int) -> Iterator[StoredResult]:
        """Yield the newest trusted result of each check of a version."""
        return self._http.pages(_at(model, number), StoredResult)


def _at(model: str, number: int) -> str:
    return route("/models/{}/versions/{}/checks", model, number)

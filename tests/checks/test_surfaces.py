"""Checks over the API, the client and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearance.access.model import Role
from clearance.checks.suites import builtins
from clearance.cli.main import app
from clearance.client.client import Client
from clearance.errors import Forbidden, InvalidInput, NotFound
from clearance.statistics.verdicts import Verdict
from tests.checks.loans import CONTRACT, SUITE, artifact, parquet
from tests.conftest import person


@pytest.fixture
def loans(client: Client, tmp_path: Path) -> Client:
    """A client of an installation with the version loans/1."""
    client.models.create("loans", owner="ada")
    client.versions.register("loans", artifact(tmp_path / "artifact"), contract=CONTRACT)
    return client


def test_a_suite_runs_through_the_client_and_its_results_are_listed(loans: Client, tmp_path: Path) -> None:
    holdout = loans.datasets.register(parquet(tmp_path / "holdout.parquet"), name="holdout")
    training = loans.datasets.register(parquet(tmp_path / "training.parquet", seed=7), name="training")
    roles = {"holdout": holdout.digest, "training": training.digest}
    made = loans.checks.run("loans", 1, document=SUITE, datasets=roles)
    assert {each.result.verdict for each in made.results} == {Verdict.PASSED}
    assert sorted(made.results, key=lambda each: each.result.check) == list(loans.checks.results("loans", 1))


def test_suites_are_listed_and_shown(client: Client) -> None:
    assert [each.name for each in client.checks.suites()] == list(builtins())
    assert "label: repaid" in client.checks.suite("lending").source
    with pytest.raises(NotFound):
        client.checks.suite("nonsense")


def test_a_broken_document_comes_back_with_its_place(loans: Client) -> None:
    with pytest.raises(InvalidInput, match=r"^house.yaml:6:12: .*'dada'") as caught:
        loans.checks.run("loans", 1, document=SUITE.replace("check: data", "check: dada"), name="house.yaml")
    assert caught.value.details["line"] == 6


def test_only_those_who_may_run_checks_run_them(loans: Client, as_user: Callable[..., Client]) -> None:
    with pytest.raises(Forbidden):
        as_user(person("vic", Role.VIEWER)).checks.run("loans", 1, suite="lending")
    assert list(as_user(person("vic", Role.VIEWER)).checks.results("loans", 1)) == []


class Cli:
    """The command line in this process, on a home of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __call__(self, *words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["--home", str(self._home), *words], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    made = Cli(tmp_path / "cli-home")
    (tmp_path / "loans.yaml").write_text(SUITE)
    (tmp_path / "contract.json").write_text(json.dumps(_contract()))
    assert made("models", "create", "loans", "--owner", "ada")[0] == 0
    folder = artifact(tmp_path / "tree")
    assert made("versions", "register", "loans", str(folder), "--contract", str(tmp_path / "contract.json"))[0] == 0
    return made


def _contract() -> object:
    from clearance.values import plain

    return plain(CONTRACT)


def test_the_command_line_registers_files_runs_and_ends_with_zero_when_all_pass(cli: Cli, tmp_path: Path) -> None:
    data = [f"holdout={parquet(tmp_path / 'h.parquet')}", f"training={parquet(tmp_path / 't.parquet', seed=7)}"]
    words = [word for each in data for word in ("--data", each)]
    code, output = cli("checks", "run", "loans", "1", "--suite", str(tmp_path / "loans.yaml"), *words)
    assert code == 0, output
    assert "loans/1 passed the suite loans" in output
    code, output = cli("checks", "show", "loans", "1")
    assert code == 0
    assert "auc" in output
    assert "e+" not in output, "counts and rates are written out"
    code, output = cli("checks", "show", "loans", "1", "--json")
    assert {each["result"]["verdict"] for each in json.loads(output)} == {"passed"}


def test_the_command_line_ends_with_one_when_a_check_does_not_pass(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "strict.yaml").write_text(SUITE.replace("auc, minimum: 0.6", "auc, minimum: 0.999"))
    words = ["checks", "run", "loans", "1", "--only", "performance", "--suite", str(tmp_path / "strict.yaml")]
    code, output = cli(*words, "--data", f"holdout={parquet(tmp_path / 'h.parquet')}")
    assert code == 1
    assert "1 of 1 check did not pass" in output


def test_the_command_line_names_the_suite_file_and_the_data_that_is_missing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text("name: [")
    with pytest.raises(InvalidInput, match=r"house\.yaml:1:"):
        cli("checks", "run", "loans", "1", "--suite", str(tmp_path / "house.yaml"))
    with pytest.raises(InvalidInput) as caught:
        cli("checks", "run", "loans", "1", "--suite", str(tmp_path / "loans.yaml"))
    assert "--data training=FILE" in caught.value.hint
    assert cli("checks", "show", "loans", "1", "--json")[1] == "[]\n"


def test_the_same_bytes_under_another_name_are_the_same_dataset(cli: Cli, tmp_path: Path) -> None:
    words = ["checks", "run", "loans", "1", "--suite", str(tmp_path / "loans.yaml"), "--only", "contract"]
    words += ["--json", "--data"]
    first = json.loads(cli(*words, f"holdout={parquet(tmp_path / 'one.parquet')}")[1])
    second = json.loads(cli(*words, f"holdout={parquet(tmp_path / 'two.parquet')}")[1])
    assert first["results"][0]["datasets"] == second["results"][0]["datasets"]


@pytest.mark.parametrize("data", ["holdout", "=x", "holdout=", "holdout=/nowhere.parquet"])
def test_data_that_names_nothing_is_wrong_use(cli: Cli, data: str) -> None:
    with pytest.raises(InvalidInput):
        cli("checks", "run", "loans", "1", "--suite", "lending", "--data", data)


def test_before_the_first_run_the_listing_says_what_to_do(cli: Cli) -> None:
    assert "clearance checks run loans 1" in " ".join(cli("checks", "show", "loans", "1")[1].split())
    assert "lending" in cli("checks", "suites")[1]
    assert cli("checks", "suite", "lending")[1].startswith("# Credit decisions")

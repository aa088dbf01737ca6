"""Configure monitors and read them; the bytes of a baseline are read outside of any transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import InvalidInput, NotFound
from clearance.monitoring import store
from clearance.monitoring.model import Monitor, MonitorConfig
from clearance.monitoring.rules import defaults_name, rules
from clearance.registry import service as registry
from clearance.registry import templates
from clearance.registry.contract import ModelContract
from clearance.registry.model import Dataset
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Database, Transaction
from clearance.values import digest_of

if TYPE_CHECKING:
    from clearance.monitoring.baselines import Baseline


def configure_monitor(
    database: Database,
    caller: Principal,
    blobs: BlobStore,
    model: str,
    environment: str,
    config: MonitorConfig,
    *,
    serving: int | None = None,
) -> Monitor:
    """Watch a model in an environment by a baseline; a monitor that is there already is replaced.

    Its features are settled here, once: those named, else the inputs of the contract that the baseline has. So are its
    numbers: those given, else those of the template that the model was made from, else the defaults.

    Args:
        serving: the version that serves there, whose contract counts; without one, the newest that has a contract.

    Raises:
        NotFound: no such model or dataset, or the dataset's bytes are not here.
        InvalidInput: a number out of range, or a column that is not there, of no use, or no input of the contract.
    """
    with database.read() as tx:
        config = _from_template(registry.get_model(tx, model).template, config)
        _check_environment(environment)
        judged = rules(config)
        dataset = registry.get_dataset(tx, config.baseline_dataset)
        contract = registry.contract_of(tx, model, serving)
    config = replace(config, features=_features(dataset, config, contract))
    read_baseline(blobs, dataset, config)
    with database.write() as tx:
        monitor = Monitor(
            model=model,
            environment=environment,
            config=config,
            rules=judged,
            defaults=defaults_name(),
            digest=digest_of({"model": model, "environment": environment, "config": config, "rules": judged}),
            configured_at=tx.now,
            configured_by=caller.name,
        )
        tx.lock(f"monitor {model} {environment}")
        store.save_monitor(tx, monitor)
        log.record(
            tx,
            Event.MONITOR_CONFIGURED,
            actor=caller.name,
            subject=f"model/{model}",
            data={"environment": environment, "monitor": monitor.digest, "baseline": config.baseline_dataset},
        )
    return monitor


def get_monitor(tx: Transaction, model: str, environment: str) -> Monitor:
    """Return what watches a model in an environment.

    Raises:
        NotFound: no such model, or nothing watches it there.
    """
    registry.get_model(tx, model)
    found = store.find_monitor(tx, model, environment)
    if found is None:
        raise NotFound(
            f"nothing watches {model} in {environment[:80]}",
            code="monitor_not_found",
            hint=f"`clearance monitor configure {model} --baseline FILE` sets it up",
        )
    return found


def list_monitors(tx: Transaction) -> tuple[Monitor, ...]:
    """Return all monitors."""
    return store.list_monitors(tx)


def read_baseline(blobs: BlobStore, dataset: Dataset, config: MonitorConfig) -> Baseline:
    """Read the baseline of a configuration, its bytes verified.

    Raises:
        NotFound: its bytes are not here.
        InvalidInput: a column is not there or of no use.
        VerificationFailed: its bytes were changed.
    """
    from clearance.monitoring import baselines

    chosen = _features(dataset, config)
    with blobs.local_file(dataset.digest) as path:
        return baselines.read(path, dataset.digest, config, chosen)


def _features(dataset: Dataset, config: MonitorConfig, contract: ModelContract | None = None) -> tuple[str, ...]:
    from clearance.monitoring import baselines

    names = tuple(column.name for column in dataset.columns)
    return baselines.features_of(config, names, dataset.time_column, contract)


def _from_template(name: str, config: MonitorConfig) -> MonitorConfig:
    """Return the configuration with the numbers that a template has for what is left out; as it is without a template."""
    if not name:
        return config
    usual: dict[str, Any] = {setting: number.value for setting, number in templates.get(name).monitor.items()}
    return replace(config, **{setting: found for setting, found in usual.items() if getattr(config, setting) is None})


def _check_environment(environment: str) -> None:
    if not environment.strip() or "/" in environment or len(environment) > 200:
        raise InvalidInput(f"{environment[:40]!r} is no environment", code="bad_environment", hint="such as production")

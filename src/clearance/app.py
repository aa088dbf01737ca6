"""The composition root: every part is constructed here, from settings, once; nothing else constructs anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from clearance.access.places import Places
from clearance.access.sessions import Sessions
from clearance.audit import log
from clearance.audit.checkpoint import Verifier
from clearance.audit.keys import LogKeys
from clearance.clock import Clock, SystemClock
from clearance.errors import Unavailable
from clearance.settings import Settings
from clearance.storage import migrate, secrets
from clearance.storage.blobs import BlobStore, open_store
from clearance.storage.database import Database
from clearance.storage.glance import Glance
from clearance.storage.secrets import Secret

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

    from clearance.access.oidc import Oidc
    from clearance.audit.witnessing import Witnesses
    from clearance.delivery.aliases import Guards
    from clearance.delivery.driver import Driver
    from clearance.delivery.gate import PolicyGate
    from clearance.evidence.keyring import Keyring
    from clearance.gateway.service import Gateway
    from clearance.integrations.mlflow.webhooks.driver import Driver as WebhookDriver
    from clearance.integrations.mlflow.webhooks.sending import Sender
    from clearance.monitoring.driver import Driver as MonitorDriver
    from clearance.policy.engine import Engine
    from clearance.registry.artifacts.collection import Needed
    from clearance.storage.database import Transaction
    from clearance.storage.jobs import Jobs
    from clearance.telemetry.ingest import Ingest
    from clearance.telemetry.lake import Lake


T = TypeVar("T")

SECRETS = ("oidc_client_secret", "openlineage_token", "webhook_url")
"""Settings of the server that hold a secret, or where it stands."""


class part(Generic[T]):  # noqa: N801  # used as a decorator, like functools.cached_property
    """A part that is made when it is first asked for, and once: `functools.cached_property` takes no lock any more."""

    def __init__(self, make: Callable[[Clearance], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Clearance, _owner: type | None = None) -> T:
        with instance.making:
            made: dict[str, T] = instance.__dict__
            if self._name not in made:
                made[self._name] = self._make(instance)  # from now on found there, without coming here
            return made[self._name]


class Clearance:
    """The parts of one installation. Heavy ones are made when first asked for, so that a small command stays quick."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.making = threading.RLock()
        self.settings = settings
        self.clock: Clock = clock or SystemClock()

    @part
    def database_as_found(self) -> Database:
        """The database, whatever its schema."""
        self._make_home()
        return Database(self.settings.database_url, self.clock, log.sealer(self.log_keys))

    @part
    def database(self) -> Database:
        """The database, brought to this program's schema."""
        migrate.upgrade(self.database_as_found)
        return self.database_as_found

    @part
    def log_keys(self) -> LogKeys:
        """The private keys that sign the log's checkpoints; the first is made on first use."""
        return LogKeys(self.settings.keys, self.settings.log_origin)

    @property
    def log_verifier(self) -> Verifier:
        """What an outsider pins to check the log: the key that signs now."""
        with self.database.read() as tx:
            return log.verifier(tx, self.log_keys)

    @part
    def witnesses(self) -> Witnesses:
        """Asks those outside to vouch for the log."""
        from clearance.audit.witnessing import Witnesses, parse_witnesses

        return Witnesses(self.database, parse_witnesses(self.settings.log_witnesses), self.settings.log_quorum)

    @part
    def glance(self) -> Glance | None:
        """Short reads that never wait; None where the database has no way to them."""
        return Glance(self.database) if self.database.is_sqlite else None

    @part
    def sessions(self) -> Sessions:
        """Knows whose token is whose."""
        return Sessions(self.database)

    @part
    def places(self) -> Places:
        """Knows where models were, for while nobody can be asked."""
        return Places()

    @part
    def oidc(self) -> Oidc | None:
        """The identity provider; None where none is set."""
        from clearance.access.oidc import Oidc, Provider

        settings = self.settings
        if not settings.oidc_issuer:
            return None
        provider = Provider(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            cli_client_id=settings.oidc_cli_client_id,
            secret=self.secret("oidc_client_secret").value,
            scopes=settings.oidc_scopes,
            name_claim=settings.oidc_name_claim,
            groups_claim=settings.oidc_groups_claim,
        )
        return Oidc(provider, self.clock)

    @part
    def secrets(self) -> dict[str, Secret]:
        """What the settings hold by reference, by the setting's name; read when needed."""
        return {name: Secret(name, getattr(self.settings, name)) for name in SECRETS}

    def secret(self, setting: str) -> Secret:
        """Return the secret of a setting."""
        return self.secrets[setting]

    @part
    def blobs(self) -> BlobStore:
        """Artifact files and datasets, named by digest."""
        return open_store(self.settings.artifacts, self.settings.artifacts_url)

    @property
    def keepers(self) -> tuple[Needed, ...]:
        """One function of each room that keeps digests of blobs: what it names is never collected."""
        from clearance.integrations.mlflow.artifacts import service as artifacts
        from clearance.registry import service as registry

        return (registry.needed_blobs, artifacts.named)

    def needed_blobs(self, tx: Transaction) -> Iterator[str]:
        """Yield the digests of all blobs that some room needs, more than once perhaps."""
        for keeper in self.keepers:
            yield from keeper(tx)

    @part
    def lake(self) -> Lake:
        """The tables of telemetry."""
        from clearance.telemetry.lake import Lake

        return Lake(self.settings.lake)

    @part
    def ingest(self) -> Ingest:
        """The one way into the lake; its writer starts with the first batch."""
        from clearance.telemetry.ingest import Ingest

        return Ingest(self.lake, self.clock, self.settings.ingest_linger_ms)

    @part
    def keyring(self) -> Keyring:
        """The key that signs artifacts and statements; made on first use."""
        from clearance.evidence.keyring import Keyring

        return Keyring(self.settings.keys)

    @part
    def policy_engine(self) -> Engine:
        """Decides by packs of rules, each compiled once."""
        from clearance.policy.engine import Engine

        return Engine()

    @part
    def gate(self) -> PolicyGate:
        """Decides who may serve."""
        from clearance.delivery.gate import PolicyGate

        return PolicyGate(self.policy_engine, self.keyring)

    @part
    def guards(self) -> Guards:
        """Which aliases are the pointer of an environment."""
        from clearance.delivery.aliases import parse_guards

        return parse_guards(self.settings.guarded_aliases)

    @part
    def webhook_cipher(self) -> Fernet:
        """Encrypts the secrets of webhooks; its key is made on first use."""
        from clearance.storage import keyfile

        return keyfile.load_or_create_fernet(self.settings.keys / "webhooks.key")

    @part
    def webhook_sender(self) -> Sender:
        """Sends what webhooks are told."""
        from clearance.integrations.mlflow.webhooks.addresses import Poster
        from clearance.integrations.mlflow.webhooks.sending import Sender

        hosts = (host.strip() for host in self.settings.private_webhook_hosts.split(","))
        return Sender(Poster(filter(None, hosts)), self.webhook_cipher, self.clock)

    @part
    def webhook_driver(self) -> WebhookDriver:
        """Brings webhooks what the log says."""
        from clearance.integrations.mlflow.webhooks.driver import Driver

        return Driver(self.database, self.guards, self.webhook_sender)

    @part
    def rollout_driver(self) -> Driver:
        """Reconciles rollouts with what the lake says of them."""
        from clearance.delivery.driver import Driver
        from clearance.response import service as response

        return Driver(self.database, self.lake, self.gate, response.raise_alert)

    @part
    def jobs(self) -> Jobs:
        """What a server does beside requests; the loops begin with `start`."""
        from clearance.storage.jobs import Jobs

        jobs = Jobs(self.settings.jobs_url)
        jobs.every("rollouts", 1, self.rollout_driver.turn)
        jobs.every("notifications", 2, self._notify)
        if self.witnesses.asked:
            jobs.every("witnesses", 5, self.witnesses.turn)
        jobs.every_here("token uses", 10, self.sessions.write_uses)
        jobs.every_here("secrets", 3600, self._warn_of_secrets)
        if self.settings.openlineage_url:
            jobs.every("openlineage", 2, self._tell_lineage)
        jobs.every("webhooks", 1, self._tell_webhooks)
        jobs.every("uploads", 3600, self._give_up_uploads)
        if self.settings.monitor_seconds:
            jobs.every("monitoring", self.settings.monitor_seconds, self._evaluate_monitors)
        return jobs

    @part
    def monitor_driver(self) -> MonitorDriver:
        """Evaluates the monitors for which something came."""
        from clearance.monitoring.driver import Driver
        from clearance.response import service as response

        return Driver(self.database, self.lake, self.blobs, response.raise_alert)

    def _give_up_uploads(self) -> None:
        from clearance.registry.artifacts import uploads

        uploads.sweep(self.database, self.settings, self.blobs)

    def _tell_webhooks(self) -> None:
        self.webhook_driver.turn()

    def _evaluate_monitors(self) -> None:
        self.monitor_driver.turn()

    def _tell_lineage(self) -> None:
        from clearance.integrations.openlineage import emission

        url = self.settings.openlineage_url
        send = emission.sender(url, self.secret("openlineage_token").value())
        emission.emit_due(self.database, self.settings.log_origin, url, send)

    def _warn_of_secrets(self) -> None:
        secrets.warn(self.secrets.values(), self.clock.now())

    def _notify(self) -> None:
        from clearance.response import notifiers
        from clearance.response import service as response

        response.deliver_due(self.database, notifiers.sender(self.secret("webhook_url").value))

    @part
    def gateway(self) -> Gateway:
        """Serves admitted versions; begins with its first request."""
        from clearance.gateway.loading import Loader
        from clearance.gateway.routes import Routes
        from clearance.gateway.service import Gateway
        from clearance.response import service as response
        from clearance.sdk.recorder import Recorder

        loader = Loader(self.database, self.blobs, self.gate.admission, self.scratch)
        routes = Routes(loader, response.raise_alert, self.clock, self.settings.routing_refresh_seconds)
        return Gateway(routes, Recorder(self.ingest.submit), self.clock)

    def check(self) -> None:
        """Make the parts that a wrong setting breaks, so that a server says so before it listens.

        Raises:
            InvalidInput: a setting can't be meant.
            Unavailable: the database can't be opened.
        """
        _ = (self.guards, self.blobs, self.database, self.witnesses)

    def _make_home(self) -> None:
        home = self.settings.home
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Unavailable(
                f"the data folder {home} can't be made: {error.strerror}",
                code="home_unusable",
                hint="name another one with --home or CLEARANCE_HOME",
            ) from error

    def scratch(self) -> Path:
        """Folder for files that are being put together; same file system as the artifacts, so that a rename is atomic."""
        folder = self.settings.home / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def close(self) -> None:
        """Give back what was opened: what was recorded is flushed; one part that fails does not keep the others open."""
        made = self.__dict__
        with ExitStack() as closing:  # the last one entered is closed first
            if "database_as_found" in made:
                closing.callback(self.database_as_found.close)
            if (glance := made.get("glance")) is not None:
                closing.callback(glance.close)
            if "ingest" in made:
                closing.callback(self.ingest.close)
            if "gateway" in made:
                closing.callback(self.gateway.close)
            if "jobs" in made:
                closing.callback(self.jobs.stop)

"""One frozen Settings, read once from the environment; nothing else in the house looks at the environment."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clearance.errors import InvalidInput

PREFIX = "CLEARANCE_"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can set. Each field `x` is read from `CLEARANCE_X`; `docs/reference/settings.md` lists them."""

    home: Path
    """Data folder: database, keys, artifacts, telemetry."""
    database_url: str
    """SQLAlchemy URL; SQLite in the home by default, `postgresql+psycopg://…` when it is outgrown.

    With `?passfile=/path`, PostgreSQL's library reads the password there for every new connection."""
    url: str
    """Server that the CLI and client talk to; empty: local mode on the home."""
    token: str
    """Bearer token for that server, or where it stands: `env:NAME` or `file:/path`."""
    public_url: str
    """Address under which people reach this server, such as `https://clearance.example.com`; empty: as they asked for it."""
    trusted_proxies: str
    """Addresses or networks of proxies, by commas, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.

    Empty: nobody's, so that nobody chooses the address that failed log-ins are counted for."""
    log_origin: str
    """Name of the audit log in its checkpoints (C2SP origin line); it can't change after the first leaf."""
    log_witnesses: str
    """Who is asked to cosign the log's checkpoints: `verifier address`, by commas."""
    log_quorum: int
    """How many witnesses must have cosigned the checkpoint that is published; 0: all that are set."""
    log_public: bool
    """Whether anybody may read the published log (its leaves name people); 0: whoever has the permission audit.read."""
    artifacts_url: str
    """Object store for artifact files and datasets, such as `s3://bucket/prefix`; empty: the folder `artifacts` in the home."""
    max_upload_mb: int
    """Largest artifact file or dataset accepted, in MiB."""
    max_unfinished_uploads: int
    """How many uploads in pieces may be unfinished at the same time, of all callers together."""
    upload_hours: float
    """How long an unfinished upload is kept after its last piece, in hours."""
    max_request_kb: int
    """Largest body of any other request, in KiB."""
    routing_refresh_seconds: float
    """How old the gateway's picture of what serves may be, in seconds."""
    openlineage_url: str
    """Receiver of our own lineage events, as `OPENLINEAGE_URL` means it: they are POSTed to its `/api/v1/lineage`; empty: none."""
    openlineage_token: str
    """Bearer token for that receiver: itself, or where it stands, `env:NAME` or `file:/path`."""
    webhook_url: str
    """Where alerts are POSTed as JSON: an http or https address, or where that stands, `env:NAME` or `file:/path`.

    Empty: they are written to the server's log only."""
    private_webhook_hosts: str
    """Hosts, by commas, that webhooks made by MLflow's clients may reach although their addresses are private."""
    monitor_seconds: float
    """How often a server looks for monitors to evaluate, in seconds; 0: never by itself, only when it is asked to."""
    guarded_aliases: str
    """Aliases that are pointers: `alias=environment`, by commas; such an alias moves only by a promotion in its environment."""
    ingest_linger_ms: int
    """How long a telemetry batch waits for company before it is committed, in milliseconds."""
    oidc_issuer: str
    """Issuer of the OpenID Connect provider where people log in, exactly as it calls itself; empty: tokens only."""
    oidc_client_id: str
    """What the provider knows this server's console as."""
    oidc_client_secret: str
    """Secret of that client: `env:NAME` or `file:/path`, read again when it changes; empty for a public client."""
    oidc_cli_client_id: str
    """Public client that `clearance login` uses for the device flow; empty: the console's."""
    oidc_scopes: str
    """Scopes to ask the provider for."""
    oidc_name_claim: str
    """Claim that names a person; empty: the verified `email`, else `preferred_username`."""
    oidc_groups_claim: str
    """Claim that lists a person's groups, to which roles may be bound."""
    session_hours: float
    """How long a log-in lasts, in hours."""

    @property
    def artifacts(self) -> Path:
        """Folder of content-addressed blobs."""
        return self.home / "artifacts"

    @property
    def lake(self) -> Path:
        """Folder of the Delta tables."""
        return self.home / "lake"

    @property
    def keys(self) -> Path:
        """Folder of private keys, readable by the owner only."""
        return self.home / "keys"

    @property
    def jobs_url(self) -> str:
        """Database of the durable jobs: beside the main one."""
        if self.database_url.startswith("sqlite"):
            return f"sqlite:///{self.home / 'jobs.db'}"
        return self.database_url


def load(environment: Mapping[str, str] | None = None, *, home: Path | None = None) -> Settings:
    """Read the settings from the environment (given, or the process's own).

    Args:
        environment: variables to read; `os.environ` when None.
        home: overrides `CLEARANCE_HOME`, as `--home` does.

    Raises:
        InvalidInput: a variable does not parse, or one starting with `CLEARANCE_` is unknown.
    """
    variables = os.environ if environment is None else environment
    found = {key.removeprefix(PREFIX).lower(): text for key, text in variables.items() if key.startswith(PREFIX)}
    known = set(Settings.__dataclass_fields__)
    if unknown := sorted(set(found) - known):
        raise InvalidInput(
            f"unknown setting {PREFIX}{unknown[0].upper()}",
            code="unknown_setting",
            hint="known settings: " + ", ".join(PREFIX + name.upper() for name in sorted(known)),
        )
    folder = _folder(home, found.get("home", ""))
    return Settings(
        home=folder,
        database_url=found.get("database_url") or f"sqlite:///{folder / 'clearance.db'}",
        url=found.get("url", "").rstrip("/"),
        token=found.get("token", ""),
        public_url=_address(found, "public_url").rstrip("/"),
        trusted_proxies=_networks(found, "trusted_proxies"),
        log_origin=_key_name(found, "log_origin", "clearance.local/log"),
        log_witnesses=found.get("log_witnesses", ""),
        log_quorum=int(_number(found, "log_quorum", 0)),
        log_public=bool(_number(found, "log_public", 0)),
        artifacts_url=found.get("artifacts_url", ""),
        max_upload_mb=int(_number(found, "max_upload_mb", 10_240)),
        max_unfinished_uploads=int(_number(found, "max_unfinished_uploads", 500)),
        upload_hours=_number(found, "upload_hours", 24),
        max_request_kb=int(_number(found, "max_request_kb", 65_536)),
        routing_refresh_seconds=_number(found, "routing_refresh_seconds", 0.5),
        openlineage_url=_address(found, "openlineage_url").rstrip("/"),
        openlineage_token=found.get("openlineage_token", ""),
        webhook_url=_address(found, "webhook_url", reference=True),
        private_webhook_hosts=found.get("private_webhook_hosts", ""),
        monitor_seconds=_number(found, "monitor_seconds", 60),
        guarded_aliases=found.get("guarded_aliases", "champion=production,production=production,staging=staging"),
        ingest_linger_ms=int(_number(found, "ingest_linger_ms", 20)),
        oidc_issuer=_address(found, "oidc_issuer"),
        oidc_client_id=_with_issuer(found, "oidc_client_id"),
        oidc_client_secret=found.get("oidc_client_secret", ""),
        oidc_cli_client_id=found.get("oidc_cli_client_id", ""),
        oidc_scopes=found.get("oidc_scopes", "openid profile email"),
        oidc_name_claim=found.get("oidc_name_claim", ""),
        oidc_groups_claim=found.get("oidc_groups_claim", "groups"),
        session_hours=_number(found, "session_hours", 12),
    )


def _folder(given: Path | None, named: str) -> Path:
    try:
        return (given or Path(named or "~/.clearance")).expanduser().absolute()
    except RuntimeError as error:  # this user has no home directory
        raise InvalidInput(
            f"there is no home directory to keep data in: {error}",
            code="no_home",
            hint="name a data folder with --home or CLEARANCE_HOME",
        ) from error


def _with_issuer(found: Mapping[str, str], name: str) -> str:
    text = found.get(name, "")
    if found.get("oidc_issuer") and not text:
        raise InvalidInput(
            f"{PREFIX}OIDC_ISSUER is set, but {PREFIX}{name.upper()} is not",
            code="bad_setting",
            hint="register Clearance as a client at the identity provider; it gives the client id",
        )
    return text


def _address(found: Mapping[str, str], name: str, *, reference: bool = False) -> str:
    """Return an address of the web, or nothing, or where it stands if that is allowed.

    What was given is not repeated in the error, for it may hold a secret.
    """
    from urllib.parse import urlsplit

    text = found.get(name, "").strip()
    if reference and text.startswith(("env:", "file:")):
        return text
    try:
        parsed = urlsplit(text)
        good = parsed.scheme in {"http", "https"} and bool(parsed.hostname) and parsed.port != 0
    except ValueError:  # of a port or an IPv6 address that is none
        good = False
    if text and not (good and text.isascii() and text.isprintable() and " " not in text):
        raise InvalidInput(
            f"{PREFIX}{name.upper()} is no http:// or https:// address",
            code="bad_setting",
            hint=f"such as https://{name.partition('_')[0]}.example.com; unset it to do without",
        )
    return text


def _key_name(found: Mapping[str, str], name: str, default: str) -> str:
    """Return what a signed note can be signed by: neither a space nor a plus may be in it (c2sp.org/signed-note)."""
    text = found.get(name) or default
    if len(text) > _LONGEST_NAME or "+" in text or not text.isprintable() or any(map(str.isspace, text)):
        raise InvalidInput(
            f"{PREFIX}{name.upper()} is {text[:80]!r}, which can't name a log",
            code="bad_setting",
            hint=f"at most {_LONGEST_NAME} letters without spaces and +, such as bank.example/clearance",
        )
    return text


def _networks(found: Mapping[str, str], name: str) -> str:
    """Return addresses and networks, by commas without spaces."""
    import ipaddress

    texts = list(filter(None, (text.strip() for text in found.get(name, "").split(","))))
    for text in texts:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise InvalidInput(
                f"{PREFIX}{name.upper()} has {text!r}, which is no IP address or network",
                code="bad_setting",
                hint="such as 10.0.0.5,10.1.0.0/24; unset it to believe no proxy",
            ) from error
    return ",".join(texts)


def _number(found: Mapping[str, str], name: str, default: float) -> float:
    text = found.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise InvalidInput(
            f"{PREFIX}{name.upper()} is {text!r}, not a number of zero or more",
            code="bad_setting",
            hint=f"unset it to use the default, {default:g}",
        )
    return number

"""Glewlwyd, a real OpenID Connect provider (Debian's package): started on loopback, with two clients and the people of a test."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

WEBAPP = Path("/usr/share/glewlwyd/webapp")
SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
PAGES = Path("/usr/share/glewlwyd/templates/config.json")
PASSWORD = "correct horse battery"
SECRET = "the console's own secret"

_CONFIGURATION = """
port={port}
bind_address="127.0.0.1"
external_url="http://localhost:{port}"
login_url="login.html"
api_prefix="api"
static_files_path="{folder}/webapp/"
log_mode="file"
log_level="INFO"
log_file="{folder}/glewlwyd.log"
cookie_secure=0
cookie_same_site="empty"
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
use_secure_connection=false
secure_connection_key_file="none"
secure_connection_pem_file="none"
secure_connection_ca_file="none"
hash_algorithm="SHA512"
database = {{ type="sqlite3" path="{folder}/glewlwyd.db" }};
static_files_mime_types = (
  {{ extension=".html" mime_type="text/html" }},
  {{ extension=".css" mime_type="text/css" }},
  {{ extension=".js" mime_type="application/javascript" }},
  {{ extension=".json" mime_type="application/json" }}
)
"""


class Glewlwyd:
    """A running provider, and what its administrator and its people do there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.issuer = f"{url}/api/oidc"
        self._admin = self._signed_in("admin", "password")
        self._set_up()

    def add_console(self, site: str) -> None:
        """Register the console at this address as the client `console`; another address replaces it."""
        client = {
            "client_id": "console",
            "name": "Clearance",
            "confidential": True,
            "password": SECRET,
            "redirect_uri": [f"{site}/login/callback"],
            "post_logout_redirect_uri": f"{site}/login",
            "authorization_type": ["code"],
            "token_endpoint_auth_method": ["client_secret_basic"],
            "enabled": True,
        }
        known = self._admin.get("/client/console").status_code == 200
        answer = self._admin.put("/client/console", json=client) if known else self._admin.post("/client", json=client)
        assert answer.status_code == 200, answer.text

    def add_person(self, name: str, *groups: str) -> None:
        person = {
            "username": name,
            "password": PASSWORD,
            "email": f"{name}@example.com",
            "groups": list(groups),
            "scope": ["openid", "g_profile"],
            "enabled": True,
        }
        answer = self._admin.post("/user", json=person)
        assert answer.status_code == 200, answer.text

    @contextmanager
    def browser_of(self, name: str) -> Iterator[httpx.Client]:
        """Yield the browser of somebody who is signed in here and lets both clients know who they are."""
        with closing(self._signed_in(name, PASSWORD)) as browser:
            for client in ("console", "cli"):
                browser.put(f"/auth/grant/{client}", json={"scope": "openid"})
            yield browser

    def close(self) -> None:
        self._admin.close()

    def confirm(self, name: str, user_code: str) -> None:
        """Confirm the code of a device, as a person does in a browser."""
        with self.browser_of(name) as browser:
            answer = browser.get("/oidc/device", params={"code": user_code, "g_continue": ""})
        assert "deviceComplete" in answer.headers["location"], answer.headers["location"]

    def _signed_in(self, name: str, password: str) -> httpx.Client:
        browser = httpx.Client(base_url=f"{self.url}/api")
        answer = browser.post("/auth", json={"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        return browser

    def _set_up(self) -> None:
        self._ok(self._admin.post("/mod/plugin", json=self._plugin()))
        people = self._admin.get("/mod/user/").json()[0]
        people["parameters"]["data-format"]["groups"] = {"multiple": True, "read": True, "write": True}
        self._ok(self._admin.put("/mod/user/database", json=people))
        self._ok(self._admin.put("/mod/user/database/reset"))
        device = {
            "client_id": "cli",
            "name": "clearance login",
            "confidential": False,
            "redirect_uri": ["http://localhost/none"],
            "authorization_type": ["device_authorization"],
            "token_endpoint_auth_method": ["none"],
            "enabled": True,
        }
        self._ok(self._admin.post("/client", json=device))

    def _plugin(self) -> dict[str, Any]:
        key = rsa.generate_private_key(65537, 2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        kinds = ("code", "id-token", "refresh", "device")
        others = ("token", "none", "password", "client")
        parameters = {
            "iss": self.issuer,
            "jwt-type": "rsa",
            "jwt-key-size": "256",
            "key": private.decode(),
            "cert": public.decode(),
            "access-token-duration": 3600,
            "refresh-token-duration": 3600,
            "code-duration": 600,
            "refresh-token-rolling": False,
            "allow-non-oidc": False,
            **{f"auth-type-{kind}-enabled": True for kind in kinds},
            **{f"auth-type-{kind}-enabled": False for kind in others},
            "device-authorization-expiration": 600,
            "device-authorization-interval": 1,
            "pkce-allowed": True,
            "pkce-method-plain-allowed": False,
            "subject-type": "public",
            "allowed-scope": ["openid"],
            "email-claim": "mandatory",
            "claims": [{"name": "groups", "user-property": "groups", "type": "string", "mandatory": True}],
            "session-management-allowed": True,
            "session-cookie-name": "GLEWLWYD2_OIDC_SID",
            "session-cookie-expiration": 3600,
        }
        return {"module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "parameters": parameters}

    @staticmethod
    def _ok(answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text


@contextmanager
def running(folder: Path) -> Iterator[Glewlwyd]:
    """Yield a provider that keeps everything in a folder."""
    shutil.copytree(WEBAPP, folder / "webapp", ignore=shutil.ignore_patterns("config.json"))
    shutil.copy(PAGES, folder / "webapp" / "config.json")
    database = sqlite3.connect(folder / "glewlwyd.db")
    database.executescript(SCHEMA.read_text())
    database.commit()
    database.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    configuration = folder / "glewlwyd.conf"
    configuration.write_text(_CONFIGURATION.format(port=port, folder=folder))
    process = subprocess.Popen(["glewlwyd", "--config-file", str(configuration)])
    try:
        url = f"http://localhost:{port}"
        _wait(url, process)
        with closing(Glewlwyd(url)) as ready:
            yield ready
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "glewlwyd ended by itself"
        try:
            httpx.get(f"{url}/config")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("glewlwyd did not start")

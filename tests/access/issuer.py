"""An issuer whose keys a test holds, over real HTTP: it signs what no honest provider would."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey


class Issuer:
    """Discovery document and keys on loopback; `documents` may be changed while it runs, `asked` tells what was fetched."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
        self.asked: list[str] = []
        self.posted: list[tuple[dict[str, str], str]] = []
        """Of each form its fields, and the Authorization header that came with it."""
        self.documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/keys",
                "device_authorization_endpoint": f"{url}/device",
            }
        }
        self.publish(self.key)

    def publish(self, *keys: RSAKey | ECKey) -> None:
        """Let these be the keys that the world sees."""
        self.documents["/keys"] = KeySet(list(keys)).as_dict(private=False)

    def sign(self, claims: Mapping[str, Any], key: RSAKey | ECKey | None = None, alg: str = "RS256") -> str:
        """Return an identity token with exactly these claims."""
        signer = key or self.key
        header = {"alg": alg, **({"kid": signer.kid} if signer.kid else {})}
        return jwt.encode(header, dict(claims), signer, algorithms=[alg])


@contextmanager
def running() -> Iterator[Issuer]:
    """Yield an issuer that answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            self._answer(issuer.documents.get(self.path))

        def do_POST(self) -> None:
            issuer.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            issuer.posted.append((dict(parse_qsl(body)), self.headers.get("authorization", "")))
            answers = issuer.documents[self.path]
            self._answer(answers.pop(0) if isinstance(answers, list) else answers)

        def _answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200 if document is not None and "error" not in document else 400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's word
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{httpd.server_address[1]}")
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        httpd.shutdown()
        thread.join(10)
        httpd.server_close()

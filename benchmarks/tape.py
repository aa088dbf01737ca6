"""Answers at once, every time, what a server answered once: what is left of a call's time is its client's and the network's."""

from __future__ import annotations

import http.client
import socketserver
import sys

HOST = "127.0.0.1"
_NOT_PASSED_ON = {"host", "content-length", "connection"}


class Handler(socketserver.StreamRequestHandler):
    """One connection: requests one after the other, the answer of each in one write."""

    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        """Answer until the other side has enough."""
        while line := self.rfile.readline().decode("latin-1"):
            headers: dict[str, str] = {}
            while (header := self.rfile.readline().decode("latin-1").rstrip()) != "":
                name, _, text = header.partition(":")
                headers[name.lower()] = text.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            method, path, _ = line.split(" ")
            self.wfile.write(self.server.answer(method, path, headers, body))


class Server(socketserver.ThreadingTCPServer):
    """The tape: raw answers by method and path with query."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, of: int) -> None:
        super().__init__((HOST, port), Handler)
        self._of = of
        self._tape: dict[tuple[str, str], bytes] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """Return what was answered the first time."""
        if (method, path) not in self._tape:
            self._tape[method, path] = self._recorded(method, path, headers, body)
        return self._tape[method, path]

    def _recorded(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        connection = http.client.HTTPConnection(HOST, self._of)
        sent = {name: text for name, text in headers.items() if name not in _NOT_PASSED_ON}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        kept = [f"{name}: {text}" for name, text in answer.getheaders() if name.lower() != "connection"]
        head = "\r\n".join([f"HTTP/1.1 {answer.status} {answer.reason}", *kept])
        return f"{head}\r\n\r\n".encode("latin-1") + content


if __name__ == "__main__":
    with Server(int(sys.argv[1]), int(sys.argv[2])) as server:
        server.serve_forever()

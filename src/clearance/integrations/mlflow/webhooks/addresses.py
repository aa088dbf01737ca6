"""Where webhooks may send: out into the world, and into our own network only where the operator says so.

Whoever may make a webhook must not reach through this server what only this server can reach. The name is resolved once, its
addresses are looked at, and one of these is what the connection is made to: a name that answers differently the second time
gains nothing. Redirects are not followed, and no proxy of the environment is used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from clearance.errors import ClearanceError, Forbidden, InvalidInput, Unavailable
from clearance.registry.addresses import has_login

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215; public to ipaddress before Python 3.12.4
_STEP_SECONDS = 5.0  # of each step: connecting, sending, waiting
_ALL_SECONDS = 15.0  # of all steps, so that who answers a byte at a time keeps nobody waiting
_LONGEST_ANSWER = 10_000  # bytes that are kept of what a receiver says


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver said."""

    status: int
    text: str

    @property
    def took_it(self) -> bool:
        return 200 <= self.status < 300


class Poster:
    """Sends messages to addresses that are allowed.

    Args:
        private_hosts: hosts that may be reached although their addresses are private.
    """

    def __init__(self, private_hosts: Iterable[str]) -> None:
        self._private_hosts = frozenset(private_hosts)

    def check(self, url: str) -> None:
        """Refuse an address that nothing may be sent to, as far as that can be known beforehand.

        Raises:
            InvalidInput: it is no http or https address, or its name is not known (`bad_webhook_url`).
            Forbidden: it leads into a private network (`private_address`).
        """
        parsed = _split(url)
        if parsed.hostname not in self._private_hosts:
            self._addresses(str(parsed.hostname), parsed.port or 443)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a message.

        Raises:
            InvalidInput, Forbidden: as `check`.
            Unavailable: nobody answers there (`webhook_failed`).
        """
        _split(url)
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), _STEP_SECONDS)
        try:
            with (
                httpcore.ConnectionPool(network_backend=_Guarded(self)) as pool,
                pool.stream(
                    "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeout}
                ) as answer,
            ):
                return Reply(answer.status, _beginning(answer))
        except ClearanceError:
            raise
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise Unavailable(
                f"{type(error).__name__}: {error}",
                code="webhook_failed",
                hint="is the receiver up, and its address right?",
            ) from error

    def reachable(self, host: str, port: int) -> str:
        """Return the address to connect to for a host. Errors as `check`."""
        return host if host in self._private_hosts else self._addresses(host, port)[0]

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise InvalidInput(
                f"no host {host[:255]!r} is known here",
                code="bad_webhook_url",
                hint="check the name, and this server's DNS",
            ) from error
        for address in found:
            if not is_public(address):
                raise Forbidden(
                    f"{host} is {address}, in a private network: nothing is sent there",
                    code="private_address",
                    hint="the operator may allow the host by CLEARANCE_PRIVATE_WEBHOOK_HOSTS",
                )
        return found


def _beginning(answer: httpcore.Response) -> str:
    """Return the beginning of what a receiver says; what it thinks of the message, its status has told already."""
    text = bytearray()
    with suppress(httpcore.TimeoutException, httpcore.NetworkError):
        for chunk in answer.iter_stream():
            text += chunk
            if len(text) >= _LONGEST_ANSWER:
                break
    return bytes(text[:_LONGEST_ANSWER]).decode(errors="replace")


class _Guarded(httpcore.NetworkBackend):
    """Connects only to where `Poster.reachable` leads, and not for long; TLS still checks the name."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._sockets = httpcore.SyncBackend()
        self._deadline = time.monotonic() + _ALL_SECONDS

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        address = self._poster.reachable(host, port)
        stream = self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
        return _Hurried(stream, self._deadline)


class _Hurried(httpcore.NetworkStream):
    """A connection on which nothing is read or written after its deadline (seconds of the monotonic clock)."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read."""
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted."""
        secured = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _Hurried(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the connection."""
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"it took more than {_ALL_SECONDS:g} s")
        return left if timeout is None else min(left, timeout)


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet, also where an IPv6 address wraps one of IPv4."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour
        if wrapped is None and ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            return wrapped.is_global and not wrapped.is_multicast
        if ip in _LOCAL_NAT64:
            return False
    return ip.is_global and not ip.is_multicast


def _split(url: str) -> Any:
    """Return the parts of an address of the web; what was given is not repeated in the error, for it may hold a secret.

    Many receivers know who calls by a token in the query; only those who may write see it, and the log never does.
    """
    try:
        parsed = urlsplit(url)
        good = parsed.scheme in {"http", "https"} and bool(parsed.hostname) and parsed.port != 0
        good = good and not has_login(url) and url.isascii() and url.isprintable() and " " not in url
    except ValueError:  # of a port or an IPv6 address that is none
        good = False
    if not good:
        raise InvalidInput(
            "the webhook's url is no http:// or https:// address without a password in it",
            code="bad_webhook_url",
            hint="such as https://ci.example.com/hooks/models; a `secret` signs what is sent",
        )
    return parsed

"""Fixtures of integrations: a server of our own, for the clients of other systems."""

from tests.server.conftest import serve

__all__ = ["serve"]

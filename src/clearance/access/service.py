"""The use cases of access, by the one name that other rooms and the surfaces use."""

from clearance.access.authentication import authenticate
from clearance.access.bindings import bind_role, list_bindings, unbind_role
from clearance.access.login import end_session, open_session
from clearance.access.tokens import issue_token, list_tokens, revoke_token, rotate_token

__all__ = [
    "authenticate",
    "bind_role",
    "end_session",
    "issue_token",
    "list_bindings",
    "list_tokens",
    "open_session",
    "revoke_token",
    "rotate_token",
    "unbind_role",
]

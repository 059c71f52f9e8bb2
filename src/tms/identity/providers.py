"""Which identity provider this installation uses."""

from tms.identity.builtin.provider import BuiltinProvider
from tms.identity.provider import Provider

_builtin = BuiltinProvider()


def current() -> Provider:
    """The provider of the settings: without a Keycloak server, the built-in one."""
    return _builtin

"""What Keycloak's answers mean to us; that it gives none at all is told by the connection."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from keycloak.exceptions import KeycloakOperationError

from tms.identity.errors import (
    AccountMissingError,
    AccountRefusedError,
    IdentityConflictError,
    ProviderUnavailableError,
)

logger = logging.getLogger(__name__)


@contextmanager
def answers() -> Iterator[None]:
    """Around requests about one account: 404 is `AccountMissingError`, 409 a conflict, 400 `AccountRefusedError`."""
    try:
        yield
    except KeycloakOperationError as error:
        if error.response_code == 404:
            raise AccountMissingError from error
        if error.response_code == 409:
            raise IdentityConflictError from error
        if error.response_code == 400:
            raise AccountRefusedError from error
        logger.exception(
            "keycloak gives an answer that we do not know", extra={"status": error.response_code}
        )
        raise ProviderUnavailableError from error

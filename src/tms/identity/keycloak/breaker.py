"""A circuit breaker: who has failed several times in a row is left alone for a while, so that nobody waits in vain."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tms.identity.errors import ProviderUnavailableError

logger = logging.getLogger(__name__)

FAILURES = 5
PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 60.0


class Breaker:
    """Closed at first. Open after `FAILURES` in a row; after the pause one attempt probes whether it closes again."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether attempts are refused at present, but for the one that probes."""
        return self._open_until is not None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One attempt. `ProviderUnavailableError` out of the block counts as a failure, everything else as an answer.

        Raises `ProviderUnavailableError` at once while the breaker is open.
        """
        self._admit()
        try:
            yield
        except ProviderUnavailableError as error:
            self._failed(error.asked_to_wait)
            raise
        except BaseException:
            # Somebody gave up waiting, which tells nothing about the other side.
            self._probing = False
            raise
        self._succeeded()

    def _admit(self) -> None:
        if self._open_until is None:
            return
        left = self._open_until - time.monotonic()
        if left > 0 or self._probing:
            refused = ProviderUnavailableError()
            refused.retry_after = max(1, round(left))
            raise refused
        self._probing = True

    def _succeeded(self) -> None:
        if self._open_until is not None:
            logger.warning("the identity provider answers again")
        self._failures, self._open_until, self._probing = 0, None, False

    def _failed(self, asked_to_wait: float | None) -> None:
        """`asked_to_wait` are the seconds of a `Retry-After`, which opens the breaker whatever was before."""
        self._failures += 1
        self._probing = False
        if asked_to_wait is None and self._failures < FAILURES and self._open_until is None:
            return
        if self._open_until is None:
            logger.warning("the identity provider is left alone for a while")
        pause = PAUSE_SECONDS if asked_to_wait is None else min(asked_to_wait, LONGEST_PAUSE_SECONDS)
        self._open_until = time.monotonic() + pause

"""How long anybody waits for an identity provider that is another server, and asking it again where giving up at the first
silence would lose the work of minutes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tms.identity.errors import ProviderRefusesError, ProviderUnavailableError

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
"""For the next part of an answer: they are small, and come as one."""

PAUSES_SECONDS = (1.0, 4.0, 12.0)
"""Between the tries. The last is longer than the provider is left alone after several failures in a row."""
LONGEST_PAUSE_SECONDS = 60.0
"""Whatever the provider asks for."""

T = TypeVar("T")


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` gives, which must be safe to repeat; a provider that asks to be left alone for a while is.

    Raises `ProviderUnavailableError` after the last try, and at once where the provider does not let us do it.
    """
    for pause in PAUSES_SECONDS:
        try:
            return await ask()
        except ProviderRefusesError:
            raise
        except ProviderUnavailableError as error:
            await asyncio.sleep(max(pause, min(error.asked_to_wait or 0, LONGEST_PAUSE_SECONDS)))
    return await ask()

"""A form with a document in it, as it arrives at the API or at a page: the file on disk with its hash, and small fields."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tms.content import receiving, service
from tms.content.errors import MalformedFormError
from tms.content.service import ReceivedFile
from tms.http.bodies import BrokenOffError

UPLOAD_BYTES = 50 * 1024 * 1024
"""The largest form."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the form held; `fields` are its other fields, as text."""

    file: ReceivedFile
    fields: Mapping[str, str]


@asynccontextmanager
async def received(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[Arrival]:
    """The form's file as long as the context lasts; permission was checked before this reads the first byte of it.

    Raises `MissingFileError`, `EmptyFileError` or `MalformedFormError`.
    """
    with tempfile.NamedTemporaryFile(prefix="tms-received-") as target:
        try:
            taken = await receiving.take_file(content_type, body, target.file)
        except BrokenOffError as error:
            raise MalformedFormError from error
        name = service.display_name(taken.name)
        file = ReceivedFile(Path(target.name), name, taken.size, taken.digest.hexdigest())
        yield Arrival(file, taken.fields())

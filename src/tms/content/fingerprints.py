"""Title and content of a lesson as one value, by which an edit shows, whatever ids its pictures have got."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content.models import Media

_PICTURE = re.compile(r'(?<=src="media:)[0-9a-f-]{36}(?=")')


def of(title: str, content: str | None, pictures: Mapping[UUID, str]) -> str:
    """SHA-256 over both; `pictures` gives the SHA-256 of each picture that the content names."""

    def by_hash(found: re.Match[str]) -> str:
        return pictures.get(UUID(found[0]), found[0])

    told = f"{title}\n{_PICTURE.sub(by_hash, content or '')}"
    return hashlib.sha256(told.encode()).hexdigest()


async def pictures_of(session: AsyncSession, contents: Iterable[str | None]) -> dict[UUID, str]:
    """The SHA-256 of every picture that these contents name, by its id; pictures that are gone are left out."""
    named = {UUID(found) for content in contents for found in _PICTURE.findall(content or "")}
    if not named:
        return {}
    rows = await session.execute(select(Media.id, Media.sha256).where(Media.id.in_(named)))
    return {row.id: row.sha256 for row in rows}

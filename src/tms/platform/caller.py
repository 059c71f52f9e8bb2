"""Who is calling."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """A role opens doors; which objects are behind them is decided by ownership."""

    ADMIN = "admin"
    TRAINER = "trainer"
    STUDENT = "student"


@dataclass(frozen=True, slots=True)
class Caller:
    """The signed-in person of a request; `id` is `users.id`, never the identity provider's."""

    id: UUID
    role: Role

    @property
    def is_admin(self) -> bool:
        """True for administrators, who see everything."""
        return self.role is Role.ADMIN

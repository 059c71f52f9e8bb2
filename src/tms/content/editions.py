"""A new edition of a document beside the course: what is kept, changed, moved, added and removed, and then applied.

Compared are the sections that the replaced upload has made and that are still in the course. Those of other origin stay
where they are: each follows the section that it follows now. Three texts decide about a section: as the old edition had
it, as it is now, and as the new edition has it; where people have changed it by hand since, they are asked.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from tms.content import blocks, fingerprints, matching, queries
from tms.content.applying import new_section
from tms.content.errors import EditionLostError
from tms.content.models import UploadSection
from tms.content.plans import Draft
from tms.courses import service as courses
from tms.courses.models import Section

Kind: TypeAlias = Literal["kept", "changed", "moved", "added", "removed"]
Choice: TypeAlias = Literal["keep", "replace"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A section of the course as it stands; `made`: by the replaced upload, with what that one had in it."""

    id: UUID
    title: str
    content: str | None
    place: int
    version: int
    is_made: bool
    path: tuple[str, ...]
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a difference. `draft` is what the new edition has, `section` what the course has."""

    kind: Kind
    section: Standing | None
    draft: Draft | None
    is_changed: bool = False
    """Title or text would be replaced."""
    is_edited: bool = False
    """People have changed the section by hand since it was uploaded."""
    choice: Choice | None = None
    """What was decided about an edited section that would change or vanish."""

    @property
    def is_undecided(self) -> bool:
        """Whether somebody has to say what becomes of the edits."""
        return self.is_edited and self.choice is None and (self.is_changed or self.kind == "removed")

    @property
    def vanishes(self) -> bool:
        """Whether the section leaves the course."""
        return self.kind == "removed" and self.choice != "keep"

    @property
    def replaces_text(self) -> bool:
        """Whether the section's title and text become those of the new edition."""
        return self.is_changed and self.choice != "keep"


@dataclass(frozen=True, slots=True)
class Difference:
    """The new edition's lessons in their order, what it drops behind them; and the course's live sections."""

    changes: tuple[Change, ...]
    live: tuple[Standing, ...]


async def difference(
    session: AsyncSession,
    upload: RowMapping,
    drafts: Sequence[Draft],
    *,
    keep: Collection[UUID] = (),
    replace: Collection[UUID] = (),
) -> Difference:
    """The lessons of an upload that waits beside its course; without `replaces_id` all of them are added.

    `keep` and `replace` name edited sections. Raises `EditionLostError` where the replaced upload is not the newest
    edition any more.
    """
    live = await _live(session, upload)
    pictures = await fingerprints.pictures_of(
        session, [*(draft.content for draft in drafts), *(one.content for one in live)]
    )
    new = [fingerprints.of(draft.title, draft.content, pictures) for draft in drafts]
    # The words of a large course are some work; nobody else waits for it.
    matches = await asyncio.to_thread(_matches, [one for one in live if one.is_made], drafts)
    choices: dict[UUID, Choice] = {**dict.fromkeys(keep, "keep"), **dict.fromkeys(replace, "replace")}
    moved = matching.moved([matches[at].place for at in sorted(matches)])
    changes = []
    for at, draft in enumerate(drafts):
        section = matches.get(at)
        if section is None:
            changes.append(Change("added", None, draft))
        else:
            now = fingerprints.of(section.title, section.content, pictures)
            changed, edited = _judge(section, now=now, new=new[at])
            kind: Kind = "moved" if section.place in moved else "changed" if changed else "kept"
            changes.append(Change(kind, section, draft, changed, edited, choices.get(section.id)))
    used = {section.id for section in matches.values()}
    for section in live:
        if section.is_made and section.id not in used:
            now = fingerprints.of(section.title, section.content, pictures)
            edited = _is_edited(section, now)
            changes.append(Change("removed", section, None, False, edited, choices.get(section.id)))
    return Difference(tuple(changes), tuple(live))


async def _live(session: AsyncSession, upload: RowMapping) -> list[Standing]:
    replaced: UUID | None = upload["replaces_id"]
    if replaced is not None:
        found = await queries.upload(session, replaced)
        if found is None or found["status"] != "completed":
            raise EditionLostError
    statement = (
        select(
            Section.id,
            Section.title,
            Section.content,
            Section.order_index,
            Section.version,
            UploadSection.path,
            UploadSection.fingerprint,
        )
        .outerjoin(
            UploadSection,
            (UploadSection.section_id == Section.id) & (UploadSection.upload_id == replaced),
        )
        .where(Section.course_id == upload["course_id"], Section.archived_at.is_(None))
        .order_by(Section.order_index)
    )
    return [
        Standing(
            row.id,
            row.title,
            row.content,
            row.order_index,
            row.version,
            row.path is not None,
            tuple(row.path or ()),
            row.fingerprint,
        )
        for row in await session.execute(statement)
    ]


def _matches(old: Sequence[Standing], drafts: Sequence[Draft]) -> dict[int, Standing]:
    """For places in the new edition the section of the same lesson."""
    before = [matching.Text(one.path, blocks.text(one.content or "")) for one in old]
    after = [matching.Text(draft.path, blocks.text(draft.content)) for draft in drafts]
    return {new: old[at] for new, at in matching.pairs(before, after).items()}


def _is_edited(section: Standing, now: str) -> bool:
    # Where it was not noted what the document had, any edit at all counts.
    return section.version > 1 if section.fingerprint is None else section.fingerprint != now


def _judge(section: Standing, *, now: str, new: str) -> tuple[bool, bool]:
    """Whether the new edition would change the section, and whether people have edited it.

    An edited section whose lesson the document did not touch keeps the edits: there is nothing new to put there.
    """
    return new not in {now, section.fingerprint}, _is_edited(section, now)


def outline(found: Difference) -> list[UUID | courses.ChangedSection | courses.NewSection]:
    """The course as it will be: the edition's lessons in their order, everything else behind what it stands behind now."""
    heads: list[Standing] = []
    followers: dict[UUID, list[Standing]] = {}
    replaced = {change.section.id for change in found.changes if change.section and change.draft}
    vanishing = {change.section.id for change in found.changes if change.section and change.vanishes}
    anchor: UUID | None = None
    for section in found.live:
        if section.id in replaced:
            anchor = section.id
        elif section.id not in vanishing:
            (heads if anchor is None else followers.setdefault(anchor, [])).append(section)
    order: list[UUID | courses.ChangedSection | courses.NewSection] = [section.id for section in heads]
    if found.live and not replaced:
        # Nothing of the edition was in the course: it comes last, like any other document.
        order = [section.id for section in found.live if section.id not in vanishing]
    for change in found.changes:
        if change.draft is None:
            continue
        order.append(_part(change, change.draft))
        if change.section is not None:
            order.extend(section.id for section in followers.get(change.section.id, ()))
    return order


def _part(change: Change, draft: Draft) -> UUID | courses.ChangedSection | courses.NewSection:
    if change.section is None:
        return new_section(draft)
    if change.replaces_text:
        return courses.ChangedSection(change.section.id, draft.title, draft.content, draft.minutes)
    return change.section.id


def made(found: Difference, order: Sequence[UUID]) -> list[tuple[UUID, Draft]]:
    """Which lesson became which section, once `courses` has put the outline into this order of ids."""
    parts = outline(found)
    new_ids = [
        section_id
        for section_id, part in zip(order, parts, strict=True)
        if isinstance(part, courses.NewSection)
    ]
    fresh = iter(new_ids)
    return [
        (change.section.id if change.section else next(fresh), change.draft)
        for change in found.changes
        if change.draft is not None
    ]

"""What an author is told about a document that became lessons."""

from collections import Counter

from tms.content.lessons.document import Lesson
from tms.content.lessons.markup import UNUSABLE

LEFT_OUT = {
    "hidden": "{n} hidden passage(s) were left out; show them in the document if students should read them.",
    "comment": "{n} comment(s) of reviewers were left out.",
    "chart": "{n} chart(s) or diagram(s) cannot be converted; paste them as pictures.",
    "picture": "{n} picture(s) are only linked or missing; insert them into the document.",
    "part": "{n} inserted document(s) were left out; copy their text into the document.",
    "element": "{n} element(s) of an unknown kind were left out.",
    "recording": "{n} video(s) or recording(s) within the document were left out; upload them as files of their own.",
    "form": "{n} field(s) of a form were left out.",
    "link": "{n} link(s) lead neither to a web page nor to an e-mail address; their text was kept.",
    "across": "{n} link(s) lead to another lesson or to nothing in the document; their text was kept.",
}
"""By what a reader counts as left out."""
MACROS = "The document contains macros; they were left out."


def of_left_out(left_out: Counter[str]) -> list[str]:
    """A sentence for each kind of thing that could not be brought along."""
    found = [text.format(n=left_out[kind]) for kind, text in LEFT_OUT.items() if left_out[kind]]
    for source, count in left_out.items():
        if source.startswith(UNUSABLE):
            found.append(f"{count} times: {source.removeprefix(UNUSABLE)}; insert it as PNG or JPEG.")
    return found


def of_lessons(lessons: list[Lesson]) -> list[str]:
    """Sentences about lessons, which each of them is also given."""
    titles = Counter(lesson.title for lesson in lessons)
    found = [f"{count} lessons are called “{title}”." for title, count in titles.items() if count > 1]
    for lesson in lessons:
        if titles[lesson.title] > 1:
            lesson.warnings.append("Another lesson has the same title.")
        if not lesson.html.strip():
            found.append(f"The lesson “{lesson.title}” is empty.")
            lesson.warnings.append("This lesson is empty.")
        if bare := _undescribed(lesson):
            lesson.warnings.append(f"{bare} picture(s) have no alternative text.")
    if bare := sum(_undescribed(lesson) for lesson in lessons):
        found.append(f"{bare} picture(s) have no alternative text for people who cannot see them.")
    return found


def _undescribed(lesson: Lesson) -> int:
    return lesson.html.count('alt=""')

"""Documents whose content is known: lessons made of blocks, in many scripts, seeded."""

import random
from dataclasses import dataclass, field

# Words of each script, to build sentences of; the last two are written without spaces.
WORDS = {
    "latin": "Größe ältere Übung schön Maß naïve façade señor København žluťoučký water heat measure degree",
    "greek": "νερό θερμότητα μέτρηση βαθμός κλίμακα πίεση σώμα ενέργεια πείραμα αποτέλεσμα",
    "cyrillic": "вода тепло измерение градус шкала давление тело энергия опыт результат объём",
    "arabic": "الماء الحرارة القياس الدرجة المقياس الضغط الجسم الطاقة التجربة النتيجة",
    "hebrew": "מים חום מדידה מעלה סולם לחץ גוף אנרגיה ניסוי תוצאה",
    "devanagari": "पानी ऊष्मा मापन डिग्री पैमाना दाब पिंड ऊर्जा प्रयोग परिणाम",
    "thai": "น้ำ ความร้อน การวัด องศา มาตรา ความดัน วัตถุ พลังงาน การทดลอง ผลลัพธ์",
    "korean": "물 열 측정 도수 눈금 압력 물체 에너지 실험 결과",
    "chinese": "水 热量 测量 度数 刻度 压力 物体 能量 实验 结果",
    "japanese": "水 熱量 測定 度数 目盛り 圧力 ぶったい エネルギー じっけん 結果",
}
RIGHT_TO_LEFT = frozenset({"arabic", "hebrew"})
UNSPACED = frozenset({"chinese", "japanese", "thai"})


@dataclass(slots=True)
class Block:
    """`kind` is one of paragraph, heading, list, numbers, table, code, quote, note; `texts` are its items, or its rows."""

    kind: str
    texts: list


@dataclass(slots=True)
class KnownLesson:
    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class Known:
    """A document; `script` names its letters. `markers` stand in this order, one at the beginning of each text."""

    name: str
    script: str
    lessons: list[KnownLesson]

    def texts(self):
        for lesson in self.lessons:
            yield lesson.title
            for block in lesson.blocks:
                for item in block.texts:
                    yield from item if block.kind == "table" else [item]


class Author:
    """Writes sentences; each begins with a marker `mNq` that is found once in the document."""

    def __init__(self, script, seed):
        self._random = random.Random(f"tms-good-{script}-{seed}")
        self._words = WORDS[script].split()
        self._glue = "" if script in UNSPACED else " "
        self._number = 0

    def marker(self):
        self._number += 1
        return f"m{self._number}q"

    def sentence(self, shortest=6, longest=18):
        count = self._random.randint(shortest, longest)
        return f"{self.marker()} {self._glue.join(self._random.choice(self._words) for _ in range(count))}."

    def title(self):
        return f"{self.marker()} {self._glue.join(self._random.sample(self._words, 3))}"

    def cell(self):
        return f"{self.marker()} {self._random.choice(self._words)}"

    def code(self):
        return f"{self.marker()} = [1, 2]\nfor x in y:\n    print(x < 3 & 4)"


def document(script, seed=1, lessons=3, *, kinds=None):
    """A document of `lessons` lessons with every kind of block, or those of `kinds`."""
    author = Author(script, seed)
    makers = {
        "paragraph": lambda: [author.sentence()],
        "heading": lambda: [author.title()],
        "list": lambda: [author.sentence(2, 5) for _ in range(3)],
        "numbers": lambda: [author.sentence(2, 5) for _ in range(3)],
        "table": lambda: [[author.cell() for _ in range(3)] for _ in range(3)],
        "code": lambda: [author.code()],
        "quote": lambda: [author.sentence()],
        "note": lambda: [author.sentence(), author.sentence(2, 4)],
    }
    order = kinds or [
        "paragraph",
        "list",
        "heading",
        "paragraph",
        "table",
        "numbers",
        "heading",
        "code",
        "quote",
        "note",
    ]
    written = []
    for _ in range(lessons):
        title = author.title()
        written.append(KnownLesson(title, [Block(kind, makers[kind]()) for kind in order]))
    return Known(f"{script}-{seed}", script, written)

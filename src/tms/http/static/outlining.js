// An outline in an editor's hands: lessons are read where they stand, and one sees what will be made before it is. Without
// this script lessons open on pages of their own, and the server says what does not add up.
"use strict";

(() => {
  const told = document.querySelector("[data-summary]");
  const say = (words) => {
    // Only what is new is read out.
    if (told && told.textContent !== words) told.textContent = words;
  };
  const count = (number, one) => `${number} ${number === 1 ? one : `${one}s`}`;

  for (const place of document.querySelectorAll("details[data-preview]")) {
    place.addEventListener("toggle", async () => {
      if (!place.open || !place.dataset.preview) return;
      const address = place.dataset.preview;
      place.dataset.preview = "";
      try {
        const answer = await fetch(address, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const lesson = page.querySelector("[data-lesson]");
        if (!lesson) throw new Error(String(answer.status));
        lesson.tabIndex = 0;
        lesson.setAttribute("role", "group");
        lesson.setAttribute("aria-label", "The lesson as it will be read");
        place.append(document.adoptNode(lesson));
      } catch {
        place.dataset.preview = address;
      }
    });
  }

  const outline = document.querySelector("form[data-outline]");
  if (outline) {
    const rows = [...outline.querySelectorAll(".row")];
    const summary = () => {
      let lessons = 0;
      let skipped = 0;
      for (const row of rows) {
        const fate = row.querySelector("select").value;
        if (fate === "skip") {
          skipped += 1;
          continue;
        }
        lessons += (fate === "own" || lessons === 0 ? 1 : 0) + row.querySelectorAll(".part :checked").length;
      }
      say(`${count(lessons, "lesson")} will be made${skipped ? `, ${skipped} skipped` : ""}.`);
    };
    outline.addEventListener("change", summary);
    summary();
  }

  const ranges = document.querySelector("form[data-ranges]");
  if (!ranges) return;
  const unit = ranges.dataset.ranges;
  const [first, last] = [Number(ranges.dataset.first), Number(ranges.dataset.last)];
  const list = ranges.querySelector(".ranges");
  const field = (line, name) => line.querySelector(`[name^="${name}."]`);

  const runs = (pages) => {
    const found = [];
    for (const page of pages) {
      if (found.length && page === found.at(-1)[1] + 1) found.at(-1)[1] = page;
      else found.push([page, page]);
    }
    return found.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(", ");
  };

  const named = (pages) => `${unit}${pages.length === 1 ? "" : "s"} ${runs(pages)}`;

  const look = () => {
    const lines = [...list.children]
      .map((line) => ["title", "first", "last"].map((name) => field(line, name).value.trim()))
      .filter((values) => values.some(Boolean));
    const used = new Map();
    lines.forEach(([, from, to], at) => {
      const next = lines.slice(at + 1).find(([, begin]) => begin);
      const end = to ? Number(to) : next ? Math.max(Number(from), Number(next[1]) - 1) : last;
      for (let page = Math.max(first, Number(from) || last + 1); page <= Math.min(end, last); page++) {
        used.set(page, (used.get(page) ?? 0) + 1);
      }
    });
    const all = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    const [twice, left] = [all.filter((page) => used.get(page) > 1), all.filter((page) => !used.has(page))];
    const words = [`${count(lines.length, "lesson")} will be made.`];
    if (twice.length) words.push(`In two lessons: ${named(twice)}.`);
    if (left.length) words.push(`In no lesson: ${named(left)}.`);
    say(words.join(" "));
  };

  const more = document.createElement("button");
  more.type = "button";
  more.textContent = "One more lesson";
  more.addEventListener("click", () => {
    const line = list.lastElementChild.cloneNode(true);
    const number = list.children.length + 1;
    line.querySelector("legend").textContent = `Lesson ${number}`;
    line.querySelector(".mark").textContent = number;
    line.querySelector(".wrong")?.remove();
    for (const input of line.querySelectorAll("input")) {
      const name = input.name.split(".")[0];
      input.name = `${name}.${number}`;
      input.id = `${name}-${number}`;
      input.value = "";
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
      input.parentElement.querySelector("label").htmlFor = input.id;
    }
    list.append(line);
    field(line, "title").focus();
  });
  list.after(more);
  ranges.addEventListener("input", look);
  look();
})();

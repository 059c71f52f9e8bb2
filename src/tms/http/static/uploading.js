// Documents are chosen or dropped, put in order, and sent one after the other: the next one goes when the one before has
// been read, so that lessons stand in the order of the list. Without this script the form is an ordinary one for one file.
"use strict";

(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const part = (name) => form.querySelector(`[data-${name}]`);
  const [drop, hint, list, refused, said, outcome] = ["drop", "drop-hint", "queue", "refused", "said", "outcome"].map(part);
  const input = form.querySelector("input[type=file]");
  const purpose = form.querySelector("select");
  const button = form.querySelector("button.primary");
  const sort = part("sort");
  const usual = hint.textContent;
  let queue = [];
  let running = false;
  let alone = false;
  let stopped = false;

  const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
  const count = (number, one) => `${number} ${number === 1 ? one : `${one}s`}`;
  const pause = (seconds) => new Promise((done) => { setTimeout(done, 1000 * seconds); });
  const page = (text) => new DOMParser().parseFromString(text, "text/html");
  const words = (place) => (place ? place.textContent.replace(/\s+/g, " ").trim() : "");

  // What is dropped has not gone through the chooser. It may be sent all the same: the answer says what to do instead.
  const isRead = (name) => input.accept.split(",").some((suffix) => name.toLowerCase().endsWith(suffix));

  // ---- the list ----

  const tell = (item, state, text) => {
    item.state = state;
    item.row.dataset.state = state;
    item.row.querySelector("[data-state-text]").textContent = text;
    item.row.querySelector("progress").hidden = !["sending", "reading"].includes(state);
    show();
  };

  const show = () => {
    const left = queue.filter((item) => item.state === "waiting").length;
    const movable = !running && queue.length > 1 && left === queue.length;
    queue.forEach((item, at) => {
      item.row.querySelector(".mark").textContent = at + 1;
      for (const [name, end] of [["up", 0], ["down", queue.length - 1]]) {
        const mover = item.row.querySelector(`[data-${name}]`);
        mover.hidden = !movable;
        // It keeps the focus where it cannot go further.
        mover.setAttribute("aria-disabled", String(at === end));
      }
      const stop = item.row.querySelector("[data-remove]");
      stop.hidden = !["waiting", "sending", "reading"].includes(item.state);
      stop.firstChild.textContent = item.state === "waiting" ? "Remove" : "Cancel";
    });
    list.hidden = queue.length === 0;
    sort.hidden = !movable;
    input.disabled = running;
    purpose.disabled = running;
    button.disabled = running || (queue.length > 0 && left === 0);
    button.textContent = left > 1 ? `Upload ${left} documents` : "Upload";
    hint.textContent = running
      ? "Stay on this page until all are sent; what has arrived is read in any case."
      : `${usual} You can drop files here, several too.`;
  };

  // The field holds what the list holds: the browser then sends it, and knows that something was chosen.
  const keep = () => {
    const transfer = new DataTransfer();
    for (const item of queue) if (item.state === "waiting") transfer.items.add(item.file);
    input.files = transfer.files;
    show();
  };

  const move = (item, by) => {
    const [at, to] = [queue.indexOf(item), queue.indexOf(item) + by];
    if (to < 0 || to >= queue.length) return;
    queue.splice(at, 1);
    queue.splice(to, 0, item);
    arrange();
    item.row.querySelector(by < 0 ? "[data-up]" : "[data-down]").focus();
    said.textContent = `${item.file.name} is number ${to + 1} of ${queue.length} now.`;
  };

  const arrange = () => {
    for (const item of queue) list.append(item.row);
    keep();
  };

  const remove = (item) => {
    const at = queue.indexOf(item);
    if (item.state === "sending") {
      item.request.abort();
      return;
    }
    if (item.state === "reading") {
      // The reading tells of its end by its events, as it always does.
      if (item.cancel) fetch(item.cancel.action, { method: "POST", body: new URLSearchParams(new FormData(item.cancel)) });
      return;
    }
    queue.splice(at, 1);
    item.row.remove();
    keep();
    const next = queue[at] ?? queue[at - 1];
    (next ? next.row.querySelector("[data-remove]") : input).focus();
    said.textContent = `${item.file.name} was taken off the list.`;
  };

  const add = (files) => {
    refused.hidden = true;
    outcome.hidden = true;
    // What has been dealt with makes room for what comes.
    if (queue.length && queue.every((item) => item.state !== "waiting")) {
      for (const item of queue) item.row.remove();
      queue = [];
    }
    for (const file of files) {
      const isThere = ({ file: other }) =>
        other.name === file.name && other.size === file.size && other.lastModified === file.lastModified;
      if (queue.some(isThere)) continue;
      const row = part("queued").content.firstElementChild.cloneNode(true);
      const item = { file, row };
      queue.push(item);
      list.append(row);
      row.querySelector("[data-name]").textContent = file.name;
      row.querySelector("progress").setAttribute("aria-label", `How far ${file.name} is`);
      for (const name of ["up", "down", "remove"]) row.querySelector(`[data-${name}] span`).textContent = ` ${file.name}`;
      row.querySelector("[data-up]").addEventListener("click", () => move(item, -1));
      row.querySelector("[data-down]").addEventListener("click", () => move(item, 1));
      row.querySelector("[data-remove]").addEventListener("click", () => remove(item));
      tell(item, "waiting", `${size(file.size)}${isRead(file.name) ? "" : ". TMS does not read files that are called like that."}`);
    }
    keep();
  };

  // ---- one document after the other ----

  const send = (item) =>
    new Promise((done) => {
      const request = new XMLHttpRequest();
      const body = new FormData();
      body.set("csrf", form.elements.csrf.value);
      body.set("purpose", purpose.value);
      body.set("file", item.file, item.file.name);
      item.request = request;
      const bar = item.row.querySelector("progress");
      bar.value = 0;
      tell(item, "sending", "Being sent");
      request.upload.addEventListener("progress", (sent) => {
        if (!sent.lengthComputable) return;
        bar.value = Math.floor((100 * sent.loaded) / sent.total);
        item.row.querySelector("[data-state-text]").textContent = `${size(sent.loaded)} of ${size(sent.total)} sent`;
      });
      request.addEventListener("load", () => done(request));
      request.addEventListener("error", () => done(null));
      request.addEventListener("abort", () => done("aborted"));
      request.open("POST", form.action);
      request.setRequestHeader("Accept", "text/html");
      request.send(body);
    });

  const reason = (answer) =>
    [...page(answer.responseText).querySelectorAll("main h1, main p:not(.actions)")].map(words).join(". ") ||
    "The document was not accepted.";

  // Until the work has ended; the document is read whether anybody looks on or not.
  const watch = (item, address) =>
    new Promise((done) => {
      if (!address) {
        pause(3).then(done);
        return;
      }
      const events = new EventSource(address);
      events.addEventListener("progress", (event) => {
        const job = JSON.parse(event.data);
        item.row.querySelector("progress").value = Math.round(100 * job.progress);
        if (job.message) item.row.querySelector("[data-state-text]").textContent = job.message;
        if (job.state !== "succeeded" && job.state !== "failed") return;
        events.close();
        done();
      });
      events.addEventListener("error", () => {
        if (events.readyState === EventSource.CLOSED) pause(3).then(done);
      });
    });

  const link = (item, text) => {
    const place = item.row.querySelector("[data-link]");
    place.href = item.address;
    place.textContent = text;
    const name = document.createElement("span");
    name.className = "visually-hidden";
    name.textContent = `: ${item.file.name}`;
    place.append(name);
    place.hidden = false;
  };

  // Says what became of a document, out of the page that shows it; reads that page again until there is something to say.
  const follow = async (item, address, text) => {
    const known = [...document.querySelectorAll(".documents a")].some((place) => place.href === address);
    const twin = queue.find((other) => other !== item && other.address === address);
    item.address = address;
    if (twin) {
      tell(item, "done", `The same document as ${twin.file.name}: nothing more was added.`);
      return;
    }
    let shown = page(text);
    while (shown.querySelector("[data-status]")?.dataset.status === "processing") {
      item.cancel = shown.querySelector("form[action$='/cancel']");
      tell(item, "reading", "Being read");
      await watch(item, shown.querySelector("[data-watch]").dataset.watch);
      shown = page(await (await fetch(address, { headers: { Accept: "text/html" } })).text());
    }
    const status = shown.querySelector("[data-status]")?.dataset.status;
    if (!status) throw new Error("not the page of a document");
    if (status === "needs_review") {
      tell(item, "done", `${count(shown.querySelectorAll(".rows > li").length, "lesson")} found; nothing is in the course yet.`);
      link(item, "Look it over");
    } else if (status === "failed") {
      tell(item, "failed", `Nothing was added. ${words(shown.querySelector("[data-reason]"))}`);
      link(item, "More");
    } else {
      const told = words(shown.querySelector(".note"));
      tell(item, "done", known ? `It is in the course already: nothing was changed. ${told}` : told);
      link(item, "See what came of it");
    }
  };

  // Whether the next one may go. What is wrong with a document alone does not stop the others.
  const bring = async (item) => {
    const answer = await send(item);
    if (answer === "aborted") {
      tell(item, "failed", "Not sent: you stopped it.");
      return true;
    }
    if (answer === null) {
      tell(item, "waiting", "The connection broke off. Nothing is lost: go on when it is back, and it is sent again.");
      return false;
    }
    const wait = Number(answer.getResponseHeader("Retry-After"));
    if ([429, 503].includes(answer.status) && wait) {
      const soon = wait < 60 ? count(wait, "second") : count(Math.ceil(wait / 60), "minute");
      tell(item, "waiting", `${reason(answer)} It goes on by itself in ${soon}.`);
      await pause(wait);
      return queue.includes(item) ? bring(item) : true;
    }
    if (answer.status < 400 && page(answer.responseText).querySelector("[data-status]")) {
      if (alone) {
        location.assign(answer.responseURL);
        return true;
      }
      try {
        await follow(item, answer.responseURL, answer.responseText);
      } catch {
        tell(item, "done", "It was sent and is being read, but what came of it could not be asked.");
        link(item, "See what came of it");
        return false;
      }
      return true;
    }
    const isItsFault = [413, 415, 422].includes(answer.status);
    tell(item, isItsFault ? "failed" : "waiting", answer.status < 400 ? "Sign in again, in another window, and go on." : reason(answer));
    return isItsFault;
  };

  const sum = () => {
    const failed = queue.filter((item) => item.state === "failed").length;
    const waiting = queue.filter((item) => item.state === "waiting").length;
    const done = queue.length - failed - waiting;
    const atOnce = purpose.value === "apply";
    const told = [`${done} of ${count(queue.length, "document")} ${done === 1 ? "was" : "were"} read.`];
    if (atOnce && done) told.push("Their lessons stand at the end of the course, in this order.");
    if (!atOnce && done > 1) told.push("Their lessons come into the course in the order in which you add them.");
    if (failed) {
      told.push(`${failed} failed, and nothing was added of ${failed === 1 ? "it" : "them"}.`);
      if (done) told.push("The others did not wait for that.");
      if (atOnce && done) told.push("What is uploaded again comes at the end.");
    }
    if (waiting) told.push(`${waiting === 1 ? "One was" : `${waiting} were`} not sent.`);
    outcome.querySelector("p").textContent = told.join(" ");
    outcome.hidden = false;
  };

  // Whoever has signed in again has another token.
  const renew = async () => {
    try {
      const fresh = page(await (await fetch(location.href, { headers: { Accept: "text/html" } })).text());
      form.elements.csrf.value = fresh.querySelector("form[data-upload] [name=csrf]").value;
    } catch {
      // Sending tells what is wrong.
    }
  };

  const run = async () => {
    running = true;
    alone = queue.length === 1;
    outcome.hidden = true;
    show();
    if (stopped) await renew();
    stopped = false;
    for (const item of queue.slice()) {
      if (item.state !== "waiting" || !queue.includes(item)) continue;
      stopped = !(await bring(item));
      if (stopped) break;
      said.textContent = `${item.file.name}: ${words(item.row.querySelector("[data-state-text]"))}`;
    }
    // Its own page comes next.
    if (alone && queue[0].state === "sending") return;
    running = false;
    keep();
    if (alone) refuse(words(queue[0].row.querySelector("[data-state-text]")));
    else sum();
    if (stopped) button.textContent = "Go on";
  };

  const refuse = (text) => {
    refused.textContent = text;
    refused.hidden = false;
    outcome.hidden = true;
  };

  drop.classList.add("ready");
  input.multiple = true;
  show();
  // Chosen before this script was there, or kept by the browser.
  if (input.files.length) add([...input.files]);
  input.addEventListener("change", () => add([...input.files]));
  purpose.addEventListener("change", () => { refused.hidden = true; });
  sort.addEventListener("click", () => {
    queue.sort((one, other) => one.file.name.localeCompare(other.file.name, undefined, { numeric: true }));
    arrange();
    said.textContent = "Sorted by name.";
  });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!running) add([...event.dataTransfer.files]);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    refused.hidden = true;
    if (purpose.value.startsWith("edition:") && queue.length > 1) {
      refuse("A new edition is one document: take the others off the list, or choose what else to do with them.");
      return;
    }
    if (!running && queue.length) run();
  });
  // Come back to by the browser's button, the page would still stand where it was left.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  window.addEventListener("beforeunload", (event) => {
    // What has arrived is read anyway; what has not is lost with the page.
    if (running && queue.some((item) => ["waiting", "sending"].includes(item.state))) event.preventDefault();
  });
})();

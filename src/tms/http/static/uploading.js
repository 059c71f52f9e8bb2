// A file can be dropped onto the form, and one sees how much of it has been sent. Without this script the form is an
// ordinary one.
"use strict";

(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const drop = form.querySelector("[data-drop]");
  const input = form.querySelector("input[type=file]");
  const hint = form.querySelector("[data-drop-hint]");
  const sending = form.querySelector("[data-sending]");
  const refused = form.querySelector("[data-refused]");
  const button = form.querySelector("button");
  const usual = hint.textContent;

  const size = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  // What is dropped has not gone through the chooser. It may be sent all the same: the answer says what to do instead.
  const isRead = (name) => input.accept.split(",").some((suffix) => name.toLowerCase().endsWith(suffix));

  const show = () => {
    const file = input.files[0];
    const told = file && !isRead(file.name) ? ". TMS does not read files that are called like that." : "";
    hint.textContent = file ? `${file.name}, ${size(file.size)}${told}` : usual;
    refused.hidden = true;
  };

  const refuse = (text) => {
    refused.textContent = text;
    refused.hidden = false;
    sending.hidden = true;
    button.disabled = false;
  };

  drop.classList.add("ready");
  hint.textContent = `${usual} You can drop the file here.`;
  input.addEventListener("change", show);
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length > 1) {
      refuse("Drop one document at a time.");
      return;
    }
    input.files = event.dataTransfer.files;
    show();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    const bar = sending.querySelector("progress");
    const words = sending.querySelector("span");
    button.disabled = true;
    refused.hidden = true;
    sending.hidden = false;
    request.upload.addEventListener("progress", (sent) => {
      if (!sent.lengthComputable) return;
      bar.value = Math.floor((100 * sent.loaded) / sent.total);
      words.textContent = `${size(sent.loaded)} of ${size(sent.total)} sent`;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) {
        location.assign(request.responseURL);
        return;
      }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const told = [...page.querySelectorAll("main h1, main p:not(.actions)")].map((part) => part.textContent.trim());
      refuse(told.join(". ") || "The document was not accepted.");
    });
    request.addEventListener("error", () => refuse("The connection broke off; try again."));
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.send(new FormData(form));
  });
})();

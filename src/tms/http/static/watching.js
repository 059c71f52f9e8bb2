// Shows how far long work is, as the server tells it, and loads the page again when the work has ended. Where no events
// come, the page is loaded again after some seconds, as it is without this script.
"use strict";

(() => {
  const place = document.querySelector("[data-watch]");
  if (!place) return;
  const bar = place.querySelector("progress");
  const share = place.querySelector("[data-watch-share]");
  const message = place.querySelector("[data-watch-message]");
  const again = () => setTimeout(() => location.reload(), 3000);
  if (!place.dataset.watch) {
    again();
    return;
  }
  const events = new EventSource(place.dataset.watch);
  window.addEventListener("pagehide", () => events.close());
  events.addEventListener("progress", (event) => {
    const job = JSON.parse(event.data);
    const percent = Math.round(job.progress * 100);
    bar.value = percent;
    share.textContent = `${percent} %`;
    // Only what is new is read out.
    if (job.message && message.textContent !== job.message) message.textContent = job.message;
    if (job.state === "succeeded" || job.state === "failed") {
      events.close();
      location.reload();
    }
  });
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) again();
  });
})();

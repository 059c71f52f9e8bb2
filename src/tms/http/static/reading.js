// Tells how long a section has been read: when it is opened, every half minute, and when the page is left. Totals are
// sent, so that a report that is lost or comes twice does no harm. Reading works without this script.
"use strict";

(() => {
  const report = document.querySelector("form[data-reading]");
  if (!report) return;
  const before = Number(report.dataset.reading) || 0;
  let visible = 0;
  let since = document.hidden ? null : performance.now();
  let sent = -1;

  const spent = () => before + Math.round((visible + (since === null ? 0 : performance.now() - since)) / 1000);

  const send = () => {
    const seconds = spent();
    if (seconds === sent) return;
    sent = seconds;
    const body = new URLSearchParams(new FormData(report));
    body.set("seconds", String(seconds));
    // A report that does not arrive is made good by the next one.
    fetch(report.action, { method: "POST", body, keepalive: true, redirect: "error" }).catch(() => {});
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      if (since !== null) visible += performance.now() - since;
      since = null;
      send();
    } else {
      since = performance.now();
    }
  });
  window.addEventListener("pagehide", send);
  setInterval(() => { if (!document.hidden) send(); }, 30000);
  send();
})();

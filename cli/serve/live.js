"use strict";
// Follows what is published. A reader who is in the middle of something is asked before the page changes.
(() => {
  const SECONDS = 15;
  const bar = document.getElementById("live");
  const tell = (text) => { if (bar.textContent !== text) bar.textContent = text; };
  const busy = () => !["BODY", "HTML"].includes(document.activeElement?.tagName ?? "BODY") || String(getSelection()) !== "";
  function offer() {
    if (bar.querySelector("button")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Show them";
    button.addEventListener("click", () => location.reload());
    bar.replaceChildren("There are new numbers. ", button);
  }
  async function look() {
    try {
      // The name of the file, because this page may have been opened as /, and with a token in its address.
      const answer = await fetch("/dashboard.html", { method: "HEAD", cache: "no-store", redirect: "error" });
      if (!answer.ok) { tell(`The server has no page at the moment (${answer.status}). These numbers are the last ones.`); return; }
      if (answer.headers.get("ETag") === `"${bar.dataset.tag}"`) tell("");
      else if (busy()) offer();
      else location.reload();
    } catch {
      tell("The server does not answer. These numbers are the last ones.");
    }
  }
  bar.style.cssText = "position:sticky;bottom:0;padding:6px 24px;background:var(--card);border-top:1px solid var(--line)";
  const observer = new MutationObserver(() => { bar.hidden = bar.textContent === ""; });
  observer.observe(bar, { childList: true });
  bar.hidden = true;
  setInterval(look, SECONDS * 1000);
})();

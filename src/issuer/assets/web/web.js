// Keeps the living part of a page fresh: by one stream of events, or by asking where that cannot be had. It watches
// itself: nothing heard for a while, and the page says that it is not updating.
"use strict";
(() => {
  const SILENT_MS = 45000;
  const ASK_MS = 15000;
  const AGAIN_MS = 5000;
  const live = document.getElementById("live");
  const banner = document.getElementById("banner");
  const address = document.body.dataset.live;
  if (!live || !banner || !address) return;

  let heard = Date.now();
  let shown = Date.now();
  let source = null;
  let asking = 0;

  function alive() {
    heard = Date.now();
    if (!banner.hidden) {
      banner.hidden = true;
      document.body.classList.remove("not-updating");
    }
  }

  // The server has escaped what it sends, and the page's policy runs nothing inside it.
  function show(html) {
    const focused = document.activeElement;
    const at = focused && live.contains(focused) ? focused : null;
    const key = at && (at.id ? "#" + CSS.escape(at.id) : at.getAttribute("href") && `[href="${CSS.escape(at.getAttribute("href"))}"]`)
      || at && at.getAttribute("aria-label") && `[aria-label="${CSS.escape(at.getAttribute("aria-label"))}"]`;
    const scrolled = new Map([...live.querySelectorAll(".scroll")].map((part) => [part.getAttribute("aria-label"), part.scrollLeft]));
    const open = [...live.querySelectorAll("details")].map((part) => part.open);
    live.innerHTML = html;
    live.querySelectorAll("details").forEach((part, at) => { part.open = open[at] === true; });
    shown = Date.now();
    wither();
    for (const part of live.querySelectorAll(".scroll")) part.scrollLeft = scrolled.get(part.getAttribute("aria-label")) || 0;
    const again = key && live.querySelector(key);
    if (again) again.focus({ preventScroll: true });
  }

  // What is worth something only while it is fresh goes away by itself.
  function wither() {
    const part = live.querySelector("[data-fresh-ms]");
    live.classList.toggle("withered", !!part && Date.now() - shown > Number(part.dataset.freshMs));
  }

  async function ask() {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (!fresh) return;
      show(fresh.innerHTML);
      alive();
    } catch (_) {
      // Said by the banner, when it has lasted.
    }
  }

  function listen() {
    if (!window.EventSource) {
      asking = asking || setInterval(ask, ASK_MS);
      return;
    }
    source = new EventSource(address);
    source.addEventListener("beat", alive);
    source.addEventListener("page", (event) => {
      show(event.data);
      alive();
    });
    source.addEventListener("open", () => {
      clearInterval(asking);
      asking = 0;
    });
    source.addEventListener("error", () => {
      asking = asking || setInterval(ask, ASK_MS);
      // A refusal closes a stream for good; a break does not.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS * 6);
    });
  }

  setInterval(() => {
    wither();
    if (Date.now() - heard > SILENT_MS && banner.hidden) {
      banner.hidden = false;
      document.body.classList.add("not-updating");
    }
  }, 1000);
  document.addEventListener("visibilitychange", wither);
  addEventListener("pagehide", () => source && source.close());
  addEventListener("pageshow", (event) => event.persisted && listen());
  listen();
})();

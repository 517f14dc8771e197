// The status page: keeps ages moving, takes new states from one stream, polls when there is none, and says
// so when nothing more arrives. Without this script the page reloads itself.
"use strict";
(() => {
  const beatMs = Number(document.body.dataset.beatMs);
  const silentMs = 3 * beatMs;
  const main = document.getElementById("main");
  const banner = document.getElementById("banner");
  let ahead = Number(document.body.dataset.nowMs) - Date.now(); // the kiosk's clock minus this page's
  let heard = performance.now();
  let polling = false;

  function span(seconds) {
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(seconds / 3600);
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${minutes} min`;
    if (seconds >= 172800) return `${Math.floor(hours / 24)} days`;
    return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  }

  function age(ms) {
    const text = span(Math.floor(Math.abs(ms) / 1000));
    return ms >= 0 ? `${text} ago` : `in ${text}`;
  }

  function look() {
    const now = Date.now() + ahead;
    for (const part of main.querySelectorAll("[data-at]")) {
      const text = age(now - Number(part.dataset.at));
      if (part.textContent !== text) part.textContent = text;
    }
    for (const part of main.querySelectorAll("[data-stale-at]")) {
      part.classList.toggle("stale", now > Number(part.dataset.staleAt));
    }
    const silent = performance.now() - heard > silentMs;
    if (silent === banner.hidden) {
      banner.hidden = !silent;
      banner.textContent = silent ? "This page is not updating" : "";
      document.body.classList.toggle("dimmed", silent);
    }
  }

  function hear(now_ms) {
    heard = performance.now();
    ahead = now_ms - Date.now();
  }

  function take(html) {
    const scrolled = [...main.querySelectorAll(".scroll")].map((part) => part.scrollLeft);
    const focused = [...main.querySelectorAll(".scroll")].indexOf(document.activeElement);
    main.innerHTML = html; // escaped by the server
    main.querySelectorAll(".scroll").forEach((part, at) => {
      part.scrollLeft = scrolled[at] || 0;
      if (at === focused) part.focus({ preventScroll: true });
    });
    look();
  }

  async function poll() {
    if (polling) return;
    polling = true;
    try {
      const answer = await fetch("/staff/fragment", { signal: AbortSignal.timeout(beatMs) });
      if (answer.ok) {
        const html = await answer.text();
        hear(Date.parse(answer.headers.get("date")) || Date.now() + ahead);
        take(html);
      }
    } catch {
      // Still silent: the banner says so.
    }
    polling = false;
  }

  let source = null;
  function connect() {
    source = new EventSource("/staff/events");
    source.addEventListener("status", (event) => {
      const status = JSON.parse(event.data);
      hear(status.now_ms);
      take(status.html);
    });
    source.addEventListener("beat", (event) => hear(JSON.parse(event.data).now_ms));
  }

  if (window.EventSource) connect();
  setInterval(look, Math.min(1000, beatMs));
  setInterval(() => {
    const streaming = source && source.readyState === EventSource.OPEN;
    if (window.EventSource && (!source || source.readyState === EventSource.CLOSED)) connect();
    if (!streaming) poll();
  }, beatMs);
})();

// Works a list of cases through by keyboard. Everything here is a button or a link of the page as well: without this file nothing is lost.
"use strict";
(() => {
  const SWITCH = "rollcall-keys-off";
  const items = [...document.querySelectorAll("[data-review]")];
  const status = document.getElementById("told");
  const keys = document.getElementById("keys");
  const box = document.getElementById("keys-on");

  function isOff() {
    try { return localStorage.getItem(SWITCH) === "1"; } catch (_) { return false; }
  }

  function current() {
    return items.findIndex((item) => item.contains(document.activeElement));
  }

  function go(to) {
    if (items.length === 0) return;
    const at = Math.min(Math.max(to, 0), items.length - 1);
    items[at].focus();
    items[at].scrollIntoView({ block: "nearest" });
  }

  function press(item, key) {
    const button = item && item.querySelector(`button[data-key="${key}"]`);
    if (!button) return;
    // What a form lacks it says itself, and goes there.
    if (button.form.reportValidity()) button.form.requestSubmit(button);
  }

  function isTyping(target) {
    return target instanceof Element && target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea, [contenteditable]");
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = current();
    if (event.key === "Escape" && isTyping(event.target) && at >= 0) {
      items[at].focus();
      return;
    }
    if (isOff() || isTyping(event.target)) return;
    const act = {
      j: () => go(at + 1),
      k: () => go(at < 0 ? 0 : at - 1),
      a: () => press(items[at], "a"),
      r: () => press(items[at], "r"),
      u: () => { const undo = document.getElementById("undo"); if (undo) undo.requestSubmit(); },
      "?": () => { if (keys) { keys.open = !keys.open; keys.querySelector("summary").focus(); } },
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  if (box) {
    box.checked = !isOff();
    box.addEventListener("change", () => {
      try { localStorage.setItem(SWITCH, box.checked ? "0" : "1"); } catch (_) { /* Then they stay on. */ }
    });
  }

  // The next one has the focus, and what was done is said.
  const aimed = location.hash && document.getElementById(location.hash.slice(1));
  const fault = document.getElementById("fault");
  if (fault) fault.focus();
  else if (aimed && items.includes(aimed)) go(items.indexOf(aimed));
  else if (status && status.textContent.trim()) go(0);
  if (status && status.textContent.trim()) {
    const told = status.innerHTML;
    status.textContent = "";
    setTimeout(() => { status.innerHTML = told; }, 50);
  }
})();

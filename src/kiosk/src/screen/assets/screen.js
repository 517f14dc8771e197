// The attendee's screen: draws the faces that arrive by server-sent events. It decides only what fits, and
// when to go back to rest. When the kiosk falls silent it says "not working" by itself.
"use strict";
(() => {
  const start = JSON.parse(document.getElementById("start").textContent);
  const TURN_MS = 6000; // each of the event's languages, while idle
  const RECONNECT_MS = 2000; // an interruption shorter than this is not shown
  const GROW_MAX = 1.35;
  const WORD_GROW_MAX = 1.7;
  const stage = document.getElementById("stage");
  const word = document.getElementById("word");
  const name = document.getElementById("name");
  const lines = document.getElementById("lines");
  const clock = document.getElementById("clock");
  const icon = document.getElementById("icon");
  const say = document.getElementById("say");

  const view = document.getElementById("view");
  const picture = document.getElementById("picture");
  const corners = document.getElementById("corners");

  let shown = null; // the face on the screen
  let resting = null; // the last one that stays by itself
  let turn = 0;
  let drawn = 0;
  let holdTimer = 0;
  let clockAhead = 0; // the kiosk's clock minus this page's
  let timeZone = "UTC";

  // --- drawing ---------------------------------------------------------------------------------------

  function fill(face, short) {
    const text = face.turns[turn % face.turns.length];
    document.documentElement.lang = text.lang;
    document.documentElement.dir = text.dir;
    word.textContent = short ? text.short : text.word;
    name.textContent = face.name || "";
    name.parentElement.lang = face.name_lang || "";
    name.parentElement.classList.toggle("tall", /[\u0590-\u1cff\ua8e0-\uabff\ufb1d-\ufefc]/.test(name.textContent));
    icon.setAttribute("href", "#icon-" + face.icon);
    lines.replaceChildren(...text.lines.map((line) => {
      const p = document.createElement("p");
      p.textContent = line;
      return p;
    }));
  }

  const within = (part) => part.scrollWidth <= part.clientWidth + 1;

  function width(part) {
    const range = document.createRange();
    range.selectNodeContents(part);
    return range.getBoundingClientRect().width;
  }

  // Whether nothing overflows and the word takes at most this share of its place.
  function fits(share) {
    return stage.scrollHeight <= stage.clientHeight + 1 && within(stage)
      && width(word) <= word.clientWidth * share && within(clock);
  }

  // How many rows a text takes; those that are clamped away are still laid out.
  function rows(part) {
    const range = document.createRange();
    range.selectNodeContents(part);
    const tops = [];
    for (const box of range.getClientRects()) {
      if (box.width > 0 && !tops.some((top) => Math.abs(top - box.top) < box.height / 2)) tops.push(box.top);
    }
    return tops.length;
  }

  function cut(way) {
    return rows(name) > way.nameRows || [...lines.children].some((line) => rows(line) > way.lineRows);
  }

  function set(way, grow, wordGrow) {
    stage.dataset.layout = way.layout;
    stage.dataset.nameRows = way.nameRows;
    stage.dataset.lineRows = way.lineRows;
    stage.style.setProperty("--name-rows", way.nameRows);
    stage.style.setProperty("--line-rows", way.lineRows);
    stage.style.setProperty("--grow", grow);
    stage.style.setProperty("--word-grow", wordGrow);
  }

  // The first arrangement in which everything fits at the least sizes; one that shortens a name or a line
  // only when none shows it all. Sizes never go below the least.
  function arrange(face) {
    const ways = [];
    for (const short of [false, true]) {
      for (const layout of ["beside", "above"]) {
        for (const nameRows of start.compact ? [1] : [1, 2, 3]) {
          for (const lineRows of [1, 2]) ways.push({ short, layout, nameRows, lineRows });
        }
      }
    }
    let best = null;
    for (const way of ways) {
      fill(face, way.short);
      set(way, 1, 1);
      if (!fits(1)) continue;
      if (!cut(way)) return way;
      // Rather a long name cut after more rows than a shorter word.
      if (!best || (best.short === way.short && way.nameRows > best.nameRows)) best = way;
    }
    return best || { short: true, layout: "beside", nameRows: 1, lineRows: 1 };
  }

  // The largest of 1 to `most` that still shows as much.
  function largest(most, good) {
    let low = 1;
    let high = most;
    for (let step = 0; step < 6; step += 1) {
      const middle = (low + high) / 2;
      if (good(middle)) low = middle; else high = middle;
    }
    return low;
  }

  function grow(way) {
    // What is shortened already is not made larger.
    if (cut(way)) return;
    const good = () => fits(0.97) && !cut(way);
    const all = largest(GROW_MAX, (by) => { set(way, by, 1); return good(); });
    const big = largest(WORD_GROW_MAX, (by) => { set(way, all, by); return good(); });
    set(way, all, big);
  }

  function draw(face) {
    shown = face;
    stage.dataset.tone = face.tone;
    stage.dataset.state = face.state;
    tick();
    const way = arrange(face);
    fill(face, way.short);
    set(way, 1, 1);
    grow(way);
    drawn += 1;
    stage.dataset.drawn = drawn;
    look();
  }

  function announce(face) {
    const text = face.turns[0];
    say.lang = text.lang;
    say.dir = text.dir;
    say.textContent = text.say;
  }

  function show(face, fresh) {
    clearTimeout(holdTimer);
    if (face.hold_ms === null) resting = face;
    const same = shown !== null && JSON.stringify(shown) === JSON.stringify(face);
    if (!same || fresh) {
      turn = 0;
      draw(face);
      announce(face);
    }
    if (fresh) sound(face.sound);
    if (face.hold_ms !== null) holdTimer = setTimeout(rest, face.hold_ms);
  }

  // A name never outstays its time, even when nothing more arrives.
  function rest() {
    if (resting) {
      show(resting, false);
      return;
    }
    shown = null;
    stage.dataset.tone = "ready";
    stage.dataset.state = "start";
    look();
    for (const part of [word, name, lines, clock, say]) part.textContent = "";
  }

  // --- clock and languages in turn -----------------------------------------------------------------------

  function tick() {
    if (!shown || !shown.clock) {
      clock.textContent = "";
      return;
    }
    const format = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone };
    clock.textContent = new Date(Date.now() + clockAhead).toLocaleTimeString("en-GB", format);
  }

  setInterval(tick, 500);
  setInterval(() => {
    if (shown && shown.turns.length > 1) {
      turn += 1;
      draw(shown);
    }
  }, TURN_MS);
  addEventListener("resize", () => shown && draw(shown));
  // Measures are wrong until the fonts are there.
  if (document.fonts) document.fonts.ready.then(() => shown && draw(shown));

  // --- what the camera sees, while idle ------------------------------------------------------------------------

  const VIEW_MS = 200; // between two pictures
  const VIEW_RETRY_MS = 2000; // after none came
  let looking = false; // a picture is asked for, or will be
  let viewTimer = 0;
  let views = 0;
  const target = { box: picture.getAttribute("viewBox"), corners: corners.getAttribute("d") };

  // Begins to look, goes on, or stops and lets the last picture go.
  function look() {
    const wanted = start.camera && shown !== null && shown.state === "idle" && !document.hidden && !lost;
    if (wanted && !looking) {
      looking = true;
      askView();
    } else if (!wanted && (looking || stage.dataset.view)) {
      looking = false;
      clearTimeout(viewTimer);
      view.removeAttribute("src");
      away();
    }
  }

  // The target's corners lie on the corners of what the camera sees, whatever its shape, and else around the badge that is drawn.
  function frame(across, down) {
    const width = 240;
    const height = (width * down) / across;
    const box = `0 0 ${width} ${height}`;
    if (picture.getAttribute("viewBox") === box) return;
    picture.setAttribute("viewBox", box);
    corners.setAttribute("d", `M5 47V5h42M${width - 47} 5h42v42M${width - 5} ${height - 47}v42h-42M47 ${height - 5}H5v-42`);
  }

  function away() {
    delete stage.dataset.view;
    picture.setAttribute("viewBox", target.box);
    corners.setAttribute("d", target.corners);
  }

  function askView() {
    views += 1;
    view.src = "/camera.bmp?" + views;
  }

  view.onload = () => {
    if (!looking) return;
    frame(view.naturalWidth, view.naturalHeight);
    stage.dataset.view = views;
    viewTimer = setTimeout(askView, VIEW_MS);
  };
  view.onerror = () => {
    if (!looking) return;
    away();
    viewTimer = setTimeout(askView, VIEW_RETRY_MS);
  };
  document.addEventListener("visibilitychange", look);

  // --- sound: [start ms, length ms, hertz] ------------------------------------------------------------------

  const SOUNDS = {
    entry: [[0, 160, 1047]],
    exit: [[0, 280, 659]],
    neutral: [[0, 90, 784]],
    attention: [[0, 110, 880], [180, 110, 880]],
  };
  let audio = null;

  function sound(which) {
    if (!which || start.muted || start.level <= 0 || !window.AudioContext) return;
    try {
      audio = audio || new AudioContext();
      audio.resume();
      for (const [from, length, hertz] of SOUNDS[which]) beep(from / 1000, length / 1000, hertz);
    } catch {
      // A screen without sound says everything all the same.
    }
  }

  function beep(from, length, hertz) {
    const at = audio.currentTime + from;
    const volume = audio.createGain();
    const tone = audio.createOscillator();
    const edge = 0.01; // no clicks
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(start.level, at + edge);
    volume.gain.setValueAtTime(start.level, at + length - edge);
    volume.gain.linearRampToValueAtTime(0, at + length);
    tone.frequency.value = hertz;
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + length);
  }

  // --- the stream --------------------------------------------------------------------------------------------

  let heard = performance.now();
  let lost = false;
  let broken = null; // since when there is no connection
  let source = null;

  function hear(now_ms) {
    heard = performance.now();
    broken = null;
    clockAhead = now_ms - Date.now();
    if (lost) {
      lost = false;
      if (resting) show(resting, false);
    }
  }

  function take(event) {
    if (event.started !== start.now.started) {
      location.reload(); // the kiosk was restarted, maybe with another configuration
      return;
    }
    timeZone = event.time_zone;
    lost = false;
    hear(event.now_ms);
    show(event.face, event.fresh);
  }

  function connect() {
    source = new EventSource("/events");
    source.addEventListener("face", (event) => take(JSON.parse(event.data)));
    source.addEventListener("beat", (event) => hear(JSON.parse(event.data).now_ms));
    source.onerror = () => {
      if (broken === null) broken = performance.now();
    };
  }

  setInterval(() => {
    const now = performance.now();
    if (source.readyState === EventSource.CLOSED) connect();
    const silent = now - heard > 3 * start.beat_ms;
    if (!lost && (silent || (broken !== null && now - broken > RECONNECT_MS))) {
      lost = true;
      clearTimeout(holdTimer);
      const before = resting;
      show(start.lost, false);
      resting = before;
    }
  }, 500);

  stage.dataset.size = start.compact ? "compact" : "regular";
  take(start.now);
  connect();
})();

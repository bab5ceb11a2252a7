// Plazo's small behaviours. Every page works without them: the server wrote the state and the hour.

// ── What time it is: the server's clock, carried on by ours ────────────────────────────────────
// A page that the browser brings back from its history has an old stamp, so the difference between
// the two clocks is remembered for the visit.
const words = document.documentElement.dataset;
const stamp = Date.parse(words.now || "");
const cameBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
const offset = clockOffset();
const now = () => Date.now() + offset;

function clockOffset() {
  let known = NaN;
  try {
    known = Number.parseFloat(sessionStorage.getItem("plazo:offset"));
    if (!Number.isNaN(stamp) && !cameBack) {
      sessionStorage.setItem("plazo:offset", String(stamp - Date.now()));
      return stamp - Date.now();
    }
  } catch {
    // No storage here: the stamp of this page has to do.
    known = stamp - Date.now();
  }
  return Number.isNaN(known) ? 0 : known;
}

// ── Countdowns: the server sends deadline, threshold and words; we only subtract ───────────────
const NBSP = "\u00a0";
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const LAST_MINUTES = 5 * MINUTE;
const ICONS = { ok: "timer", risk: "triangle-alert", late: "octagon-alert" };

function span(ms) {
  const seconds = Math.floor(Math.abs(ms) / SECOND);
  const minutes = Math.floor(seconds / 60) % 60;
  const hours = Math.floor(seconds / 3600) % 24;
  const days = Math.floor(seconds / 86400);
  if (seconds > 0 && seconds < 60) return `${seconds}${NBSP}s`;
  if (ms > 0 && ms < LAST_MINUTES) return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
  if (days) return `${days}${NBSP}d` + (hours ? ` ${hours}${NBSP}h` : "");
  if (hours) return `${hours}${NBSP}h` + (minutes ? `${NBSP}${String(minutes).padStart(2, "0")}` : "");
  return `${minutes}${NBSP}min`;
}

const clocks = new Set();
let beating = 0;

class Countdown extends HTMLElement {
  connectedCallback() {
    this.due = Date.parse(this.getAttribute("due"));
    this.risk = Date.parse(this.getAttribute("risk") || "");
    if (Number.isNaN(this.due)) return;
    clocks.add(this);
    clearTimeout(beating);
    beating = setTimeout(beat, 0);
  }

  disconnectedCallback() {
    clocks.delete(this);
  }

  // The deadline itself is on time: late begins after it.
  state() {
    if (this.due - now() < 0) return "late";
    return this.risk <= now() ? "risk" : "ok";
  }

  tick() {
    const left = this.due - now();
    const text = this.querySelector("[data-left]");
    if (text) text.textContent = span(left);
    const chip = this.querySelector(".chip, .clock__state");
    const state = this.state();
    if (!chip || chip.dataset.sla === state) return;
    for (const part of this.querySelectorAll("[data-sla]")) part.dataset.sla = state;
    const word = { ok: words.wordOk, risk: words.wordRisk, late: this.getAttribute("late") || words.wordLate }[state];
    chip.querySelector("[data-word]").textContent = word;
    const use = chip.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#i-${ICONS[state]}`));
    this.closest(".promise")?.setAttribute("data-sla", state);
    this.closest("[data-row]")?.setAttribute("data-row", state);
    if (this.hasAttribute("label")) announce(`${this.getAttribute("label")}: ${word}`);
  }

  // How long until the text changes: the next whole minute, or second near the end.
  rest() {
    const left = this.due - now();
    const step = Math.abs(left) < MINUTE || (left > 0 && left <= LAST_MINUTES + MINUTE) ? SECOND : MINUTE;
    const past = ((left % step) + step) % step;
    return left > 0 ? past + 5 : step - past + 5;
  }
}
customElements.define("plazo-countdown", Countdown);

function beat() {
  let rest = MINUTE;
  for (const clock of clocks) {
    clock.tick();
    rest = Math.min(rest, clock.rest());
  }
  clearTimeout(beating);
  if (clocks.size && !document.hidden) beating = setTimeout(beat, rest);
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) beat();
});

// ── One polite voice for the page: changes of state only, at most one in half a minute ─────────
const QUIET = 30 * SECOND;
const waiting = [];
let spokeAt = -QUIET;

function announce(sentence) {
  waiting.push(sentence);
  if (waiting.length === 1) setTimeout(speak, Math.max(0, spokeAt + QUIET - performance.now()));
}

function speak() {
  const place = document.getElementById("announcements");
  if (place) place.textContent = waiting.join(". ");
  waiting.length = 0;
  spokeAt = performance.now();
}

// ── What a missed deadline unlocks, unlocks at that instant; the server decides in any case ────
for (const locked of document.querySelectorAll("fieldset[data-unlock]")) {
  const at = Date.parse(locked.dataset.unlock);
  const look = () => {
    // The deadline itself is on time, and the server counts in whole seconds.
    const rest = at + SECOND - now();
    if (rest > 0) return void setTimeout(look, Math.min(rest + 50, MINUTE));
    locked.disabled = false;
    announce(locked.dataset.unlocked);
  };
  look();
}

// ── Menus close by Escape and by a click elsewhere; the focus goes back to what opened them ────
const menus = document.querySelectorAll("details.me, details.topbar__menu");
addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// ── While somebody writes their address, their company's own way in ────────────────────────────
for (const form of document.querySelectorAll("form[data-ways]")) {
  const place = document.getElementById("company");
  form.elements.login.addEventListener("change", async () => {
    const body = new FormData(form);
    body.delete("password");
    try {
      const answer = await fetch(form.dataset.ways, { method: "POST", body });
      if (answer.ok) place.innerHTML = await answer.text();
    } catch {
      // The button below finds it out as well.
    }
  });
}

// ── Without a connection the clocks go on, and the page says so ────────────────────────────────
const offline = document.getElementById("offline");
if (offline) {
  const show = () => {
    offline.hidden = navigator.onLine;
    if (!navigator.onLine) {
      const there = new Date(now());
      const time = `${there.getHours()}:${String(there.getMinutes()).padStart(2, "0")}`;
      offline.querySelector("[data-since]").textContent = time;
    }
  };
  addEventListener("offline", show);
  addEventListener("online", show);
  if (!navigator.onLine) show();
}

// ── Files: add to them, drop them, take one out; hear at once when they are too large ──────────
for (const drop of document.querySelectorAll(".drop")) {
  const input = drop.querySelector('input[type="file"]');
  if (!input) continue;
  const pick = drop.querySelector("[data-pick]");
  const list = drop.querySelector("[data-picked]");
  const limit = Number(input.dataset.limit);
  let held = [];

  // Where the form says so, a file goes up as soon as it is chosen; what fails goes with the form.
  const address = list && input.form.dataset.files;
  const uploads = new Map();

  const hold = (files) => {
    for (const [file, upload] of uploads)
      if (!files.includes(file)) {
        upload.request.abort();
        uploads.delete(file);
      }
    held = files;
    const size = held.reduce((sum, file) => sum + file.size, 0);
    const largest = held.reduce((a, b) => (a && a.size >= b.size ? a : b), null);
    const tooLarge = limit && size > limit;
    if (address && !tooLarge) for (const file of held) if (!uploads.has(file)) send(file);
    const all = new DataTransfer();
    for (const file of held) if (!uploads.has(file) || uploads.get(file).failed) all.items.add(file);
    input.files = all.files;
    input.setCustomValidity(tooLarge ? input.dataset.tooLarge.replace("{name}", largest.name) : "");
    if (pick && list) showFiles();
    if (!input.checkValidity()) (pick || input).scrollIntoView({ block: "nearest" });
    input.reportValidity();
  };

  const send = (file) => {
    const request = new XMLHttpRequest();
    const upload = { request, share: 0, kept: "", failed: "" };
    uploads.set(file, upload);
    const body = new FormData();
    body.append("started", input.form.elements.started.value);
    body.append("csrfmiddlewaretoken", input.form.elements.csrfmiddlewaretoken.value);
    body.append("files", file);
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      upload.share = event.loaded / event.total;
      upload.meter?.setAttribute("value", String(upload.share));
    });
    request.addEventListener("loadend", () => {
      if (!uploads.has(file)) return; // taken out meanwhile
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // No answer of ours: the file goes with the form.
      }
      upload.kept = answer.files?.[0]?.kept || "";
      upload.failed = upload.kept ? "" : answer.error || input.dataset.failed;
      hold(held);
      input.form.dispatchEvent(new Event("plazo:files"));
    });
    request.open("POST", address);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  };
  const arriving = () => [...uploads.values()].some((upload) => !upload.kept && !upload.failed);

  // A file's entry stays the same element while it is there: an upload that ends must not take away
  // the button that somebody is about to press.
  const entries = new Map();

  const showFiles = () => {
    for (const [file, entry] of entries)
      if (!held.includes(file)) {
        entry.remove();
        entries.delete(file);
      }
    for (const file of held) {
      if (!entries.has(file)) entries.set(file, newEntry(file));
      const entry = entries.get(file);
      if (!entry.isConnected) list.append(entry);
      showUpload(file, entry);
    }
    list.hidden = !held.length;
  };

  const newEntry = (file) => {
    const entry = document.createElement("span");
    entry.className = "attach";
    const state = document.createElement("span");
    state.className = "attach__state";
    const button = document.createElement("button");
    button.type = "button";
    const cross = pick.querySelector("svg").cloneNode(true);
    const use = cross.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#i-x"));
    button.append(cross);
    button.setAttribute("aria-label", `${list.dataset.remove} ${file.name}`);
    button.addEventListener("click", () => {
      hold(held.filter((other) => other !== file));
      (list.querySelector("button") || input).focus();
    });
    entry.append(`${file.name} · ${fileSize(file.size)} `, state, button);
    return entry;
  };

  const showUpload = (file, entry) => {
    const upload = uploads.get(file);
    const state = entry.querySelector(".attach__state");
    if (upload?.kept) {
      const kept = document.createElement("input");
      Object.assign(kept, { type: "hidden", name: "kept", value: upload.kept });
      state.replaceChildren(kept);
      entry.dataset.sla = "met";
    } else if (upload?.failed) {
      const says = document.createElement("span");
      says.className = "c-risk";
      says.textContent = upload.failed;
      state.replaceChildren(says);
    } else if (upload && !upload.meter) {
      upload.meter = document.createElement("progress");
      upload.meter.max = 1;
      upload.meter.value = upload.share;
      upload.meter.setAttribute("aria-label", `${file.name}: ${input.dataset.arriving}`);
      state.replaceChildren(upload.meter);
    }
  };

  if (pick && list) {
    pick.hidden = false;
    input.classList.remove("input");
    input.classList.add("sr");
  }
  input.addEventListener("change", () => {
    const fresh = [...input.files];
    const known = (file) => held.some((h) => h.name === file.name && h.size === file.size);
    hold(pick && list ? [...held, ...fresh.filter((file) => !known(file))] : fresh);
  });
  for (const name of ["dragover", "dragenter"])
    drop.addEventListener(name, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      drop.dataset.over = "";
    });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => delete drop.dataset.over);
  drop.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    hold([...held, ...event.dataTransfer.files]);
  });
  // The form leaves checking to the server; what cannot even be sent is the exception. Files that
  // are still going up are waited for.
  input.form.addEventListener("submit", (event) => {
    if (input.checkValidity() && !arriving()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!input.reportValidity()) return;
    input.form.addEventListener("plazo:files", () => input.form.requestSubmit(event.submitter), { once: true });
  });
}

function fileSize(bytes) {
  if (bytes < 1024) return `${bytes}${NBSP}B`;
  if (bytes < 1024 * 1024) return `${Math.floor(bytes / 1024)}${NBSP}KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)}${NBSP}MB`;
}

// ── A form is sent once; the server would know the second one anyway ───────────────────────────
for (const form of document.querySelectorAll("form[data-once]"))
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 8 * SECOND);
  });
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// ── “If you send it now”: asked again each minute, for the server does the reckoning ───────────
const promised = document.querySelector("[data-refresh]");
if (promised)
  setInterval(async () => {
    if (document.hidden || !navigator.onLine) return;
    try {
      const answer = await fetch(promised.dataset.refresh, { headers: { Accept: "text/plain" } });
      if (answer.ok) promised.textContent = await answer.text();
    } catch {
      // What stands there was true a minute ago, and the server decides in any case.
    }
  }, MINUTE);

// ── Drafts survive a closed tab, a lost connection and a lost session ──────────────────────────
// A draft ends only on a page that the server marks as the answer to it. A sign-in or an error may
// come in that page's place, and then what was written is there again.
try {
  for (const mark of document.querySelectorAll("[data-arrived]"))
    localStorage.removeItem(`plazo:${mark.dataset.arrived}`);
  for (const field of document.querySelectorAll("[data-draft]")) keepDraft(field);
} catch {
  // No storage here: the forms work all the same.
}

// A note must not come back as a reply: which of the two it was is kept with it. What a page only
// proposes gives way to what was typed over it.
function keepDraft(field) {
  const key = `plazo:${field.dataset.draft}`;
  const kinds = () => [...field.form.querySelectorAll('input[type="radio"][name="kind"]')];
  const kept = readDraft(localStorage.getItem(key) || "");
  if (kept.text && (!field.value || "proposed" in field.dataset)) {
    field.value = kept.text;
    for (const radio of kinds()) radio.checked = kept.kind ? radio.value === kept.kind : radio.checked;
  }
  field.form.addEventListener("input", () => {
    const kind = kinds().find((radio) => radio.checked)?.value;
    try {
      if (field.value) localStorage.setItem(key, JSON.stringify({ text: field.value, kind }));
      else localStorage.removeItem(key);
    } catch {
      // Too long to keep: what was kept before is better than nothing.
    }
  });
}

function readDraft(kept) {
  try {
    const draft = JSON.parse(kept);
    if (typeof draft.text === "string") return draft;
  } catch {
    // From before drafts had a kind: the text alone.
  }
  return { text: kept };
}

// ── Copy, print, and where to begin to read ────────────────────────────────────────────────────
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.querySelector("[data-label]").textContent = button.dataset.copied;
  });
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
document.querySelector(".errors")?.focus();
for (const drawing of document.querySelectorAll(".scroll-x:has(.explain)")) {
  const [box, mark] = [drawing, drawing.querySelector(".now-dot, .due")].map((e) => e?.getBoundingClientRect());
  if (mark) drawing.scrollLeft += mark.left + mark.width / 2 - box.left - box.width / 2;
}
const conversation = document.querySelector(".ticket__scroll");
if (conversation && !location.hash) conversation.scrollTop = conversation.scrollHeight;

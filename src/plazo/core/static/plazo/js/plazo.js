// Plazo's small behaviours. Every page works without them: the server wrote the state and the hour.

// — Countdowns: the server sends deadline, state and threshold; we only subtract. —
const serverNow = Date.parse(document.documentElement.dataset.now || "");
const offset = Number.isNaN(serverNow) ? 0 : serverNow - Date.now();
const now = () => Date.now() + offset;
const words = document.documentElement.dataset;
const NBSP = "\u00a0";

function span(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  if (seconds > 0 && seconds < 60) return `${seconds}${NBSP}s`;
  const minutes = Math.floor(seconds / 60) % 60;
  const hours = Math.floor(seconds / 3600) % 24;
  const days = Math.floor(seconds / 86400);
  if (days) return `${days}${NBSP}d` + (hours ? ` ${hours}${NBSP}h` : "");
  if (hours) return `${hours}${NBSP}h` + (minutes ? `${NBSP}${String(minutes).padStart(2, "0")}` : "");
  return `${minutes}${NBSP}min`;
}

const clocks = new Set();
let lastSaid = 0;

class Countdown extends HTMLElement {
  connectedCallback() {
    this.due = Date.parse(this.getAttribute("due"));
    this.risk = Date.parse(this.getAttribute("risk") || "");
    if (!Number.isNaN(this.due)) clocks.add(this);
    this.tick();
  }
  disconnectedCallback() {
    clocks.delete(this);
  }
  tick() {
    if (Number.isNaN(this.due)) return;
    const left = this.due - now();
    const state = left < 0 ? "late" : this.risk <= now() ? "risk" : "ok";
    const text = this.querySelector("[data-left]");
    if (text) text.textContent = span(left);
    const chip = this.querySelector(".chip");
    if (!chip || chip.dataset.sla === state) return;
    chip.dataset.sla = state;
    chip.querySelector("[data-word]").textContent = words[`word${state[0].toUpperCase()}${state.slice(1)}`];
    const icon = { ok: "timer", risk: "triangle-alert", late: "octagon-alert" }[state];
    const use = chip.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#i-${icon}`));
    this.closest("[data-row]")?.setAttribute("data-row", state);
    this.say(chip);
  }
  say(chip) {
    const place = document.getElementById("announcements");
    const label = this.getAttribute("label");
    if (!place || !label || now() - lastSaid < 30000) return;
    lastSaid = now();
    place.textContent = `${label}: ${chip.querySelector("[data-word]").textContent}`;
  }
}
customElements.define("plazo-countdown", Countdown);

function beat() {
  let soonest = Infinity;
  for (const clock of clocks) {
    clock.tick();
    soonest = Math.min(soonest, Math.abs(clock.due - now()));
  }
  setTimeout(beat, soonest < 5 * 60000 ? 1000 : 15000);
}
beat();
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const clock of clocks) clock.tick();
});

// — Files: drop them on the form, and see what was chosen. —
for (const drop of document.querySelectorAll(".drop")) {
  const input = drop.querySelector('input[type="file"]');
  for (const name of ["dragover", "dragenter"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.dataset.over = "";
    });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => delete drop.dataset.over);
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    const all = new DataTransfer();
    for (const file of [...input.files, ...event.dataTransfer.files]) all.items.add(file);
    input.files = all.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  const limit = Number(input.dataset.limit);
  input.addEventListener("change", () => {
    const large = [...input.files].find((file) => file.size > limit);
    input.setCustomValidity(large ? input.dataset.tooLarge.replace("{name}", large.name) : "");
    if (large) input.reportValidity();
  });
}

// — A form is sent once. —
for (const form of document.querySelectorAll("form[data-once]"))
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
  });

// — What the request form says while it is filled in. —
const guide = document.querySelector("[data-guide]");
if (guide) {
  const form = guide.closest("form");
  const show = () => {
    const chosen = (name) => form.querySelector(`[name="${name}"]:checked`)?.dataset.clause;
    const clause = chosen("environment") || chosen("request_type") || "";
    for (const note of guide.querySelectorAll("[data-clause]"))
      note.hidden = note.dataset.clause !== clause;
  };
  form.addEventListener("change", show);
  show();
}
const promise = document.querySelector("[data-refresh]");
if (promise)
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(promise.dataset.refresh, { headers: { Accept: "text/plain" } });
      if (answer.ok) promise.textContent = await answer.text();
    } catch {
      // Offline: what stands there was true a minute ago, and the server decides in any case.
    }
  }, 60000);

// — Drafts survive a closed tab or a lost session. —
for (const field of document.querySelectorAll("[data-draft]")) {
  const key = `plazo:${field.dataset.draft}`;
  try {
    const kept = localStorage.getItem(key);
    if (kept && !field.value) field.value = kept;
    field.addEventListener("input", () => localStorage.setItem(key, field.value));
    field.form.addEventListener("submit", () => sessionStorage.setItem("plazo:sent", key));
  } catch {
    // No storage here: the form works all the same.
  }
}
try {
  const sent = sessionStorage.getItem("plazo:sent");
  if (sent && !document.querySelector(".errors")) {
    localStorage.removeItem(sent);
    sessionStorage.removeItem("plazo:sent");
    for (const field of document.querySelectorAll("[data-draft]"))
      if (`plazo:${field.dataset.draft}` === sent && field.defaultValue === "") field.value = "";
  }
} catch {
  // As above.
}

// — Copy and print. —
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
const conversation = document.querySelector(".ticket__scroll");
if (conversation && !location.hash) conversation.scrollTop = conversation.scrollHeight;

// The request form: it asks only what fits, suggests articles, keeps what was written, and does a
// little work where the server asks for it. Without script the form asks everything, and works.
import { suggestInto } from "./reading.js";

const form = document.getElementById("request");
const value = (name) => form.querySelector(`[name="${name}"]:checked`)?.value || "";
const words = (text) => (text || "").split(" ").filter(Boolean);

// ── What fits the service, the type and the severity ───────────────────────────────────────────
const further = form.querySelector(".further");
const after = document.querySelector("[data-after]");
const plain = after?.textContent;

function fit() {
  const [service, type] = [value("service"), value("request_type")];
  const fits = (list, chosen) => !list.length || !chosen || list.includes(chosen);
  let shown = 0;
  for (const box of further?.querySelectorAll("[data-services]") || []) {
    const wanted = fits(words(box.dataset.services), service) && fits(words(box.dataset.types), type);
    box.hidden = !(service && type && wanted);
    shown += !box.hidden;
  }
  if (further) {
    further.hidden = !shown;
    if (shown && type === "incident") further.open = true;
  }
  for (const note of document.querySelectorAll("aside [data-services]"))
    note.hidden = !fits(words(note.dataset.services), service);
  const severity = form.querySelector('[name="severity"]:checked');
  if (after)
    after.textContent = severity
      ? after.dataset.after.replace("{severity}", severity.value).replace("{within}", severity.dataset.within)
      : plain;
}

// ── What was written stays, whatever happens to the page or the session ────────────────────────
const KEY = `plazo:form:${form.dataset.draftForm}`;
const OURS = new Set(["csrfmiddlewaretoken", "started", "challenge", "solution", "website", "files", "kept"]);

function keep() {
  const held = {};
  for (const [name, text] of new FormData(form))
    if (!OURS.has(name) && typeof text === "string" && text) held[name] = text;
  try {
    localStorage.setItem(KEY, JSON.stringify(held));
  } catch {
    // No storage here: the form works all the same.
  }
}

function restore() {
  let held = {};
  try {
    held = JSON.parse(localStorage.getItem(KEY) || "{}");
  } catch {
    return;
  }
  if (document.querySelector(".errors")) return; // the server gave back what was sent
  for (const field of form.elements) {
    const text = held[field.name];
    if (text === undefined || OURS.has(field.name) || field.type === "hidden") continue;
    if (field.type === "radio" || field.type === "checkbox") field.checked ||= field.value === text;
    else field.value ||= text;
  }
}

restore();
fit();

// ── Articles while one writes ──────────────────────────────────────────────────────────────────
const panel = document.querySelector("[data-suggest-form]");
if (panel) {
  const subject = form.elements.subject;
  const place = panel.querySelector("[data-suggestions]");
  const address = (text) =>
    `${panel.dataset.suggestForm}?for=form&service=${encodeURIComponent(value("service"))}&q=${encodeURIComponent(text)}`;
  const suggestions = suggestInto(subject, place, address, {
    minimum: 4,
    onShown: () => (panel.hidden = place.hidden),
  });
  form.addEventListener("change", (event) => {
    if (event.target.name !== "service" || subject.value.trim().length < 4) return;
    suggestions.forget();
    suggestions.ask();
  });
  if (subject.value.trim().length > 3 && !place.childElementCount) suggestions.ask();
}

// ── A little work, where many requests come from one network ───────────────────────────────────
async function solve(challenge) {
  const text = new TextEncoder();
  const BATCH = 256;
  for (let first = 0; ; first += BATCH) {
    const hashes = await Promise.all(
      Array.from({ length: BATCH }, (_, i) => crypto.subtle.digest("SHA-256", text.encode(`${challenge}:${first + i}`))),
    );
    const found = hashes.findIndex((hash) => new DataView(hash).getUint16(0) === 0);
    if (found >= 0) return String(first + found);
  }
}

const challenge = form.dataset.challenge;
if (challenge && globalThis.crypto?.subtle) {
  const solved = solve(challenge).then((answer) => (form.elements.solution.value = answer));
  form.addEventListener("submit", (event) => {
    if (form.elements.solution.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const says = form.querySelector("[data-progress]");
    says.textContent = form.dataset.working;
    says.hidden = false;
    solved.then(() => form.requestSubmit());
  }, { capture: true });
}

form.addEventListener("input", keep);
form.addEventListener("change", fit);

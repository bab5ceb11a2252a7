// The composer of a case: tools, suggestions, images, drafts that are kept, replies that can be taken
// back. Without this script it writes, sends, holds and promises all the same.
const form = document.getElementById("composer");
const body = document.getElementById("body");
const words = form.dataset;
const token = form.elements.csrfmiddlewaretoken.value;
const said = form.querySelector("[data-count]");
const savedAt = form.querySelector("[data-saved]");
const kind = () => form.querySelector('[name="kind"]:checked').value;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

// Writes where the cursor is, so that Ctrl Z takes it back.
function write(text, start = body.selectionStart, end = body.selectionEnd) {
  body.focus();
  body.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, text)) {
    body.setRangeText(text, start, end, "end");
    body.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

// ── Tools: one stop for the Tab key, and keys in the text ──────────────────────────────────────
const tools = form.querySelector(".composer__tools");
const toolbar = form.querySelector("markdown-toolbar");
tools.hidden = false;
toolbar.removeAttribute("tabindex");
[...toolbar.querySelectorAll("button")].forEach((button, number) => (button.tabIndex = number ? -1 : 0));
for (const button of form.querySelectorAll("[data-type]")) {
  button.hidden = !(words.signs || "").includes(button.dataset.type);
  button.addEventListener("click", () => {
    const before = body.value[body.selectionStart - 1];
    write(before && !/\s/.test(before) ? ` ${button.dataset.type}` : button.dataset.type);
  });
}
const variables = form.querySelector("[data-variables]");
variables.hidden = false;
for (const button of variables.querySelectorAll("[data-insert]"))
  button.addEventListener("click", () => {
    variables.open = false;
    write(button.dataset.insert);
  });
addEventListener("click", (event) => {
  if (!variables.contains(event.target)) variables.open = false;
});
variables.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !variables.open) return;
  event.stopPropagation();
  variables.open = false;
  variables.querySelector("summary").focus();
});

const KEYS = { b: "bold", i: "italic", e: "code" };
const DIGITS = { Digit7: "ordered-list", Digit8: "unordered-list" };
body.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const style = event.shiftKey ? DIGITS[event.code] : KEYS[event.key.toLowerCase()];
  if (!style) return;
  event.preventDefault();
  event.stopPropagation();
  toolbar.querySelector(`[data-md-button="${style}"]`).click();
});

// ── Preview ────────────────────────────────────────────────────────────────────────────────────
const toggle = form.querySelector("[data-preview-toggle]");
const previewed = form.querySelector("[data-previewed]");

function fields() {
  const data = new FormData(form);
  data.delete("files");
  return data;
}

toggle.addEventListener("click", async () => {
  const on = toggle.getAttribute("aria-pressed") !== "true";
  if (on) {
    try {
      const answer = await fetch(words.preview, { method: "POST", body: fields() });
      if (!answer.ok || answer.redirected) return;
      previewed.innerHTML = await answer.text();
    } catch {
      return; // no connection: the text stays in sight
    }
  }
  toggle.setAttribute("aria-pressed", String(on));
  previewed.hidden = !on;
  body.hidden = on;
  (on ? previewed : body).focus();
});

// ── Suggestions: after @ people, after # articles, after / macros ──────────────────────────────
const list = document.getElementById("picker");
const SIGN = /(?:^|\s)([@#/])([^\s@#/][^\n@#/]{0,39}|)$/;
let items = [];
let chosen = 0;
let place = null;
let asked = null;
let waiting = 0;
body.setAttribute("aria-autocomplete", "list");
body.setAttribute("aria-controls", list.id);

function typedSign() {
  if (body.selectionStart !== body.selectionEnd) return null;
  const before = body.value.slice(Math.max(0, body.selectionStart - 60), body.selectionStart);
  const found = SIGN.exec(before);
  if (!found || !(words.signs || "").includes(found[1])) return null;
  if (found[1] === "@" && kind() !== "note") return null;
  return { sign: found[1], text: found[2], start: body.selectionStart - found[2].length - 1 };
}

function close() {
  clearTimeout(waiting);
  asked?.abort();
  list.hidden = true;
  items = [];
  place = null;
  body.removeAttribute("aria-activedescendant");
}

function look() {
  const typed = typedSign();
  clearTimeout(waiting);
  if (!typed) return void (list.hidden || close());
  waiting = setTimeout(() => offer(typed), 120);
}

async function offer(typed) {
  asked?.abort();
  asked = new AbortController();
  const query = new URLSearchParams({ sign: typed.sign, q: typed.text });
  try {
    const answer = await fetch(`${words.suggest}?${query}`, { signal: asked.signal });
    if (!answer.ok || answer.redirected) return;
    items = (await answer.json()).items;
  } catch {
    return;
  }
  if (!items.length) {
    close();
    said.textContent = words.wordNone;
    return;
  }
  place = typed;
  list.replaceChildren(...items.map(entry));
  list.hidden = false;
  said.textContent = fill(words.wordFound, { count: items.length });
  mark(0);
}

function entry(item, number) {
  const line = document.createElement("li");
  const name = document.createElement("span");
  line.id = `picker-${number}`;
  line.setAttribute("role", "option");
  name.textContent = item.label;
  line.append(name);
  if (item.hint) {
    const hint = document.createElement("small");
    hint.textContent = item.hint;
    line.append(hint);
  }
  line.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
  line.addEventListener("click", () => take(number));
  return line;
}

function mark(number) {
  chosen = (number + items.length) % items.length;
  [...list.children].forEach((line, other) => line.setAttribute("aria-selected", String(other === chosen)));
  list.children[chosen].scrollIntoView({ block: "nearest" });
  body.setAttribute("aria-activedescendant", `picker-${chosen}`);
}

function take(number) {
  const item = items[number];
  const at = place;
  close();
  write(item.text, at.start, body.selectionStart);
  said.textContent = item.warning || "";
  say(item.warning || "");
  if (item.macro !== undefined) act(item.macro);
}

// A macro that does more than write has a form of its own on the page: its words are saved first.
async function act(macro) {
  const acting = document.querySelector(`form[data-macro="${CSS.escape(macro)}"]`);
  if (!Number(acting?.dataset.acts)) return;
  const written = document.createElement("input");
  Object.assign(written, { type: "hidden", name: "written", value: "1" });
  acting.append(written);
  await flush();
  acting.submit();
}

body.addEventListener("input", look);
body.addEventListener("click", look);
body.addEventListener("blur", () => setTimeout(() => document.activeElement !== body && close(), 100));
body.addEventListener(
  "keydown",
  (event) => {
    if (list.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) mark(chosen + step);
    else if (event.key === "Enter" || event.key === "Tab") take(chosen);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  },
  { capture: true },
);

// ── Images: pasted or dropped they go up at once, and stand in the text ────────────────────────
const inline = form.querySelector("[data-inline]");
const guard = form.querySelector("[data-guard]");

function say(sentence) {
  savedAt.textContent = sentence;
}

async function show(images) {
  for (const image of images) {
    const data = new FormData();
    data.set("csrfmiddlewaretoken", token);
    data.set("inline", "1");
    data.set("files", image, image.name || "image.png");
    try {
      const answer = await fetch(words.files, { method: "POST", body: data });
      const told = (await answer.json()).files[0];
      keepInline(told);
      if (told.markdown) write(`${told.markdown}\n`);
    } catch {
      say(fill(words.wordFailed, { name: image.name }));
    }
  }
}

function keepInline(told) {
  const kept = document.createElement("input");
  Object.assign(kept, { type: "hidden", name: "kept", value: told.kept });
  kept.dataset.markdown = told.markdown;
  const chip = document.createElement("span");
  chip.className = "attach";
  chip.append(told.name, kept);
  inline.append(chip);
}

const images = (data) => [...data.files].filter((file) => file.type.startsWith("image/"));
body.addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text/plain").trim();
  const pasted = images(event.clipboardData);
  const selected = body.value.slice(body.selectionStart, body.selectionEnd);
  // A spreadsheet puts a picture of its cells beside their text: then the text is meant.
  if (!text && pasted.length) show(pasted);
  else if (selected && /^https?:\/\/\S+$/.test(text)) write(`[${selected}](${text})`);
  else return;
  event.preventDefault();
});
body.addEventListener("drop", (event) => {
  const dropped = images(event.dataTransfer);
  if (!dropped.length || dropped.length !== event.dataTransfer.files.length) return;
  event.preventDefault();
  event.stopPropagation();
  delete form.dataset.over;
  show(dropped);
});

// ── To whom: how many, and a word where somebody is of another company ─────────────────────────
const people = form.querySelector("[data-people]");
const added = form.elements.added;
let domains = null;

function addresses() {
  return (added?.value || "").split(/[,;\s]+/).filter((part) => part.includes("@"));
}

function count() {
  const ticked = form.querySelectorAll('[name="copies"]:checked').length;
  const number = 1 + ticked + addresses().length;
  people.textContent = number === 1 ? words.wordTo : fill(words.wordToMany, { count: number });
  const ours = (address) => domains.includes(address.split("@").pop().toLowerCase());
  const outside = domains && addresses().find((address) => !ours(address));
  guard.textContent = outside ? fill(words.wordOutside, { address: outside }) : "";
}

// ── What the fields know: fetched when one of them is first used ───────────────────────────────
const tag = document.getElementById("tag-add");
let knowing = null;

async function know() {
  try {
    const answer = await fetch(words.known, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const known = await answer.json();
    domains = known.domains;
    tag?.list.replaceChildren(...known.tags.map((name) => new Option("", name)));
    count();
  } catch {
    knowing = null; // asked again at the next use; the server asks about copies in any case
  }
}
for (const field of [tag, added]) field?.addEventListener("focus", () => (knowing ??= know()));
form.addEventListener("input", count);
form.addEventListener("change", (event) => {
  if (event.target.name === "promise" && event.target.value === "other") form.elements.promise_at.focus();
  if (event.target.name === "kind") {
    close();
    if (previewed.hidden) body.focus();
  }
});
count();

// ── Drafts: kept by the server while one types, by the browser where it cannot be reached ──────
const PAUSE = 800;
const KEY = `plazo:${body.dataset.draft}`;
let pending = 0;
let saving = null;
let last = body.value;

// The browser has what the server never got: its copy is newer than the one that is shown.
try {
  const kept = JSON.parse(localStorage.getItem(KEY) || "null");
  if (kept?.text && kept.text !== body.value && localStorage.getItem(`${KEY}:saved`) === body.value.trim()) {
    body.value = kept.text;
    // A note must not come back as a reply.
    for (const radio of form.querySelectorAll('[name="kind"]')) radio.checked = radio.value === (kept.kind || kind());
  }
} catch {
  // No storage here: the server's draft is the only one.
}

async function save() {
  pending = 0;
  const text = body.value;
  try {
    const answer = await fetch(words.save, { method: "POST", body: fields() });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const told = await answer.json();
    say(text.trim() ? told.saved : "");
    last = text;
    localStorage.setItem(`${KEY}:saved`, text.trim());
  } catch {
    say(words.wordHere);
  }
  saving = null;
}

async function flush() {
  clearTimeout(pending);
  pending = 0;
  await saving;
  await save();
}

function saveSoon() {
  clearTimeout(pending);
  pending = setTimeout(() => {
    if (saving) return saveSoon();
    saving = save();
  }, PAUSE);
}
form.addEventListener("input", (event) => {
  if (event.target.type !== "file" && (body.value !== last || event.target !== body)) saveSoon();
});
form.addEventListener("plazo:files", saveSoon);
// What is on its way must not arrive after what is sent, or the draft would outlive it.
form.addEventListener(
  "submit",
  (event) => {
    clearTimeout(pending);
    pending = 0;
    if (!saving) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    saving.finally(() => form.requestSubmit(event.submitter));
  },
  { capture: true },
);
// Enter in a line beside the text ends that line, and sends nothing: whom a copy goes to, what for.
form.addEventListener("keydown", (event) => {
  const line = event.target.matches("input:not([type=file], [type=radio], [type=checkbox])");
  if (line && event.key === "Enter" && !event.ctrlKey && !event.metaKey) event.preventDefault();
});
// Who sends another form of this page waits for what is written here: `detail` is given the wait.
form.addEventListener("plazo:keep", (event) => event.detail(flush()));
addEventListener("pagehide", () => {
  if (pending) navigator.sendBeacon(words.save, fields());
});

// ── What waits to be sent: it counts down, and asks the server at its moment ───────────────────
function watch(bar) {
  const end = performance.now() + Number(bar.dataset.seconds) * 1000;
  const text = bar.querySelector("[data-words]");
  const beat = setInterval(() => {
    if (!bar.isConnected) return clearInterval(beat);
    const left = Math.ceil((end - performance.now()) / 1000);
    text.textContent = left > 0 ? fill(text.dataset.words, { seconds: left }) : text.dataset.sending;
    if (left > 0) return;
    clearInterval(beat);
    release(bar);
  }, 250);
}

async function release(bar) {
  const data = new FormData();
  data.set("csrfmiddlewaretoken", token);
  try {
    const answer = await fetch(bar.dataset.held, { method: "POST", body: data });
    if (!answer.ok) throw new Error(String(answer.status));
    renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    bar.dataset.seconds = "3"; // the worker sends it in any case; the page asks again
    if (bar.isConnected) watch(bar);
  }
}

// Takes what is new from a page just fetched, and leaves what is being typed alone.
function renew(page) {
  for (const part of [".thread", ".ticket__side"]) {
    const fresh = page.querySelector(part);
    if (fresh) document.querySelector(part).replaceChildren(...fresh.childNodes);
  }
  for (const bar of document.querySelectorAll(".held, .given")) bar.remove();
  for (const bar of page.querySelectorAll(".held, .given")) {
    form.before(bar);
    flushBefore(bar);
    if (bar.matches(".held")) watch(bar);
  }
  const seen = page.querySelector('#composer [name="seen"]');
  if (seen && !body.value) form.elements.seen.value = seen.value;
  toEnd();
}

function toEnd() {
  const pane = document.querySelector(".ticket__scroll");
  pane.scrollTop = pane.scrollHeight;
}

// What was typed meanwhile is saved first: the server puts the two together.
function flushBefore(bar) {
  for (const asking of bar.querySelectorAll("form"))
    asking.addEventListener("submit", async (event) => {
      if (!pending && !saving) return;
      event.preventDefault();
      await flush();
      asking.submit();
    });
}

for (const bar of document.querySelectorAll(".held, .given")) flushBefore(bar);
for (const bar of document.querySelectorAll(".held")) watch(bar);
if (!location.hash || location.hash === "#body") toEnd();
if (location.hash === "#body") body.focus();
form.querySelector(".composer__doubts")?.focus();

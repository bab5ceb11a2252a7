// The palette and the sheet of keys. Both are made from what the page offers when they are opened:
// whatever has `data-key` or `data-command` (its text is the name; `data-command` may say another),
// the links of the rail, and, as one types, what the server finds.
const palette = document.getElementById("palette");
const sheet = document.getElementById("keys");
const field = palette.querySelector("[role=combobox]");
const list = palette.querySelector("[role=listbox]");
const told = palette.querySelector("[role=status]");
const words = palette.dataset;
const sprite = palette.querySelector("use").getAttribute("href").replace(/#.*/, "");
const caseNumber = document.querySelector("[data-case]")?.dataset.case ?? "";
const WAIT = 110;
let chosen = 0;
let moved = false;
let options = [];
let found = [];
let asked = null;
let timer = 0;

// ── What can be done here ──────────────────────────────────────────────────────────────────────
const visible = (element) => {
  if (element.checkVisibility()) return true;
  for (let menu = element.closest("details:not([open])"); menu; menu = menu.parentElement.closest("details:not([open])")) {
    if (menu.querySelector(":scope > summary")?.checkVisibility()) return true;
  }
  return false;
};

function nameOf(element) {
  const said = element.dataset.command || element.getAttribute("aria-label");
  if (said) return said.trim();
  const copy = (element.labels?.[0] ?? element).cloneNode(true);
  for (const part of copy.querySelectorAll("kbd, svg, .count, [aria-hidden=true]")) part.remove();
  return (copy.textContent.trim() || element.title).replace(/\s+/g, " ");
}

const capsOf = (key) => (/^[A-Z]$/.test(key) ? ["⇧", key] : [key.toUpperCase()]);

function command(element) {
  const { key, go, note } = element.dataset;
  return {
    name: nameOf(element),
    keys: key ? capsOf(key) : go ? ["G", go.toUpperCase()] : [],
    icon: element.querySelector("use")?.getAttribute("href").replace(/.*#i-/, "") || element.dataset.icon || "arrow-right",
    note: note || "",
    run: () => document.dispatchEvent(new CustomEvent("plazo:press", { detail: element })),
  };
}

// The bar of chosen cases waits out of sight, yet its keys act on the row of the cursor: the sheet
// tells them on the whole.
const awaits = (element) => Boolean(element.closest("form.bulk"));

function here(whole = false) {
  const rows = [...document.querySelectorAll(".q-row, [data-walk]")].map((row) => row.closest("li, tr") ?? row);
  const current = document.querySelector(":is(.q-row, [data-walk])[aria-current='true']");
  return [...document.querySelectorAll("main :is([data-key], [data-go], [data-command])")]
    .filter((one) => !one.closest(".tabbar") && !one.matches(":disabled") && (visible(one) || ((whole || current) && awaits(one))))
    .filter((one) => rows.every((row) => !row.contains(one) || row.contains(current)))
    .map(command)
    .filter((one, at, all) => all.findIndex((other) => other.name === one.name) === at);
}
const elsewhere = () => [...document.querySelectorAll(".rail nav a[href], .settings__nav a[href], .rail [data-command]")].map(command);

// ── Matching: each word that is typed begins a word of the name; accents and case do not matter ─
const fold = (text) => [...text].map((sign) => sign.normalize("NFD")[0].toLowerCase()).join("");

function marks(name, typed) {
  const plain = fold(name);
  const spans = [];
  for (const word of fold(typed).split(/\s+/).filter(Boolean)) {
    const starts = [...plain.matchAll(/[\p{L}\p{N}]+/gu)].map((one) => one.index);
    const at = starts.find((start) => plain.startsWith(word, start)) ?? plain.indexOf(word);
    if (at < 0) return null;
    spans.push([at, at + word.length]);
  }
  return spans.sort((a, b) => a[0] - b[0]);
}

function named(text, spans) {
  const place = document.createElement("span");
  place.className = "palette__name";
  const signs = [...text];
  let at = 0;
  for (const [start, end] of spans) {
    if (start < at) continue;
    const bold = document.createElement("b");
    bold.textContent = signs.slice(start, end).join("");
    place.append(signs.slice(at, start).join(""), bold);
    at = end;
  }
  place.append(signs.slice(at).join(""));
  return place;
}

// ── Drawing ────────────────────────────────────────────────────────────────────────────────────
function drawn(name) {
  const icon = palette.querySelector("svg").cloneNode(true);
  icon.querySelector("use").setAttribute("href", `${sprite}#i-${name}`);
  return icon;
}

const STATES = { ok: "timer", risk: "triangle-alert", late: "octagon-alert", paused: "pause", met: "check" };

function chip(state, word) {
  const place = document.createElement("span");
  place.className = "chip";
  place.dataset.sla = state;
  place.append(drawn(STATES[state] ?? "timer"), ` ${word}`);
  return place;
}

function caps(keys, between = "") {
  const place = document.createElement("span");
  place.className = "palette__keys";
  for (const key of keys) {
    if (place.childNodes.length && between) place.append(between);
    const cap = document.createElement("kbd");
    cap.className = "kbd";
    cap.textContent = key;
    place.append(cap);
  }
  return place;
}

function option(one, typed) {
  const entry = document.createElement("li");
  entry.setAttribute("role", "option");
  entry.id = `palette-${options.length}`;
  entry.append(drawn(one.icon), named(one.name, marks(one.name, typed) ?? []));
  const aside = document.createElement("span");
  aside.className = "palette__aside";
  if (one.note) aside.append(one.state ? chip(one.state, one.note) : one.note);
  if (one.keys.length) aside.append(caps(one.keys));
  if (aside.childNodes.length) entry.append(aside);
  const index = options.length;
  entry.addEventListener("pointermove", () => {
    moved = true;
    choose(index);
  });
  entry.addEventListener("click", (event) => run(index, event.ctrlKey || event.metaKey));
  options.push({ ...one, entry });
  return entry;
}

function group(title, all, typed) {
  if (!all.length) return null;
  const part = document.createElement("ul");
  part.setAttribute("role", "group");
  const head = document.createElement("li");
  head.setAttribute("role", "presentation");
  head.className = "palette__g";
  head.id = `palette-g${list.childElementCount}`;
  head.textContent = title;
  part.setAttribute("aria-labelledby", head.id);
  part.append(head, ...all.map((one) => option(one, typed)));
  list.append(part);
  return part;
}

function show() {
  const mode = field.value.trimStart()[0];
  const typed = field.value.replace(/^\s*[#>]/, "").trim();
  const fits = (all) => all.filter((one) => marks(one.name, typed));
  const keep = moved ? options[chosen]?.name : null; // what somebody chose stays chosen
  options = [];
  list.replaceChildren();
  if (mode !== "#") {
    group(caseNumber ? words.wordCase : words.wordPage, fits(commands.here), typed);
    group(words.wordGo, fits(commands.elsewhere), typed);
  }
  if (mode !== ">") {
    for (const part of found) group(part.name, part.items, typed);
    if (typed && words.all) {
      const address = `${words.all}?q=${encodeURIComponent(typed)}`;
      group(words.wordAll, [{ name: words.wordEverywhere.replace("{words}", typed), icon: "search", keys: [], address }], "");
    }
  }
  if (!options.length) group(words.wordGo, commands.elsewhere, "");
  choose(Math.max(0, keep ? options.findIndex((one) => one.name === keep) : 0));
  told.textContent = words.wordCount.replace("{count}", options.length);
}
let commands = { here: [], elsewhere: [] };

function choose(index) {
  options[chosen]?.entry.setAttribute("aria-selected", "false");
  chosen = index;
  for (const [at, one] of options.entries()) one.entry.setAttribute("aria-selected", String(at === index));
  field.setAttribute("aria-activedescendant", options[index]?.entry.id ?? "");
  options[index]?.entry.scrollIntoView({ block: "nearest" });
}

function run(index, apart) {
  const one = options[index];
  if (!one) return;
  if (one.address && apart) return void window.open(one.address, "_blank", "noopener");
  palette.close();
  if (one.address) location.assign(one.address);
  else one.run();
}

// ── Asking the server ──────────────────────────────────────────────────────────────────────────
function ask() {
  clearTimeout(timer);
  asked?.abort();
  const typed = field.value.replace(/^\s*#/, "").trim();
  if (!words.find || !typed || field.value.trimStart().startsWith(">")) {
    found = [];
    return;
  }
  timer = setTimeout(async () => {
    asked = new AbortController();
    try {
      const answer = await fetch(`${words.find}?q=${encodeURIComponent(typed)}`, { signal: asked.signal, headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      found = (await answer.json()).groups.map((part) => ({ ...part, items: part.items.map((one) => ({ keys: [], ...one })) }));
      show();
    } catch {
      // The next letter asks again; without a connection the commands are there all the same.
    }
  }, WAIT);
}

field.addEventListener("input", () => {
  moved = false;
  show();
  ask();
});
field.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    moved = true;
    choose((chosen + step + options.length) % options.length);
  }
  if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    event.stopPropagation(); // Ctrl with it opens a result apart, and sends no form
    run(chosen, event.ctrlKey || event.metaKey);
  }
});

// ── Opening and closing: the browser gives the focus back ──────────────────────────────────────
function openPalette() {
  commands = { here: here(), elsewhere: elsewhere() };
  field.value = "";
  moved = false;
  chosen = 0;
  found = [];
  options = [];
  const tag = palette.querySelector("[data-tag]");
  tag.hidden = !caseNumber;
  tag.textContent = caseNumber;
  show();
  palette.showModal();
}

function row(one) {
  const line = document.createElement("div");
  line.className = "keys__row";
  const what = document.createElement("dt");
  what.textContent = one.name;
  const how = document.createElement("dd");
  how.append(caps(one.keys, one.keys[0] === "G" ? words.wordThen : ""));
  line.append(what, how);
  return line;
}

function openSheet() {
  const keyed = (all) => all.filter((one) => one.keys.length);
  const parts = { here: keyed(here(true)), go: keyed(elsewhere()) };
  for (const [name, all] of Object.entries(parts)) {
    const part = sheet.querySelector(`[data-part="${name}"]`);
    part.hidden = !all.length;
    part.querySelector("dl").replaceChildren(...all.map(row));
  }
  sheet.showModal();
}

for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    if (button.dataset.opens === "palette") openPalette();
    else openSheet();
  });
}
for (const dialog of [palette, sheet]) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}

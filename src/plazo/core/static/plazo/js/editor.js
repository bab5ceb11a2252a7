// The editor of an article: preview as one writes, files by paste and drop, drafts that are kept.
// Without this script the page saves, publishes and previews all the same.
const root = document.querySelector(".kb-edit");
const form = document.getElementById("edit");
const body = document.getElementById("id_body");
const said = document.getElementById("said");
const words = root.dataset;

function say(sentence, bad = false) {
  said.textContent = sentence;
  bad ? said.setAttribute("data-sla", "late") : said.removeAttribute("data-sla");
}

// Writes where the cursor is, so that Ctrl Z takes it back; {} is where the selection goes.
function write(text, { block = false } = {}) {
  body.focus();
  const start = body.selectionStart;
  const chosen = body.value.slice(start, body.selectionEnd);
  let written = text.includes("{}") ? text.replace("{}", () => chosen) : text;
  if (block && start > 0 && !body.value.slice(0, start).endsWith("\n\n"))
    written = (body.value[start - 1] === "\n" ? "\n" : "\n\n") + written;
  if (!document.execCommand("insertText", false, written)) {
    body.setRangeText(written, start, body.selectionEnd, "end");
    body.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

// ── Buttons: a toolbar with one stop for the Tab key, and keys in the text ─────────────────────
const toolbar = document.querySelector("markdown-toolbar");
const buttons = [...toolbar.querySelectorAll("button")];
toolbar.hidden = false;
toolbar.removeAttribute("tabindex");
buttons.forEach((button, number) => (button.tabIndex = number ? -1 : 0));
toolbar.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  body.focus();
});
for (const button of toolbar.querySelectorAll("[data-insert]"))
  button.addEventListener("click", () => write(button.dataset.insert, { block: true }));

const KEYS = { b: "bold", i: "italic", e: "code", k: "link" };
const DIGITS = { Digit7: "ordered-list", Digit8: "unordered-list" };
form.addEventListener("keydown", (event) => {
  if (event.altKey && event.key === "F10") {
    event.preventDefault();
    (toolbar.querySelector('[tabindex="0"]') || buttons[0]).focus();
    return;
  }
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (event.key.toLowerCase() === "s" && !event.shiftKey) {
    event.preventDefault();
    form.requestSubmit(form.querySelector('[value="save"]'));
    return;
  }
  if (event.target !== body) return;
  const style = event.shiftKey ? DIGITS[event.code] : KEYS[event.key.toLowerCase()];
  if (!style) return;
  event.preventDefault();
  event.stopPropagation();
  toolbar.querySelector(`[data-md-button="${style}"]`).click();
});

// ── The parts beside the text: anchors become tabs ─────────────────────────────────────────────
const bar = root.querySelector("[data-tabs]");
const tabs = [...bar.querySelectorAll("a")];
const parts = tabs.map((tab) => document.querySelector(tab.getAttribute("href")));
bar.setAttribute("role", "tablist");
bar.parentElement.classList.add("kb-tabbed");
tabs.forEach((tab, number) => {
  tab.id = `tab-${parts[number].id}`;
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", parts[number].id);
  parts[number].setAttribute("role", "tabpanel");
  parts[number].setAttribute("aria-labelledby", tab.id);
  if (!parts[number].querySelector("a, button, input, textarea, [tabindex]")) parts[number].tabIndex = 0;
  tab.addEventListener("click", (event) => {
    event.preventDefault();
    show(number);
    history.replaceState(null, "", tab.getAttribute("href"));
  });
});
bar.addEventListener("keydown", (event) => {
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  show((to + tabs.length) % tabs.length);
  tabs[(to + tabs.length) % tabs.length].focus();
});

function show(number) {
  tabs.forEach((tab, other) => {
    tab.setAttribute("aria-selected", other === number);
    tab.tabIndex = other === number ? 0 : -1;
    parts[other].hidden = other !== number;
  });
  bar.parentElement.scrollTop = 0;
}
const part = (name) => parts.findIndex((part) => part.id === name);
const named = () => part(location.hash.slice(1));
const wrong = parts.findIndex((part) => part.querySelector(".errors"));
show(Math.max(0, wrong >= 0 ? wrong : named() >= 0 ? named() : part(words.first)));
addEventListener("hashchange", () => named() >= 0 && show(named()));
root.querySelector("[data-noscript]").hidden = true;
for (const menu of document.querySelectorAll("details.menu"))
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// ── Preview: rendered by the server, as readers will see it ────────────────────────────────────
const shown = root.querySelector("[data-shown]");
const PAUSE = 350;
let waiting = 0;
let asked = null;

function language() {
  return form.elements.language?.value || words.language;
}

async function draw() {
  asked?.abort();
  asked = new AbortController();
  const data = new URLSearchParams({
    csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value,
    article: words.article,
    language: language(),
    title: form.elements.title.value,
    summary: form.elements.summary.value,
    body: body.value,
  });
  shown.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(words.preview, { method: "POST", body: data, signal: asked.signal });
    if (answer.ok && !answer.redirected) shown.innerHTML = await answer.text();
  } catch {
    return; // another one is on its way, or there is no connection: what stands there stays
  }
  shown.removeAttribute("aria-busy");
}

form.addEventListener("input", (event) => {
  if (!["title", "summary", "body", "language"].includes(event.target.name)) return;
  clearTimeout(waiting);
  waiting = setTimeout(draw, PAUSE);
  keep();
});

// ── Images and files ───────────────────────────────────────────────────────────────────────────
async function send(files) {
  if (!words.upload) {
    say(words.wordFirst, true);
    return;
  }
  for (const file of files) {
    if (file.size > Number(words.limit)) {
      say(words.wordLarge.replace("{name}", file.name), true);
      continue;
    }
    say(words.wordSending.replace("{name}", file.name));
    const data = new FormData();
    data.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    data.set("file", file, file.name || "image.png");
    try {
      const answer = await fetch(words.upload, {
        method: "POST",
        body: data,
        headers: { Accept: "application/json" },
      });
      const told = await answer.json();
      if (!answer.ok) {
        say(told.error, true);
        continue;
      }
      write(told.markdown, { block: told.markdown.startsWith("!") });
      say(words.wordHere.replace("{name}", told.name));
    } catch {
      say(words.wordFailed.replace("{name}", file.name), true);
    }
  }
}

body.addEventListener("paste", (event) => {
  const clipboard = event.clipboardData;
  const table = tableOf(clipboard.getData("text/html"));
  const text = clipboard.getData("text/plain").trim();
  const chosen = body.value.slice(body.selectionStart, body.selectionEnd);
  // A spreadsheet puts a picture of its cells beside their text: then the text is meant.
  if (table) write(table, { block: true });
  else if (!text && clipboard.files.length) send([...clipboard.files]);
  else if (chosen && /^https?:\/\/\S+$/.test(text)) write(`[${chosen}](${text})`);
  else return;
  event.preventDefault();
});

// Cells that were copied, as a table in Markdown; nothing where more than one table was copied.
function tableOf(html) {
  // Without its looks, which the page's policy would refuse aloud.
  const plain = html.replace(/<style[\s\S]*?<\/style>|\sstyle=("[^"]*"|'[^']*')/gi, "");
  const copied = new DOMParser().parseFromString(plain, "text/html");
  const table = copied.querySelector("table");
  if (!table || copied.body.textContent.trim() !== table.textContent.trim()) return "";
  const rows = [...table.rows].map((row) => [...row.cells].map(cellOf));
  const width = Math.max(...rows.map((row) => row.length));
  const lines = rows.map((row) => `| ${[...row, ...Array(width - row.length).fill("")].join(" | ")} |`);
  lines.splice(1, 0, `|${" --- |".repeat(width)}`);
  return `${lines.join("\n")}\n`;
}

function cellOf(cell) {
  return cell.textContent.trim().replace(/\s+/g, " ").replace(/[\\|]/g, "\\$&");
}

for (const name of ["dragenter", "dragover"])
  body.addEventListener(name, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    body.dataset.over = "";
  });
for (const name of ["dragleave", "drop"]) body.addEventListener(name, () => delete body.dataset.over);
body.addEventListener("drop", (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  send([...event.dataTransfer.files]);
});
for (const button of root.querySelectorAll("[data-write]")) {
  button.hidden = false;
  button.addEventListener("click", () => write(button.dataset.write));
}
const chooser = document.createElement("input");
chooser.type = "file";
chooser.multiple = true;
chooser.addEventListener("change", () => send([...chooser.files]));
toolbar.querySelector('[data-open="upload"]').addEventListener("click", () => {
  if (!words.upload) say(words.wordFirst, true);
  else chooser.click();
});

// ── Articles to link to, and to relate ─────────────────────────────────────────────────────────
const picker = document.getElementById("picker");
const pick = document.getElementById("pick");
const found = picker.querySelector("[data-found]");
let choose = () => {};
let looking = 0;

function open(then) {
  choose = then;
  pick.value = "";
  found.replaceChildren();
  picker.showModal();
  look();
}

async function look() {
  const query = new URLSearchParams({ q: pick.value, language: language() });
  const answer = await fetch(`${words.find}?${query}`);
  if (!answer.ok) return;
  const { articles } = await answer.json();
  found.replaceChildren(
    ...articles.map((article) => {
      const entry = document.createElement("li");
      const button = document.createElement("button");
      const small = document.createElement("small");
      button.type = "button";
      small.textContent = article.section;
      button.append(article.title, small);
      button.addEventListener("click", () => {
        picker.close();
        choose(article);
      });
      entry.append(button);
      return entry;
    }),
  );
  const count = articles.length ? words.wordFound.replace("{count}", articles.length) : words.wordNone;
  picker.querySelector("[data-count]").textContent = count;
}

pick.addEventListener("input", () => {
  clearTimeout(looking);
  looking = setTimeout(look, 200);
});
pick.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "Enter") return;
  event.preventDefault();
  found.querySelector("button")?.focus();
});
found.addEventListener("keydown", (event) => {
  const all = [...found.querySelectorAll("button")];
  const to = all.indexOf(document.activeElement) + { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (Number.isNaN(to)) return;
  event.preventDefault();
  (all[to] || pick).focus();
});
picker.querySelector("[data-close]").addEventListener("click", () => picker.close());
toolbar.querySelector('[data-open="picker"]').addEventListener("click", () => {
  const chosen = body.value.slice(body.selectionStart, body.selectionEnd);
  open((article) => write(`[${chosen || article.title}](article:${article.key})`));
});
const relate = root.querySelector("[data-relate]");
if (relate) {
  const field = document.getElementById("id_related");
  relate.hidden = false;
  relate.addEventListener("click", () =>
    open((article) => {
      field.value = [...new Set([...field.value.split(/[\s,]+/).filter(Boolean), article.key])].join(", ");
      relate.focus();
    }),
  );
}

// ── Drafts: what was typed and not saved survives a closed tab ─────────────────────────────────
const name = `plazo:${form.dataset.kept}`;
const FIELDS = ["title", "summary", "body"];
const typed = () => Object.fromEntries(FIELDS.map((field) => [field, form.elements[field].value]));
// The server trims what it keeps, so two texts are the same if they say the same.
const essence = (text) => JSON.stringify(FIELDS.map((field) => text[field].trim().replace(/[ \r]+/g, " ")));
const saved = essence(typed());
const unsaved = root.querySelector("[data-unsaved]");
const kept = document.getElementById("kept");

function keep() {
  const differs = essence(typed()) !== saved;
  unsaved.textContent = differs ? ` · ${words.wordUnsaved}` : "";
  const draft = { ...typed(), based_on: form.elements.based_on.value, at: Date.now() };
  try {
    if (differs) localStorage.setItem(name, JSON.stringify(draft));
    else localStorage.removeItem(name);
  } catch {
    // No storage here: the form works all the same.
  }
}

// What was sent and stands on this page has arrived; anything else is offered, and nothing is lost.
function arrived(key) {
  const draft = JSON.parse(localStorage.getItem(key) || "null");
  if (draft && essence(draft) === saved) localStorage.removeItem(key);
}

function offer(draft) {
  kept.querySelector("[data-kept-at]").textContent = new Date(draft.at).toLocaleString(
    document.documentElement.lang,
    { dateStyle: "medium", timeStyle: "short" },
  );
  kept.hidden = false;
  kept.querySelector("[data-recover]").addEventListener("click", () => {
    // With what it was based on, so that what others saved meanwhile is not written over.
    for (const field of [...FIELDS, "based_on"]) form.elements[field].value = draft[field];
    kept.hidden = true;
    body.focus();
    keep();
    draw();
  });
  kept.querySelector("[data-discard]").addEventListener("click", () => {
    localStorage.removeItem(name);
    kept.hidden = true;
    body.focus();
  });
}

try {
  arrived(sessionStorage.getItem("plazo:sent-text") || name);
  arrived(name);
  sessionStorage.removeItem("plazo:sent-text");
  const before = JSON.parse(localStorage.getItem(name) || "null");
  if (before && !document.querySelector(".errors")) offer(before);
  form.addEventListener("submit", () => sessionStorage.setItem("plazo:sent-text", name));
} catch {
  // No storage here.
}

// Completion of the search field: names of operators, then their values, for the word at the
// cursor. Without script the field is a field, and its form finds the same.
const field = document.querySelector("[data-complete]");
const list = document.getElementById("find-options");
const said = document.getElementById("find-said");
const WAIT = 90;
let timer = 0;
let asked = null;
let chosen = -1;

field.setAttribute("role", "combobox");
field.setAttribute("aria-autocomplete", "list");
field.setAttribute("aria-controls", list.id);
field.setAttribute("aria-expanded", "false");

// The word at the cursor, with what stands in quotation marks as one.
function token() {
  const before = field.value.slice(0, field.selectionStart);
  return before.match(/(?:"[^"]*"?|[^\s"])+$/)?.[0] ?? "";
}

function close() {
  list.hidden = true;
  list.replaceChildren();
  chosen = -1;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function choose(index) {
  const all = [...list.children];
  chosen = (index + all.length) % all.length;
  for (const [at, one] of all.entries()) one.setAttribute("aria-selected", String(at === chosen));
  field.setAttribute("aria-activedescendant", all[chosen].id);
  all[chosen].scrollIntoView({ block: "nearest" });
}

function take(text) {
  const end = field.selectionStart;
  const start = end - token().length;
  const whole = /[:<>]$/.test(text) ? text : `${text} `;
  field.setRangeText(whole, start, end, "end");
  close();
  field.focus();
  if (whole === text) ask();
}

function show(options) {
  close();
  if (!options.length) return;
  list.append(
    ...options.map(({ text, note }, index) => {
      const entry = document.createElement("li");
      entry.setAttribute("role", "option");
      entry.setAttribute("aria-selected", "false");
      entry.id = `find-option-${index}`;
      const name = document.createElement("code");
      name.textContent = text;
      entry.append(name);
      if (note) {
        const about = document.createElement("span");
        about.className = "faint";
        about.textContent = note;
        entry.append(about);
      }
      entry.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
      entry.addEventListener("click", () => take(text));
      return entry;
    }),
  );
  list.hidden = false;
  field.setAttribute("aria-expanded", "true");
  said.textContent = field.dataset.wordCount.replace("{count}", options.length);
}

function ask() {
  clearTimeout(timer);
  asked?.abort();
  const typed = token();
  if (!typed || typed.startsWith('"')) return close();
  timer = setTimeout(async () => {
    asked = new AbortController();
    try {
      const answer = await fetch(`${field.dataset.complete}?q=${encodeURIComponent(typed)}`, { signal: asked.signal });
      if (answer.ok && document.activeElement === field) show((await answer.json()).options);
    } catch {
      // Another letter asks again; without completion the search works as well.
    }
  }, WAIT);
}

field.addEventListener("input", ask);
field.addEventListener("blur", close);
field.addEventListener("keydown", (event) => {
  if (list.hidden || event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    choose(chosen + (event.key === "ArrowDown" ? 1 : chosen < 0 ? 0 : -1));
  } else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
    event.preventDefault();
    take(list.children[chosen].firstElementChild.textContent);
  } else if (event.key === "Escape") {
    event.preventDefault(); // the browser would empty the field
    close();
  }
});

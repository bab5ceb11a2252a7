// Keys of the desk. Whatever can be seen and has `data-key="e"` is pressed by its key, and what has
// `data-go="q"` by g and then its key: a field takes the focus, a summary opens, anything else is
// clicked. `data-focus` names the field that takes the focus afterwards. `data-walk` marks the rows
// that j and k walk. Nothing here knows what an action does; pages and other scripts only add marks.
const single = document.querySelector("[data-single-keys='off']") === null;
const SEQUENCE = 1200;
const ROWS = ".q-row, [data-walk]";
const MENUS = "details.menu[open], details.tabbar__more[open], details[data-by-key][open]";
const LAST = "plazo:last-row";
let first = "";
let timer = 0;
let before = null; // what had the focus when a key opened or entered something

const typing = (target) =>
  target instanceof Element &&
  target.closest("input:not([type=radio], [type=checkbox], [type=button], [type=submit]), textarea, select, [contenteditable='true'], [contenteditable='']");

// ── Rows: asked for each time, since a live page adds and moves them ───────────────────────────
const rows = () => [...document.querySelectorAll(ROWS)].filter((row) => row.checkVisibility());
const current = () => {
  const focused = document.activeElement?.closest(ROWS);
  return focused ?? document.querySelector(`:is(${ROWS})[aria-current="true"]`);
};

// What belongs to a row stands beside it in the same entry of the list.
const place = (row) => row?.closest("li, tr") ?? row;

function stand(row) {
  for (const other of document.querySelectorAll(`:is(${ROWS})[aria-current]`)) other.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
}

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const to = all[Math.min(all.length - 1, Math.max(0, at + step))];
  if (!to) return false;
  stand(to);
  (to.matches("a[href], [tabindex]") ? to : to.querySelector("a[href]"))?.focus();
  return true;
}

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.(ROWS);
  if (row) stand(row);
});

// A case leads back to the row that it was opened from.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.(`:is(${ROWS}):is(a[href]), :is(${ROWS}) a[href]`);
  if (link) remember(link.getAttribute("href"));
});
function remember(address) {
  try {
    sessionStorage.setItem(LAST, address);
  } catch {
    // Without storage the walk begins at the top.
  }
}
try {
  const address = sessionStorage.getItem(LAST);
  const back = address && rows().find((row) => (row.matches("a") ? row : row.querySelector("a[href]"))?.getAttribute("href") === address);
  if (back) stand(back);
} catch {
  // As above.
}

// ── Pressing ───────────────────────────────────────────────────────────────────────────────────
// What stands in a closed menu counts too, and in one inside of another: they are opened first.
function within(element) {
  if (element.checkVisibility()) return true;
  for (let menu = element.closest("details:not([open])"); menu; menu = menu.parentElement.closest("details:not([open])")) {
    if (menu.querySelector(":scope > summary")?.checkVisibility()) return true;
  }
  return false;
}
const usable = (element) => !element.matches(":disabled, [aria-disabled='true']") && within(element);

function find(selector) {
  const all = [...document.querySelectorAll(selector)].filter(usable);
  const here = place(current());
  // What belongs to the row at hand goes before what belongs to the page; another row's is nobody's.
  return (
    all.find((element) => here?.contains(element)) ??
    all.find((element) => !rows().some((row) => place(row).contains(element)))
  );
}

function press(element) {
  before = document.activeElement;
  for (let menu = element.closest("details:not([open])"); menu; menu = menu.parentElement.closest("details:not([open])")) {
    if (element.matches("summary") && menu === element.parentElement) continue;
    menu.open = true;
  }
  if (element.matches("input:not([type=radio], [type=checkbox], [type=submit], [type=button]), textarea, select")) {
    element.focus();
    if (element.matches("input")) element.select();
    return;
  }
  if (element.matches("summary")) return open(element.parentElement);
  element.click();
  if (element.dataset.focus) document.getElementById(element.dataset.focus)?.focus();
}

function open(details) {
  details.open = !details.open;
  if (!details.open) return;
  details.dataset.byKey = "";
  const first = [...details.querySelectorAll("input:not([type=hidden]), select, textarea, a[href], button")].find((one) => one.checkVisibility());
  const field = details.querySelector("[data-begin]") ?? first;
  (field ?? details.querySelector("summary")).focus();
}

// The palette presses through here as well, so that both do the same.
document.addEventListener("plazo:press", (event) => press(event.detail));

// ── Closing: what a key opened closes by Escape, and the focus goes back to where it was ───────
function leave(event) {
  const menu = event.target.closest?.(MENUS) ?? document.querySelector("details.tabbar__more[open]");
  if (menu) {
    menu.open = false;
    const back = menu.hasAttribute("data-by-key") && before?.isConnected && before !== document.body && !menu.contains(before) ? before : menu.querySelector("summary");
    delete menu.dataset.byKey;
    event.preventDefault(); // the browser would empty a search field
    back.focus();
    return;
  }
  if (!typing(event.target)) return;
  if (before?.isConnected && before !== document.body && before !== event.target) before.focus();
  else event.target.blur();
  before = null;
}

function send(target) {
  const form = target.closest?.("form");
  if (!form) return;
  const buttons = [...form.elements].filter((one) => one.type === "submit" && !one.disabled && one.checkVisibility());
  form.requestSubmit(buttons.find((one) => one.matches("[data-send]")) ?? buttons[0]);
}

function toggle() {
  const box = place(current())?.querySelector("input[type=checkbox]");
  if (box) box.click();
  return Boolean(box);
}

// The page's own field; else that of the rail, or where there is no rail, of the tab bar's sheet.
function search() {
  before = document.activeElement;
  const own = document.querySelector("main [data-complete]");
  if (own) {
    own.focus();
    own.select();
    return true;
  }
  const rail = document.getElementById("search");
  const more = document.querySelector(".tabbar__more");
  const narrow = !rail?.closest(".rail").checkVisibility();
  if (narrow && more) more.open = true;
  const field = narrow ? more?.querySelector("input[type=search]") : rail;
  field?.focus();
  field?.select();
  return Boolean(field);
}

function opens(name) {
  const button = document.querySelector(`[data-opens="${name}"]`);
  button?.click();
  return Boolean(button);
}

const FIXED = {
  "?": () => opens("keys"),
  j: () => move(1),
  k: () => move(-1),
  x: toggle,
  "/": search,
  Enter: () => {
    const row = document.activeElement?.matches(ROWS) ? document.activeElement : null;
    if (!row || row.matches("a[href]")) return false; // a link opens by itself
    row.querySelector("a[href]")?.click();
    return true;
  },
};

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && !event.altKey && event.key === "Enter") return send(event.target);
  if (command && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    if (opens("palette")) event.preventDefault();
    return;
  }
  if (document.querySelector("dialog:modal")) return;
  if (event.key === "Escape") return leave(event);
  if (!single || typing(event.target) || command || event.altKey) return;
  const key = event.key.length === 1 && !event.shiftKey ? event.key.toLowerCase() : event.key;
  if (event.repeat && key !== "j" && key !== "k") return;
  if (first === "g" && key !== "Shift") {
    first = "";
    const link = find(`[data-go="${CSS.escape(key)}"]`) ?? document.querySelector(`.rail [data-go="${CSS.escape(key)}"]`);
    if (!link) return;
    event.preventDefault();
    return press(link);
  }
  if (key === "g") {
    first = "g";
    clearTimeout(timer);
    timer = setTimeout(() => (first = ""), SEQUENCE);
    return;
  }
  if (FIXED[key]?.()) return event.preventDefault();
  const wanted = key.length === 1 ? find(`[data-key="${CSS.escape(key)}"]`) : null;
  if (!wanted) return;
  event.preventDefault();
  press(wanted);
});

// The queue: pages that append themselves, rows that are chosen, and what is done with them.
// Without this file everything still works: links and forms lead from page to page.
const queue = document.querySelector("[data-queue]");
const scroller = document.getElementById("contenido");
const bulk = document.getElementById("bulk");
const toasts = document.getElementById("toasts");
const typing = (event) => event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
const cursor = () => queue.querySelector(".q-row[aria-current=true]");

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}

async function asked(address, what, options = {}) {
  const response = await fetch(address, { ...options, headers: { "X-Plazo": what } });
  if (response.redirected || (!response.ok && response.status !== 422)) throw new Error(String(response.status));
  return response;
}

// ── Pages: the next one is there before the end of this one is reached ─────────────────────────
let pages = 1;
let coming = null;

function append(html) {
  const fresh = parsed(html);
  queue.querySelector(".q-more")?.remove();
  for (const part of fresh.querySelectorAll(".q-part")) {
    for (const item of part.querySelectorAll(".q-item")) {
      if (queue.querySelector(`.q-item[data-number="${CSS.escape(item.dataset.number)}"]`)) item.remove();
    }
    const known = queue.querySelector(`.q-part[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (known) known.querySelector("ol").append(...part.querySelectorAll(".q-item"));
    else if (part.querySelector(".q-item")) queue.append(document.adoptNode(part));
  }
  const more = fresh.querySelector(".q-more");
  if (more) queue.append(document.adoptNode(more));
  for (const part of queue.querySelectorAll(".q-part")) {
    const count = part.querySelector("[data-count]");
    if (count) count.textContent = part.querySelectorAll(".q-item").length;
  }
  pages += 1;
  watch();
}

function more() {
  const link = queue.querySelector(".q-more a");
  if (!link) return Promise.resolve(false);
  queue.setAttribute("aria-busy", "true");
  coming ??= asked(link.href, "more")
    .then((response) => response.text())
    .then((html) => {
      append(html);
      return true;
    })
    .catch(() => false) // the link is still there to be pressed
    .finally(() => {
      coming = null;
      queue.removeAttribute("aria-busy");
    });
  return coming;
}

const near = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && more(), {
  root: scroller,
  rootMargin: "900px",
});

function watch() {
  near.disconnect();
  const end = queue.querySelector(".q-more");
  if (end) near.observe(end);
}

// ── Coming back: as many pages as there were, the same row, the same place ─────────────────────
const PLACE = `plazo:queue:${location.pathname}${location.search}`;
const LASTS = 30 * 60 * 1000;

addEventListener("pagehide", () => {
  const number = cursor()?.closest(".q-item").dataset.number;
  const place = { pages, top: scroller.scrollTop, number, at: Date.now() };
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(place));
  } catch {
    // No storage here: one comes back to the top.
  }
});

async function comeBack() {
  const kind = performance.getEntriesByType("navigation")[0]?.type;
  const fromCase = document.referrer.includes("/desk/tickets/");
  if (kind !== "back_forward" && !(kind === "navigate" && fromCase)) return;
  let place = null;
  try {
    place = JSON.parse(sessionStorage.getItem(PLACE) || "null");
  } catch {
    return;
  }
  if (!place || Date.now() - place.at > LASTS) return;
  while (pages < Math.min(place.pages, 20) && (await more()));
  scroller.scrollTop = place.top;
  const row = place.number && queue.querySelector(`.q-item[data-number="${CSS.escape(place.number)}"] .q-row`);
  if (!row || (cursor() && cursor() !== row)) return;
  row.setAttribute("aria-current", "true");
  row.focus({ preventScroll: true });
}

// ── Choosing rows ──────────────────────────────────────────────────────────────────────────────
let last = null;
const boxes = () => [...queue.querySelectorAll(".q-pick input")];
const chosen = () => boxes().filter((box) => box.checked);

function count() {
  if (!bulk) return;
  bulk.querySelector("[data-chosen]").textContent = chosen().length;
}

function follow(row) {
  for (const each of queue.querySelectorAll(".q-row[aria-current]")) each.removeAttribute("aria-current");
  row?.setAttribute("aria-current", "true");
}

queue.addEventListener("focusin", (event) => {
  const row = event.target.closest(".q-row");
  if (row) follow(row);
});

queue.addEventListener("click", (event) => {
  const box = event.target.closest(".q-pick input");
  if (!box) return;
  const all = boxes();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const each of all.slice(from, to + 1)) each.checked = box.checked;
  }
  last = box;
  count();
});

function toggle() {
  const box = cursor()?.closest(".q-item").querySelector(".q-pick input");
  if (!box) return;
  box.checked = !box.checked;
  last = box;
  count();
}

// Keys of the bar act on what is chosen; with nothing chosen, on the row of the cursor.
addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Escape") return void leave(event);
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
    if (document.querySelector("[data-single-keys='off']")) return;
    if (event.key === "x") {
      event.preventDefault();
      event.stopImmediatePropagation();
      toggle();
      return;
    }
    const action = /^[a-z]$/.test(event.key) && bulk?.querySelector(`[data-key="${event.key}"]`);
    if (!action || afterG || chosen().length) return;
    if (cursor()) toggle();
    else event.stopImmediatePropagation();
  },
  true,
);

// The palette presses the bar's buttons too: then the row of the cursor is chosen for them.
addEventListener("plazo:press", ({ detail }) => bulk?.contains(detail) && !chosen().length && toggle(), true);

// The second key of a sequence is not one of the bar's.
let afterG = false;
addEventListener("keydown", (event) => {
  afterG = event.key === "g" && !typing(event);
  if (afterG) setTimeout(() => (afterG = false), 1200);
});

function leave(event) {
  const open = document.querySelector("details.drop[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  } else if (panel.firstElementChild && panel.contains(event.target)) {
    closePanel();
  } else if (!typing(event) && chosen().length) {
    for (const box of chosen()) box.checked = false;
    count();
  }
}

addEventListener("click", (event) => {
  for (const drop of document.querySelectorAll("details.drop[open]")) {
    if (!drop.contains(event.target)) drop.open = false;
  }
});

for (const drop of document.querySelectorAll("details.drop")) {
  drop.addEventListener("toggle", () => drop.open && drop.querySelector("select, input")?.focus());
}

// ── Doing it: the rows change where they stand, and the note offers to take it back ────────────
function replaced(rows) {
  const number = cursor()?.closest(".q-item").dataset.number;
  for (const [key, html] of Object.entries(rows)) {
    const item = queue.querySelector(`.q-item[data-number="${CSS.escape(key)}"]`);
    const fresh = parsed(html).querySelector(".q-item");
    if (!item || !fresh) continue;
    item.replaceWith(document.adoptNode(fresh));
    if (key === number) {
      follow(fresh.querySelector(".q-row"));
      fresh.querySelector(".q-row").focus({ preventScroll: true });
    }
  }
}

async function send(form, button) {
  const data = new FormData(form, button);
  const answer = await (await asked(form.action, "rows", { method: "POST", body: data })).json();
  for (const drop of form.querySelectorAll("details.drop[open]")) drop.open = false;
  for (const box of chosen()) box.checked = false;
  count();
  replaced(answer.rows);
  toasts.innerHTML = answer.note;
}

// A form that a script could not send is sent by the browser.
function plainly(form, button) {
  const input = document.createElement("input");
  Object.assign(input, { type: "hidden", name: button?.name || "", value: button?.value || "" });
  form.append(input);
  form.submit();
}

addEventListener("submit", (event) => {
  const form = event.target;
  if (form !== bulk && !form.hasAttribute("data-undo")) return;
  event.preventDefault();
  if (form.hasAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  send(form, event.submitter)
    .catch(() => plainly(form, event.submitter))
    .finally(() => form.removeAttribute("aria-busy"));
});

// Enter in a field does what its own sheet says: these forms have several.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("form:is(.bulk, .filter) .drop__sheet :is(input, select)")) return;
  event.preventDefault();
  event.target.closest(".drop__sheet").querySelector("[type=submit]").click();
});

toasts.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.parentElement.remove());
bulk?.addEventListener("reset", () => setTimeout(count));
const all = bulk?.querySelector("[data-all]");
if (all) {
  all.hidden = false;
  all.addEventListener("click", () => {
    for (const box of boxes()) box.checked = true;
    count();
  });
}

// ── The filter's form above the list ───────────────────────────────────────────────────────────
const panel = document.getElementById("filter-panel");
const opener = document.querySelector("[data-filter]");

function closePanel() {
  panel.replaceChildren();
  opener.setAttribute("aria-expanded", "false");
  opener.focus();
}

function show(html, { added = false } = {}) {
  panel.innerHTML = html;
  opener.setAttribute("aria-expanded", "true");
  const wrong = panel.querySelector("[aria-invalid=true]");
  const row = panel.querySelector(".filter__row:last-child select");
  (wrong || (added && row) || panel.querySelector("select, button:not([tabindex])"))?.focus();
}

opener?.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (panel.firstElementChild) return void closePanel();
  asked(opener.href, "form")
    .then((response) => response.text())
    .then(show)
    .catch(() => (location.href = opener.href));
});

panel.addEventListener("submit", (event) => {
  event.preventDefault();
  const { target: form, submitter } = event;
  asked(form.action, "form", { method: "POST", body: new FormData(form, submitter) })
    .then(async (response) => {
      const place = response.headers.get("X-Place");
      if (place) location.href = place;
      else show(await response.text(), { added: submitter?.value === "add" });
    })
    .catch(() => plainly(form, submitter));
});

count();
watch();
comeBack();

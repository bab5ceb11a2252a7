// The queue and the case follow what happens elsewhere. A screen fetches itself anew and takes over
// what is different, so whatever it shows (a view, columns, an order) it shows alike both times.
// Nothing moves under the pointer or the cursor, and nothing that was typed is touched.

// Between two looks; longer where a look takes long, so that a crowd cannot press. A queue is looked
// at by many at a time, a case by one or two.
const QUEUE = { rest: 2000, share: 10 };
const CASE = { rest: 400, share: 2 };
const RAIL = { rest: 30_000, share: 20 };
const AFTER_FAILURE = 8000;
const IDLE = 60_000; // who touches nothing for so long aims at nothing
const MOST_PAGES = 6;
const still = matchMedia("(prefers-reduced-motion: reduce)");

let ended = false; // signed out: there is nothing to look at any more
let acted = performance.now();
for (const name of ["pointermove", "keydown", "wheel", "touchstart"])
  addEventListener(name, () => (acted = performance.now()), { passive: true });

const rows = document.querySelector("[data-queue]");
const ticket = document.querySelector("[data-ticket]");
const follows = document.querySelector("[data-follows]"); // a page whose parts follow, and no more
const rail = pacer(lookAtRail, RAIL);
const look = ticket ? pacer(lookAtCase, CASE) : rows ? pacer(lookAtQueue, QUEUE) : follows ? pacer(lookAtPage, QUEUE) : rail;

document.addEventListener("plazo:live", ({ detail }) => {
  if (detail.topic !== "tickets") return;
  if (!ticket) look();
  else if (detail.ticket !== Number(ticket.dataset.ticket)) rail();
  else if (detail.sequence > shownUpTo()) look();
});
document.addEventListener("plazo:catch-up", () => look());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const each of new Set([look, rail])) if (each.missed) each();
});

// ── Looking: soon after the news, seldom enough, and only while somebody sees it ────────────────
function pacer(run, { rest, share }) {
  let timer = 0;
  let running = false;
  let ready = 0;
  const ask = () => {
    ask.missed = document.hidden || running;
    if (document.hidden || running || timer || ended) return;
    // Many hear the same news at the same instant; they do not all come at that instant.
    timer = setTimeout(go, Math.max(100 + Math.random() * 300, ready - performance.now()));
  };
  const go = async () => {
    timer = 0;
    running = true;
    const began = performance.now();
    let pause = rest;
    try {
      await run();
    } catch {
      ask.missed = true;
      pause = AFTER_FAILURE;
    }
    const took = performance.now() - began;
    ready = performance.now() + Math.max(pause, share * took) * (0.75 + Math.random() / 2);
    running = false;
    // What was said while the page was on its way may not be in it.
    if (ask.missed) ask();
  };
  ask.missed = false;
  return ask;
}

async function fetchPage(address) {
  const answer = await fetch(address, { headers: { "X-Plazo-Live": "1" } });
  if (new URL(answer.url).pathname.startsWith("/accounts/")) {
    ended = true;
    document.dispatchEvent(new CustomEvent("plazo:ended"));
  }
  if (answer.redirected || !answer.ok) throw new Error(`${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// ── Parts of any screen: the rail's counts, the horizon, the bar ────────────────────────────────
const COUNTED = ".rail nav a[href]";

function takeOverParts(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next && !isInHand(part) && gist(part) !== gist(next)) part.innerHTML = next.innerHTML;
  }
  const counts = new Map([...fresh.querySelectorAll(COUNTED)].map((link) => [link.getAttribute("href"), link]));
  for (const link of document.querySelectorAll(COUNTED)) {
    const count = link.querySelector(".count");
    const next = counts.get(link.getAttribute("href"))?.querySelector(".count");
    if (count && next && count.outerHTML !== next.outerHTML) count.replaceWith(next.cloneNode(true));
  }
}

// Of a part, what the server said: the seconds that tick, the cursor, what is folded open are ours,
// and a form's token is another one each time.
function gist(part) {
  const copy = part.cloneNode(true);
  for (const left of copy.querySelectorAll("[data-left]")) left.textContent = "";
  for (const name of ["aria-current", "open"])
    for (const marked of copy.querySelectorAll(`[${name}]`)) marked.removeAttribute(name);
  for (const token of copy.querySelectorAll('[name="csrfmiddlewaretoken"]')) token.removeAttribute("value");
  return copy.innerHTML;
}

function isInHand(part) {
  if (part.contains(document.activeElement)) return true;
  return [...part.querySelectorAll("input, select, textarea")].some(isChanged);
}

function isChanged(field) {
  if (field.type === "hidden" || field.type === "submit") return false;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") {
    const given = [...field.options].some((option) => option.defaultSelected);
    return [...field.options].some((option, at) => option.selected !== (given ? option.defaultSelected : at === 0));
  }
  return field.value !== field.defaultValue;
}

async function lookAtRail() {
  takeOverParts(await fetchPage(document.querySelector(".rail .logo").href));
}

async function lookAtPage() {
  takeOverParts(await fetchPage(location.href));
}

// ── The queue ───────────────────────────────────────────────────────────────────────────────────
let latest = null;
const bar = document.querySelector(".queue-news");
const numbers = (part) => [...part.querySelectorAll("[data-number]")];

async function lookAtQueue() {
  const shown = numbers(rows).length;
  const fresh = await fetchPage(location.href);
  const list = fresh.querySelector("[data-queue]");
  if (!list) return;
  // Pages that were added below are looked at too, for a row may come from there or go there.
  let more = list.querySelector(".q-more a");
  for (let page = 1; more && page < MOST_PAGES && numbers(list).length < shown; page += 1) {
    const next = (await fetchPage(new URL(more.getAttribute("href"), location.href))).querySelector("[data-queue]");
    merge(list, next);
    more = list.querySelector(".q-more a");
  }
  takeOverParts(fresh);
  latest = list;
  settle();
}

function merge(list, next) {
  const name = (section) => section?.dataset.part ?? section?.querySelector("h2")?.textContent.replace(/\d/g, "").trim();
  list.querySelector(".q-more")?.remove();
  for (const part of [...next.children]) {
    const last = [...list.querySelectorAll("section")].at(-1);
    if (part.matches("section") && name(part) === name(last)) {
      last.querySelector("ol").append(...part.querySelectorAll("ol > *"));
      const count = last.querySelector("h2 .count");
      if (count) count.textContent = numbers(last).length;
    } else list.append(part);
  }
}

// Is somebody about to press a row? Then rows stay where they are.
function isHeld() {
  if (performance.now() - acted > IDLE) return false;
  const row = rows.querySelector("[data-number]:hover") || document.activeElement;
  return Boolean(row?.closest("[data-queue] [data-number]"));
}

function settle(anyway = false) {
  if (!latest) return;
  const here = new Map(numbers(rows).map((row) => [row.dataset.number, row]));
  const there = numbers(latest);
  const before = [...here.keys()].join();
  const moves = before !== there.map((row) => row.dataset.number).join();
  const changed = there.filter((row) => here.has(row.dataset.number) && gist(row) !== gist(here.get(row.dataset.number)));
  const stays = new Set(there.map((row) => row.dataset.number));
  const leaves = [...here].filter(([number]) => !stays.has(number));
  // A row that was chosen for something must not vanish from the choice unseen.
  const isChosen = leaves.some(([, row]) => row.querySelector("input[type=checkbox]:checked"));
  if (moves && (isHeld() || isChosen) && !anyway) {
    for (const row of changed) renew(here.get(row.dataset.number), row.cloneNode(true));
    for (const [number, row] of here) row.toggleAttribute("data-left-view", !stays.has(number));
    const comes = there.filter((row) => !here.has(row.dataset.number)).length;
    return offer(comes + leaves.length || 1);
  }
  bar.hidden = true;
  if (!moves && !changed.length && headings(rows) === headings(latest)) return void (latest = null);
  const keep = new Map(there.map((row) => [row, here.get(row.dataset.number)]));
  arrange(keep, new Set(changed));
  latest = null;
}

const headings = (part) => [...part.querySelectorAll("h2")].map((heading) => heading.textContent).join("|");

function offer(count) {
  const button = bar.querySelector("button");
  bar.querySelector("[data-says]").textContent = count === 1 ? button.dataset.one : button.dataset.many.replace("{number}", count);
  bar.hidden = false;
}

// What the person chose on a row (the cursor, a tick, the focus) stays on it.
function renew(old, fresh) {
  const focused = old.contains(document.activeElement);
  const was = old.querySelector("[aria-current]");
  if (was) fresh.querySelector(".q-row")?.setAttribute("aria-current", was.getAttribute("aria-current"));
  for (const box of old.querySelectorAll("input[type=checkbox]:checked")) {
    const twin = fresh.querySelector(`input[type=checkbox][value="${CSS.escape(box.value)}"]`);
    if (twin) twin.checked = true;
  }
  old.replaceWith(fresh);
  if (focused) fresh.querySelector("a")?.focus({ preventScroll: true });
  return fresh;
}

function arrange(keep, changed) {
  const tops = new Map(numbers(rows).map((row) => [row.dataset.number, row.getBoundingClientRect().top]));
  const focused = document.activeElement?.closest("[data-queue] [data-number]")?.dataset.number;
  for (const [fresh, old] of keep) {
    if (!old) continue;
    if (changed.has(fresh)) renew(old, fresh.cloneNode(true));
  }
  const here = new Map(numbers(rows).map((row) => [row.dataset.number, row]));
  for (const fresh of keep.keys()) {
    const mine = here.get(fresh.dataset.number);
    mine?.removeAttribute("data-left-view");
    if (mine) fresh.replaceWith(mine);
  }
  // What watches for the end of the list goes on watching.
  const more = rows.querySelector(".q-more");
  const next = latest.querySelector(".q-more");
  if (more && next) {
    more.querySelector("a").href = next.querySelector("a").href;
    next.replaceWith(more);
  }
  rows.replaceChildren(...latest.children);
  if (focused) rows.querySelector(`[data-number="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: true });
  if (!still.matches) for (const row of numbers(rows)) slide(row, tops.get(row.dataset.number));
  document.dispatchEvent(new CustomEvent("plazo:rows"));
}

function slide(row, from) {
  const timing = { duration: 180, easing: "cubic-bezier(0.2, 0, 0, 1)" };
  const by = from === undefined ? 0 : from - row.getBoundingClientRect().top;
  if (from === undefined) row.animate([{ opacity: 0 }, { opacity: 1 }], timing);
  else if (by && Math.abs(by) < innerHeight) row.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], timing);
}

if (rows) {
  bar.querySelector("button").addEventListener("click", () => settle(true));
  // What waited for the pointer or the focus to leave, settles then.
  const later = () => setTimeout(() => latest && settle(), 400);
  rows.addEventListener("pointerleave", later);
  rows.addEventListener("focusout", later);
  setInterval(() => latest && settle(), 15_000);
  // A countdown that turns makes a row belong elsewhere.
  new MutationObserver((changes) => {
    if (changes.some(({ target, oldValue }) => oldValue && target.dataset.row !== oldValue)) look();
  }).observe(rows, { attributes: true, attributeFilter: ["data-row"], attributeOldValue: true, subtree: true });
}

// ── One case ────────────────────────────────────────────────────────────────────────────────────
const thread = ticket?.querySelector(".thread");
const scroller = ticket?.querySelector(".ticket__scroll");
const writer = ticket?.querySelector("form.composer");
const pill = ticket?.querySelector("[data-arrived-pill]");
const note = ticket?.querySelector("[data-arrived-note]");
let arrived = [];

const entriesOf = (page) => [...page.querySelectorAll(".thread > li[id]")].filter((entry) => /^e\d+$/.test(entry.id));
const sequenceOf = (entry) => Number(entry.id.slice(1));
const shown = () => entriesOf(document);
const shownUpTo = () => Math.max(0, ...[...shown(), ...arrived].map(sequenceOf));

// Who did what, as far as the news said so: each speaks for all entries since the one before.
const authors = new Map();
document.addEventListener("plazo:live", ({ detail }) => {
  if (detail.ticket === Number(ticket?.dataset.ticket)) authors.set(detail.sequence, detail.by);
});
function isMine(entry) {
  const said = [...authors.keys()].filter((sequence) => sequence >= sequenceOf(entry));
  return authors.get(Math.min(...said)) === `agent:${ticket.dataset.me}`;
}

async function lookAtCase() {
  const fresh = await fetchPage(ticket.dataset.page);
  takeOverParts(fresh);
  takeOverSections(fresh);
  const known = shownUpTo();
  const entries = entriesOf(fresh).filter((entry) => sequenceOf(entry) > known);
  if (!entries.length) return;
  arrived.push(...entries.map((entry) => document.adoptNode(entry)));
  const messages = arrived.filter((entry) => entry.matches(".msg") && !isMine(entry));
  const atEnd = seesTheEnd();
  if (!messages.length) show(atEnd);
  else if (isWriting()) warn(messages.at(-1));
  else if (atEnd) show(true);
  else tell(messages.length);
}

function tell(count) {
  const says = pill.querySelector("[data-says]");
  says.textContent = count === 1 ? says.dataset.one : says.dataset.many.replace("{number}", count);
  pill.hidden = false;
}

// On a wide screen the pane scrolls, on a phone the page.
function seesTheEnd() {
  const bottom = Math.min(scroller.getBoundingClientRect().bottom, innerHeight);
  return (shown().at(-1)?.getBoundingClientRect().bottom ?? 0) < bottom + 80;
}

const isWriting = () => Boolean(writer?.elements.body?.value.trim());

function warn(entry) {
  const says = note.querySelector("[data-says]");
  const name = entry.querySelector(".msg__meta b")?.textContent || "";
  says.textContent = says.dataset[entry.matches(".msg--note") ? "note" : "message"].replace("{name}", name);
  pill.hidden = true;
  note.hidden = false;
}

// Put what came below what was there; whoever sends from now on has seen it.
function show(scroll, focus = false) {
  // Another script may have taken them over meanwhile.
  arrived = arrived.filter((entry) => !document.getElementById(entry.id));
  const [first] = arrived.filter((entry) => entry.matches(".msg"));
  const last = shown().at(-1);
  last ? last.after(...arrived) : thread.append(...arrived);
  haveSeen();
  arrived = [];
  pill.hidden = note.hidden = true;
  if (focus && first) {
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
    first.scrollIntoView({ block: "start", behavior: still.matches ? "auto" : "smooth" });
  } else if (scroll) shown().at(-1)?.scrollIntoView({ block: "nearest" });
}

function haveSeen() {
  const seen = writer?.elements.seen;
  if (seen) seen.value = String(Math.max(Number(seen.value), shownUpTo()));
}

// The facts beside it, one section at a time; one in which somebody is choosing stays.
function takeOverSections(fresh) {
  const side = ticket.querySelector("[data-sections]");
  const there = fresh.querySelector("[data-sections]");
  if (!side || !there) return;
  const old = [...side.children];
  const named = (section, at) => section.getAttribute("aria-labelledby") || section.id || String(at);
  const byName = new Map(old.map((section, at) => [named(section, at), section]));
  const next = [...there.children].map((section, at) => {
    const mine = byName.get(named(section, at));
    if (mine && (isInHand(mine) || gist(mine) === gist(section))) return mine;
    const open = mine ? [...mine.querySelectorAll("details")].map((details) => details.open) : [];
    section.querySelectorAll("details").forEach((details, at) => (details.open ||= Boolean(open[at])));
    return document.adoptNode(section);
  });
  if (next.length === old.length && next.every((section, at) => section === old[at])) return;
  for (const section of old) if (isInHand(section) && !next.includes(section)) return;
  // Put each in its place without taking the others out: the focus is in one of them.
  next.forEach((section, at) => {
    if (side.children[at] !== section) side.insertBefore(section, side.children[at] || null);
  });
  while (side.children.length > next.length) side.lastElementChild.remove();
}

// ── Who else is at this case ────────────────────────────────────────────────────────────────────
const HERE = 12_000;
const PAUSE = 8000; // who has not typed for so long is looking again

if (ticket && writer) {
  for (const button of ticket.querySelectorAll("[data-show]")) button.addEventListener("click", () => show(false, true));
  note.querySelector("[data-go-on]").addEventListener("click", () => {
    haveSeen();
    note.hidden = true;
    tell(arrived.filter((entry) => entry.matches(".msg")).length);
    writer.elements.body.focus();
  });

  const place = document.querySelector("[data-presence]");
  let doing = "";
  let typed = 0;
  const body = (word) => {
    const sent = new FormData();
    sent.append("doing", word);
    sent.append("csrfmiddlewaretoken", writer.elements.csrfmiddlewaretoken.value);
    return sent;
  };
  const showWho = async (answer) => {
    try {
      const said = await answer;
      if (said.ok && !said.redirected) place.innerHTML = await said.text();
    } catch {
      // Without a connection nobody is here that we know of; it is asked again soon.
    }
  };
  const here = () => showWho(fetch(place.dataset.presence, { method: "POST", body: body(doing) }));
  const leave = () => navigator.sendBeacon(place.dataset.presence, body("gone"));
  const turn = (next) => {
    if (next === doing) return;
    doing = next;
    here();
  };
  writer.addEventListener("input", () => {
    typed = performance.now();
    if (isWriting()) turn(new FormData(writer).get("kind") === "note" ? "note" : "reply");
  });
  setInterval(() => {
    if (doing && performance.now() - typed > PAUSE) turn("");
  }, 1000);
  setInterval(() => document.hidden || here(), HERE);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && here());
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : here()));
  document.addEventListener("plazo:live", ({ detail }) => {
    if (detail.topic !== `ticket:${ticket.dataset.ticket}` || detail.presence === Number(ticket.dataset.me)) return;
    showWho(fetch(place.dataset.presence));
  });
  if (!document.hidden) here();
}

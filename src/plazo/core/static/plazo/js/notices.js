// Notices: the count in the rail follows along, and the browser shows what a person wants to be told
// by it. Permission is asked for by a click alone; of all open tabs one shows a notice, once.
const bell = document.querySelector("[data-notices]");
const SHOWN = "plazo:shown-notices";
const KEEP = 50;
const HEAD_START = 400; // the tab in which somebody reads the case says so first
const seenHere = new Set();

const allowed = () => "Notification" in window && Notification.permission === "granted";
const watched = (url) => document.visibilityState === "visible" && location.pathname === url;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function ask(query) {
  const answer = await fetch(`${bell.dataset.news}${query}`, { headers: { Accept: "application/json" } });
  if (!answer.ok || answer.redirected) return null;
  return answer.json();
}

function count(unread) {
  for (const place of document.querySelectorAll("[data-unread]")) place.textContent = unread;
}

// Say whether this tab is the first to take a notice. Tabs take turns, and remember what was taken.
async function first(key) {
  const take = () => {
    let shown = [];
    try {
      shown = JSON.parse(localStorage.getItem(SHOWN) ?? "[]");
      if (shown.includes(key)) return false;
      localStorage.setItem(SHOWN, JSON.stringify([...shown, key].slice(-KEEP)));
    } catch {
      // Without storage every tab is the first; the notice's tag makes them one all the same.
    }
    return true;
  };
  return navigator.locks ? navigator.locks.request(SHOWN, take) : take();
}

function show({ title, body, tag, url }) {
  const notice = new Notification(title, { body, tag, renotify: true, lang: document.documentElement.lang });
  notice.onclick = () => {
    notice.close();
    focus();
    // Whoever is writing here keeps what they write.
    if ([...document.querySelectorAll("textarea")].some((field) => field.value)) open(url, "_blank", "noopener");
    else location.assign(url);
  };
}

async function read(notices) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value;
  for (const notice of notices) {
    await fetch(bell.dataset.read, { method: "POST", redirect: "manual", headers: { "X-CSRFToken": token }, body: new URLSearchParams({ notice, silent: "1" }) });
  }
  const said = await ask("");
  if (said) count(said.unread);
}

async function hear({ notice, waited, browser }) {
  const said = await ask(notice ? `?notice=${notice}` : `?waited=${waited}`);
  if (!said) return;
  count(said.unread);
  follow().catch(() => {});
  if (notice && location.pathname === said.url) seenHere.add(notice);
  if (watched(said.url)) {
    await first(said.key);
    lookedAt();
    return;
  }
  if (!browser || !allowed()) return;
  await pause(HEAD_START);
  if (await first(said.key)) show(said);
}

// What came for the case of this page is read once somebody sees the page.
function lookedAt() {
  if (document.visibilityState !== "visible" || !seenHere.size) return;
  const notices = [...seenHere];
  seenHere.clear();
  read(notices);
}

// The list of notices follows along, unless somebody stands in it.
async function follow() {
  const list = document.querySelector(".notices");
  if (!list || new URLSearchParams(location.search).has("after") || list.contains(document.activeElement)) return;
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...fresh.querySelector(".notices").childNodes);
}

if (bell) {
  const topic = `agent:${bell.dataset.notices}`;
  document.addEventListener("plazo:live", ({ detail }) => {
    if (detail?.topic === topic && (detail.notice || detail.waited)) hear(detail).catch(() => {});
  });
  document.addEventListener("plazo:catch-up", () => {
    ask("").then((said) => said && count(said.unread), () => {});
    follow().catch(() => {});
  });
  document.addEventListener("visibilitychange", lookedAt);
}

// ── Where a person chooses how they are told ───────────────────────────────────────────────────
const browser = document.querySelector("[data-browser]");
if (browser && "Notification" in window) {
  const look = () => {
    for (const part of browser.querySelectorAll("[data-permission]")) part.hidden = part.dataset.permission !== Notification.permission;
  };
  look();
  browser.hidden = false;
  browser.querySelector("[data-ask]").addEventListener("click", async () => {
    await Notification.requestPermission();
    look();
  });
  browser.querySelector("[data-try]").addEventListener("click", ({ currentTarget }) => {
    const { title, body } = currentTarget.dataset;
    show({ title, body, tag: "plazo-trial", url: location.pathname });
  });
}

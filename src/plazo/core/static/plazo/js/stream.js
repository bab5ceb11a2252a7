// One stream of news for the whole browser. As a shared worker it serves every tab through one
// connection, because a browser opens six to a host and a desk has seven tabs; where there are no
// shared workers, a tab imports it and serves itself.
const BEAT = 40_000; // the server beats every 15 s: whoever is silent for so long is gone
const LONGEST = 30_000;

const ports = new Map(); // each tab's port, with what it asked for
let source = null;
let address = "";
let state = "connecting";
let since = 0;
let heard = 0;
let pause = 1000;
let timer = 0;

// `stream`: the address; `since`: when the tab's page was made; `case`: the case that it shows.
export function serve(port) {
  port.onmessage = ({ data }) => {
    if (data.bye) ports.delete(port);
    else ports.set(port, data);
    if (!ports.size) return void (timer || (timer = setTimeout(rest, 5000)));
    if (data.bye) return;
    since ||= data.since;
    port.postMessage({ state });
    if (!source || wanted() !== address) later(0);
    // A tab that comes later knows less than the stream does: it looks for itself.
    if (since && data.since < since) port.postMessage({ resync: true });
  };
  port.start?.();
}

function tell(message) {
  for (const port of ports.keys()) port.postMessage(message);
}

function become(next) {
  if (state === next) return;
  state = next;
  tell({ state });
}

function wanted() {
  const [first] = ports.values();
  if (!first) return "";
  const cases = [...new Set([...ports.values()].map((asked) => asked.case).filter(Boolean))].sort();
  return `${first.stream}?${cases.map((number) => `case=${encodeURIComponent(number)}&`).join("")}`;
}

function rest() {
  timer = 0;
  if (ports.size) return;
  source?.close();
  source = null;
  since = 0;
}

function later(wait) {
  clearTimeout(timer);
  timer = setTimeout(open, wait);
}

// The old stream goes only when the new one is there, so nothing falls between them.
function open() {
  clearTimeout(timer);
  timer = 0;
  const before = source;
  address = wanted();
  if (!address) return;
  const mine = new EventSource(`${address}since=${since}`);
  source = mine;
  heard = Date.now();
  const hear = ({ lastEventId }) => {
    heard = Date.now();
    if (lastEventId) since = Number(lastEventId);
  };
  mine.addEventListener("beat", hear);
  mine.addEventListener("message", (event) => {
    hear(event);
    tell({ news: JSON.parse(event.data) });
  });
  mine.addEventListener("state", (event) => {
    hear(event);
    const { state: said } = JSON.parse(event.data);
    if (said === "open") {
      before?.close();
      pause = 1000;
      become("live");
    } else if (said === "resync") {
      become("live");
      tell({ resync: true });
    } else if (said === "down") become("lost");
    else if (said === "ended") lose(mine, LONGEST);
    else lose(mine, 0); // the server is about to stop, or has given our place to another
  });
  mine.addEventListener("error", () => {
    before?.close();
    if (source === mine) lose(mine);
  });
}

// Many lose their stream at the same instant; they must not come back at the same instant.
function lose(mine, least = 0) {
  mine.close();
  if (source !== mine) return;
  source = null;
  become("lost");
  later(Math.max(least, pause) * (0.5 + Math.random()));
  pause = Math.min(pause * 2, LONGEST);
}

// After a sleep a connection may look open and be dead.
setInterval(() => {
  if (source && Date.now() - heard > BEAT) lose(source);
}, 10_000);

if ("onconnect" in globalThis) globalThis.onconnect = (event) => serve(event.ports[0]);

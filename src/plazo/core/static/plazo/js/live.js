// The desk's screens hear what happened elsewhere. Other modules listen on `document`:
//   plazo:live      detail: one piece of news, its `topic`, keys and numbers
//   plazo:catch-up  what was heard may have gaps: look again
// Without a stream the screen says so and looks again every 30 s.
const POLL = 30_000;
const PATIENCE = 4000; // a page that is being left loses its stream, too
const place = document.getElementById("live");

if (place) follow();

function follow() {
  const asked = {
    stream: place.dataset.stream,
    case: document.querySelector("[data-case]")?.dataset.case || "",
    since: Date.parse(document.documentElement.dataset.now) || 0,
  };
  const banner = document.getElementById("live-lost");
  const signedOut = document.getElementById("live-ended");
  let port = null;
  let state = "connecting";
  let lostAt = 0;
  let hiddenAt = 0;
  let lookedAt = Date.now();

  const say = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
  const catchUp = (why) => {
    lookedAt = Date.now();
    say("plazo:catch-up", { why });
  };

  const hear = ({ data }) => {
    if (data.news) say("plazo:live", data.news);
    if (data.resync) catchUp("gap");
    if (data.state) become(data.state);
  };

  const become = (next) => {
    if (next === state) return;
    const wasLost = state === "lost";
    state = next;
    lostAt = next === "lost" ? Date.now() : 0;
    if (next === "lost") return void setTimeout(show, PATIENCE);
    if (wasLost) catchUp("back");
    show();
  };

  const show = () => {
    const lost = state === "lost" && Date.now() - lostAt >= PATIENCE - 50;
    place.dataset.state = lost ? "lost" : "live";
    if (state === "live") place.hidden = false;
    if (lost && banner.hidden) {
      const at = new Date(lostAt);
      banner.querySelector("[data-since]").textContent =
        `${at.getHours()}:${String(at.getMinutes()).padStart(2, "0")}`;
    }
    // Without any connection at all, the page's own note says more.
    banner.hidden = !lost || !navigator.onLine || !signedOut.hidden;
  };

  const connect = async () => {
    if (port || !asked.stream) return;
    try {
      if (globalThis.SharedWorker) {
        port = new SharedWorker(place.dataset.worker, { type: "module", name: "plazo" }).port;
      } else {
        const channel = new MessageChannel();
        port = channel.port1;
        (await import(place.dataset.worker)).serve(channel.port2);
      }
      port.onmessage = hear;
      port.postMessage(asked);
    } catch {
      become("lost");
    }
  };

  const leave = () => {
    port?.postMessage({ bye: true });
    port = null;
  };

  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    connect();
    catchUp("return");
  });
  addEventListener("online", () => {
    catchUp("online");
    show();
  });
  addEventListener("offline", show);
  document.addEventListener("visibilitychange", () => {
    // A tab that serves itself would take one of the browser's few connections for nothing.
    if (!globalThis.SharedWorker) document.hidden ? leave() : connect();
    if (document.hidden) hiddenAt = Date.now();
    else if (Date.now() - hiddenAt > POLL) catchUp("visible");
  });
  document.addEventListener("plazo:ended", () => {
    signedOut.querySelector("a").href = document.querySelector("[data-page]")?.dataset.page || location.href;
    signedOut.hidden = false;
    leave();
    show();
  });
  banner.querySelector("button").addEventListener("click", () => catchUp("asked"));
  setInterval(() => {
    if (state !== "live" && !document.hidden && signedOut.hidden && Date.now() - lookedAt >= POLL - 500) catchUp("poll");
  }, 5000);
  connect();
}

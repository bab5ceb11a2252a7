// The help center's own behaviours: suggestions as one types, code with a button, the contents of an
// article. Every page works without them.

// ── Suggestions under a search field ───────────────────────────────────────────────────────────
const WAIT = 160;

export function suggestInto(field, place, address, { minimum = 2, onShown } = {}) {
  let timer = 0;
  let asked = "";
  let request = null;
  const ask = async () => {
    const text = field.value.trim();
    if (text === asked) return;
    asked = text;
    request?.abort();
    if (text.length < minimum) {
      place.replaceChildren();
      place.hidden = true;
      return;
    }
    request = new AbortController();
    try {
      const answer = await fetch(address(text), { signal: request.signal });
      const html = answer.status === 200 ? (await answer.text()).trim() : "";
      place.innerHTML = html; // our own page's fragment: escaped by the server
      place.hidden = !html;
      onShown?.(place);
    } catch {
      // Aborted by the next letter, or no connection: the search itself still works.
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  return { ask, forget: () => (asked = "") };
}

for (const form of document.querySelectorAll("form[data-suggest]")) {
  const field = form.querySelector('input[type="search"]');
  const place = form.querySelector("[data-suggestions]");
  const voice = document.getElementById("announcements");
  const ask = suggestInto(field, place, (text) => `${form.dataset.suggest}?q=${encodeURIComponent(text)}`, {
    onShown: () => {
      if (voice && !place.hidden) voice.textContent = form.dataset.found;
    },
  });
  const close = () => {
    place.hidden = true;
    ask.forget();
  };
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !place.hidden) {
      event.preventDefault();
      close();
      field.focus();
      return;
    }
    if (place.hidden || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    const stops = [field, ...place.querySelectorAll("a")];
    const at = stops.indexOf(document.activeElement);
    const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  });
  document.addEventListener("click", (event) => {
    if (!form.contains(event.target)) close();
  });
  form.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !form.contains(event.relatedTarget)) close();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const field = document.querySelector('form[role="search"] input[type="search"]');
  if (!field) return;
  event.preventDefault();
  field.focus();
});

// ── Filters apply at once ──────────────────────────────────────────────────────────────────────
for (const form of document.querySelectorAll("form[data-auto]")) {
  for (const button of form.querySelectorAll("[data-auto-hide]")) button.hidden = true;
  form.addEventListener("change", () => form.requestSubmit());
}

// ── Code with a button to copy it; headings with their address ─────────────────────────────────
const prose = document.querySelector(".prose[data-copy-label]");
if (prose) {
  const sprite = document.querySelector("use")?.getAttribute("href").split("#")[0];
  for (const block of prose.querySelectorAll(".code")) {
    if (!navigator.clipboard) break;
    let bar = block.querySelector(".code__bar");
    if (!bar) {
      bar = document.createElement("div");
      bar.className = "code__bar";
      bar.append(document.createElement("span"));
      block.prepend(bar);
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn--quiet btn--sm";
    button.innerHTML = `<svg class="i" aria-hidden="true"><use href="${sprite}#i-copy"></use></svg>`;
    const label = document.createElement("span");
    label.textContent = prose.dataset.copyLabel;
    button.append(label);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      label.textContent = prose.dataset.copiedLabel;
      setTimeout(() => (label.textContent = prose.dataset.copyLabel), 2000);
    });
    bar.append(button);
  }
}

const contents = document.querySelector("[data-toc]");
if (contents && "IntersectionObserver" in window) {
  const links = new Map(
    [...contents.querySelectorAll("a")].map((link) => [decodeURIComponent(link.hash.slice(1)), link]),
  );
  const mark = (id) => {
    for (const [key, link] of links)
      key === id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  };
  const seen = new IntersectionObserver(
    (entries) => {
      const top = entries.filter((entry) => entry.isIntersecting)[0];
      if (top) mark(top.target.id);
    },
    { rootMargin: "0px 0px -70% 0px" },
  );
  for (const id of links.keys()) {
    const heading = document.getElementById(id);
    if (heading) seen.observe(heading);
  }
}

// ── What was kept of a form goes when the server says that it arrived ──────────────────────────
const arrived = document.querySelector("[data-draft-done]");
try {
  if (arrived) localStorage.removeItem(`plazo:form:${arrived.dataset.draftDone}`);
} catch {
  // No storage here.
}

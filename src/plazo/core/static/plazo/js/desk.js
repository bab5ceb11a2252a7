// Keys of the desk. Single keys are ignored in fields; the second of a sequence waits 1.2 s.
const rows = [...document.querySelectorAll(".q-row")];
const typing = (event) => event.target.closest("input, textarea, select, [contenteditable]");
let first = "";
let timer = 0;

function move(step) {
  const at = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const to = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  if (!to) return;
  for (const row of rows) row.removeAttribute("aria-current");
  to.setAttribute("aria-current", "true");
  to.focus();
}

const more = document.querySelector(".tabbar__more");

// The field of the rail, or where there is no rail, the one in the tab bar's sheet.
function search(event) {
  const rail = document.getElementById("search");
  const narrow = !rail.closest(".rail").checkVisibility();
  event.preventDefault();
  if (narrow) more.open = true;
  (narrow ? more.querySelector("input") : rail).focus();
}

addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.closest("form")?.requestSubmit();
    return;
  }
  if (event.key === "Escape" && more.open) {
    event.preventDefault(); // the browser would empty the field
    more.open = false;
    more.querySelector("summary").focus();
    return;
  }
  if (typing(event)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (first === "g") {
    const link = document.querySelector(`[data-go="${event.key}"]`);
    first = "";
    if (link) link.click();
    return;
  }
  const press = (selector) => {
    const target = document.querySelector(selector);
    if (!target) return;
    event.preventDefault();
    target.matches("input:not([type=radio]), textarea, select") ? target.focus() : target.click();
  };
  switch (event.key) {
    case "g":
      first = "g";
      clearTimeout(timer);
      timer = setTimeout(() => (first = ""), 1200);
      break;
    case "j":
      move(1);
      break;
    case "k":
      move(-1);
      break;
    case "/":
      search(event);
      break;
    case "u":
      press("[data-key=u]");
      break;
    case "w":
      press("[data-key=w]");
      break;
    case "i":
      press("[data-key=i]");
      break;
    case "r":
    case "n":
      press(`[name="kind"][value="${event.key === "r" ? "reply" : "note"}"]`);
      document.getElementById("body")?.focus();
      break;
    default:
      if (/^[a-z]$/.test(event.key)) press(`[data-key="${event.key}"]`);
  }
});

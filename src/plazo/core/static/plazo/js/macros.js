// Macros on a case: their words go where one writes, and what is written there already stays.
const menu = document.querySelector("[data-macros]");
const text = document.getElementById("body");

function write(words) {
  if (!words || !text) return;
  const gap = text.value && !/\n$/.test(text.value) ? "\n\n" : "";
  text.setRangeText(gap + words, text.value.length, text.value.length, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.dispatchEvent(new Event("change", { bubbles: true }));
}

// The server puts the words into an empty composer; here they join what is in it.
function use(form) {
  write(form.dataset.words);
  form.dataset.words = "";
  const written = document.createElement("input");
  written.type = "hidden";
  written.name = "written";
  written.value = "1";
  form.append(written);
}

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-macro]")) return;
  use(form);
  if (form.dataset.acts !== "0") return;
  event.preventDefault();
  menu.open = false;
  text.focus();
});

menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  event.preventDefault();
  menu.open = false;
  menu.querySelector("summary").focus();
});

addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});

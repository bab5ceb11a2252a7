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

// Has the composer keep its draft now; it says when that is done, if it is there to keep one.
const keep = (told) => text?.form.dispatchEvent(new CustomEvent("plazo:keep", { detail: told }));

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

// What was applied is applied: its words are kept as a draft, and this address, read again, must not
// put them beside it.
const here = new URL(location);
if (here.searchParams.has("macro")) {
  here.searchParams.delete("macro");
  text?.dispatchEvent(new Event("input", { bubbles: true })); // this browser's own copy is of them too
  keep((kept) => kept.then(() => history.replaceState(history.state, "", here)));
}

addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-macro]")) return;
  use(form);
  if (form.dataset.acts !== "0") {
    // The next page shows the draft as the server has it: with these words.
    keep((kept) => {
      event.preventDefault();
      kept.then(() => form.submit());
    });
    return;
  }
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

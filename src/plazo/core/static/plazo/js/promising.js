// An instant in words: what was read out of them is shown as one types, and travels with the form, so
// that what is promised is what was shown. Without this script the form asks once before it promises.

const REST = 250;

for (const place of document.querySelectorAll("[data-instant]")) follow(place);

// The side panel is replaced as a case changes.
new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes)
      if (node.nodeType === 1)
        for (const place of node.querySelectorAll("[data-instant]")) follow(place);
}).observe(document.body, { childList: true, subtree: true });

function follow(place) {
  if (place.dataset.followed) return;
  place.dataset.followed = "yes";
  const words = place.querySelector("[data-words]");
  const understood = place.querySelector('[name="understood"]');
  const told = place.querySelector(".instant__read");
  let timer = 0;
  let asked = 0;

  const say = (text, state) => {
    told.textContent = text;
    told.dataset.state = state;
  };
  const read = async () => {
    const mine = ++asked;
    const text = words.value.trim();
    if (!text) return say("", "");
    const address = new URL(place.dataset.instant, location);
    address.searchParams.set("text", text);
    let answer;
    try {
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      answer = await response.json();
    } catch {
      return; // the form asks then
    }
    if (mine !== asked) return;
    understood.value = answer.at ?? "";
    say(answer.words ?? answer.error ?? "", answer.at ? "read" : "error");
  };
  words.addEventListener("input", () => {
    understood.value = "";
    asked += 1;
    clearTimeout(timer);
    timer = setTimeout(read, REST);
  });
  for (const quick of place.querySelectorAll("[data-says]")) {
    quick.hidden = false;
    quick.addEventListener("click", () => {
      words.value = quick.dataset.says;
      clearTimeout(timer);
      read();
    });
  }
}

// The form for a new case: people are found while one types, and their company stands below.
const field = document.querySelector("[data-people]");
const list = document.getElementById("people-known");
const standing = document.getElementById("standing");
const service = document.getElementById("id_service");
const known = new Map();
let asked = 0;
let timer = 0;

async function find() {
  const text = field.value.trim();
  const mine = ++asked;
  if (text.length < 2) return show(undefined, "");
  const query = new URLSearchParams({ q: text, service: service.value });
  let people;
  try {
    const answer = await fetch(`${field.dataset.people}?${query}`, { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    people = (await answer.json()).people;
  } catch {
    return; // the address can be typed whole
  }
  if (mine !== asked) return;
  known.clear();
  for (const person of people) known.set(person.email, person);
  list.replaceChildren(
    ...people.map((person) => {
      const option = document.createElement("option");
      option.value = person.email;
      option.label = [person.name, person.company].filter(Boolean).join(" · ");
      return option;
    }),
  );
  show(known.get(text.toLowerCase()), text);
}

// Text only: whatever a name holds, it stays a name.
function show(person, text) {
  standing.replaceChildren();
  if (!person) {
    if (/^\S+@\S+\.\S+$/.test(text)) standing.textContent = field.dataset.none;
    return;
  }
  standing.append([person.name, person.company].filter(Boolean).join(", "));
  if (!person.flag) return;
  const flag = document.createElement("span");
  flag.className = "c-risk";
  flag.textContent = ` · ${person.flag}. ${standing.dataset.warning}`;
  standing.append(flag);
}

field?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(find, 150);
});
service?.addEventListener("change", find);

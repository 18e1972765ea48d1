"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
const views = {};
const hidden = new Set();

function draw(name) {
  const place = document.getElementById(name);
  const options = { renderer: "svg", actions: false, tooltip: { theme: "custom" } };
  return vegaEmbed(place, charts[name], options).then(({ view }) => { views[name] = view; });
}

function set(names, signal, value) {
  for (const name of names) views[name]?.signal(signal, value).runAsync();
}

function press(buttons, chosen) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const name = button.dataset.optimizer;
    if (!hidden.delete(name)) hidden.add(name);
    for (const twin of document.querySelectorAll(".legend button")) {
      twin.setAttribute("aria-pressed", String(!hidden.has(twin.dataset.optimizer)));
    }
    set(Object.keys(views), "hidden", [...hidden]);
  });
}

for (const group of document.querySelectorAll(".switch")) {
  const buttons = group.querySelectorAll("button");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      press(buttons, button);
      set(["curves"], group.dataset.signal, button.dataset.value);
    });
  }
}

document.querySelector(".snippet button")?.addEventListener("click", (event) => {
  const text = document.querySelector(".snippet code");
  // Not every browser lets a page from a file write to the clipboard; there the text is selected instead.
  const select = () => { getSelection().selectAllChildren(text); event.target.textContent = "selected"; };
  if (!navigator.clipboard) return select();
  navigator.clipboard.writeText(text.textContent).then(() => { event.target.textContent = "copied"; }, select);
});

Promise.all(Object.keys(charts).map(draw)).then(() => { document.body.dataset.drawn = "yes"; });

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
  for (const name of names) {
    if (charts[name]?.params.some((param) => param.name === signal)) views[name]?.signal(signal, value).runAsync();
  }
}

function press(buttons, chosen) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

for (const button of document.querySelectorAll(".legend [data-optimizer]")) {
  button.addEventListener("click", () => {
    const name = button.dataset.optimizer;
    if (!hidden.delete(name)) hidden.add(name);
    for (const twin of document.querySelectorAll(".legend [data-optimizer]")) {
      twin.setAttribute("aria-pressed", String(!hidden.has(twin.dataset.optimizer)));
    }
    set(Object.keys(views), "hidden", [...hidden]);
  });
}

function switches(buttons, of) {
  for (const button of buttons) {
    button.addEventListener("click", () => {
      press(buttons, button);
      const { signal, figures } = of(button).dataset;
      set(figures.split(" "), signal, button.dataset.value);
    });
  }
}

for (const group of document.querySelectorAll(".switch")) switches(group.querySelectorAll("button"), () => group);
switches(document.querySelectorAll(".legend .one"), (button) => button);

function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function cell(value) {
  const text = value == null ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv(chart) {
  const named = Object.entries(chart.datasets);
  const rows = named.flatMap(([data, values]) => values.map((row) => (named.length > 1 ? { data, ...row } : row)));
  const columns = [...new Set(rows.flatMap(Object.keys))];
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

for (const place of document.querySelectorAll(".downloads")) {
  const name = place.dataset.figure;
  place.querySelector("[data-as=csv]").addEventListener("click", () => save(`${name}.csv`, csv(charts[name]), "text/csv"));
  place.querySelector("[data-as=svg]").addEventListener("click", async () => {
    const ink = getComputedStyle(document.body).color;  // outside the page nothing gives currentColor a meaning
    const drawn = (await views[name].toSVG()).replaceAll("currentColor", ink);
    save(`${name}.svg`, drawn, "image/svg+xml");
  });
}

document.querySelector(".snippet button")?.addEventListener("click", (event) => {
  const text = document.querySelector(".snippet code");
  // Not every browser lets a page from a file write to the clipboard; there the text is selected instead.
  const select = () => { getSelection().selectAllChildren(text); event.target.textContent = "selected"; };
  if (!navigator.clipboard) return select();
  navigator.clipboard.writeText(text.textContent).then(() => { event.target.textContent = "copied"; }, select);
});

Promise.all(Object.keys(charts).map(draw)).then(() => { document.body.dataset.drawn = "yes"; });

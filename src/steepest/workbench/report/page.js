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

function hide(button) {
  const name = button.dataset.optimizer;
  if (!hidden.delete(name)) hidden.add(name);
  for (const twin of document.querySelectorAll(".legend [data-optimizer]")) {
    twin.setAttribute("aria-pressed", String(!hidden.has(twin.dataset.optimizer)));
  }
  set(Object.keys(views), "hidden", [...hidden]);
}

function choose(button) {
  const group = button.closest(".switch, .legend");
  press(group.querySelectorAll("button"), button);
  const { signal, figures } = (button.dataset.signal ? button : group).dataset;
  set(figures.split(" "), signal, button.dataset.value);
}

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

async function download(button) {
  const name = button.closest(".downloads").dataset.figure;
  if (button.dataset.as === "csv") return save(`${name}.csv`, csv(charts[name]), "text/csv");
  const ink = getComputedStyle(document.body).color;  // outside the page nothing gives currentColor a meaning
  save(`${name}.svg`, (await views[name].toSVG()).replaceAll("currentColor", ink), "image/svg+xml");
}

function copy(button) {
  const text = document.querySelector(".snippet code");
  // Not every browser lets a page from a file write to the clipboard; there the text is selected instead.
  const select = () => { getSelection().selectAllChildren(text); button.textContent = "selected"; };
  if (!navigator.clipboard) return select();
  navigator.clipboard.writeText(text.textContent).then(() => { button.textContent = "copied"; }, select);
}

const deeds = {
  ".legend [data-optimizer]": hide,
  ".switch button, .legend .one": choose,
  ".downloads button": download,
  ".snippet button": copy,
};
// One listener for all buttons: those of a page that grows need none of their own.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  for (const [selector, deed] of Object.entries(deeds)) if (button?.matches(selector)) deed(button);
});

Promise.all(Object.keys(charts).map(draw)).then(() => { document.body.dataset.drawn = "yes"; });

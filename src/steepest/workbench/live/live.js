"use strict";
/* Shows how far the study is, and puts what is new into the report: a part that is the same stays as it is, with what
   is selected, scrolled or opened in it.  page.js, which follows, draws what the page came with. */
const live = document.getElementById("live");
const main = document.querySelector("main");
let plainMain = main.cloneNode(true);  // as it was sent, before anything is drawn: what a new one is compared with
let shown = Number(live.dataset.report);
const waiting = new Set();  // figures that are drawn when the pointer leaves them

const sentences = {
  preparing: "Preparing", running: "Running", finished: "Finished", stopped: "Stopped", gone: "Not connected",
};

function say(state) {
  live.dataset.status = state.status;
  live.querySelector(".status").textContent = sentences[state.status];
  live.querySelector(".said").textContent = far(state);
  live.querySelector(".now").replaceChildren(...underWay(state));
  live.querySelector(".fraction span").style.width = `${(100 * state.fraction).toFixed(1)}%`;
  document.title = state.status === "running" ? `${state.done}/${state.runs} ${title}` : title;
}

function far(state) {
  if (state.status === "preparing") return "";
  const about = state.status === "running" ? "of about" : "of";
  const parts = [state.status === "finished" ? `${state.done} runs` : `${state.done} ${about} ${state.runs} runs`];
  if (state.under_way > 1) parts.push(`${state.under_way} under way`);
  if (state.failed) parts.push(`${state.failed} failed`);
  if (state.left) parts.push(`about ${state.left} left`);
  if (state.status === "finished") parts.push("this is the final report, and it stays in the study's folder");
  if (state.status === "stopped") parts.push("the same command goes on from here");
  if (state.note) parts.push(state.note);
  return parts.join(" · ");
}

/* All runs that are made now; those of one worker follow each other. */
function underWay(state) {
  const more = state.under_way - state.now.length;
  return [...state.now.map(named), ...(more > 0 ? [`and ${more} more`] : [])].map((text) => {
    const line = document.createElement("p");
    line.textContent = line.title = text;
    return line;
  });
}

function named(one) {
  return [one.run, one.value, one.steps && `step ${one.step} of ${one.steps}`].filter(Boolean).join(" · ");
}

function lost() {
  if (live.dataset.status === "finished") return;
  live.dataset.status = "gone";
  live.querySelector(".status").textContent = sentences.gone;
  live.querySelector(".said").textContent =
    "The study has ended, or its machine cannot be reached. The page shows what was known, and goes on when the study does.";
  live.querySelector(".now").replaceChildren();
}

/* A part is known by the heading above it and by the figure, the table or the place in the order that it has. */
function names(children) {
  const counts = {};
  let heading = "";
  return children.map((node) => {
    if (node.tagName === "H2") heading = node.textContent;
    const plot = node.querySelector(".plot[id]")?.id ?? node.querySelector("table")?.className ?? "";
    const name = `${heading}/${node.tagName}/${plot}`;
    counts[name] = (counts[name] ?? 0) + 1;
    return `${name}/${counts[name]}`;
  });
}

function merge(fresh) {
  const before = [...plainMain.children], here = [...main.children];
  const places = new Map(names(before).map((name, place) => [name, place]));
  const pairs = names([...fresh.children]).map((name, index) => [places.get(name), fresh.children[index]]);
  const parts = pairs.map(([place, node]) => {
    if (place === undefined) return document.importNode(node, true);
    if (before[place].isEqualNode(node)) return here[place];
    const copy = document.importNode(node, true);
    carry(here[place], copy);
    here[place].replaceWith(copy);
    return copy;
  });
  for (const node of here) if (!parts.includes(node)) node.remove();
  let next = main.firstElementChild;
  for (const part of parts) {
    if (part === next) next = next.nextElementSibling;
    else main.insertBefore(part, next);
  }
  plainMain = fresh;
}

/* What the reader has done to a part, and what is drawn in it, goes over to the new one. */
function carry(old, copy) {
  for (const plot of copy.querySelectorAll(".plot[id]")) {
    const drawn = old.querySelector(`#${CSS.escape(plot.id)}`);
    if (drawn) plot.replaceWith(drawn);
  }
  const opened = [old, ...old.querySelectorAll("*")].filter((each) => each.tagName === "DETAILS");
  const details = [copy, ...copy.querySelectorAll("*")].filter((each) => each.tagName === "DETAILS");
  for (const [index, each] of details.entries()) if (opened[index]) each.open = opened[index].open;
}

function pressed() {
  const chosen = {};
  for (const button of document.querySelectorAll('.switch [aria-pressed="true"], .legend .one[aria-pressed="true"]')) {
    chosen[signalOf(button).signal] = button.dataset.value;
  }
  return chosen;
}

function signalOf(button) {
  return (button.dataset.signal ? button : button.closest("[data-signal]")).dataset;
}

function pressAgain(chosen) {
  for (const button of document.querySelectorAll("main .legend [data-optimizer]")) {
    button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.optimizer)));
  }
  for (const button of document.querySelectorAll("main .switch button, main .legend .one")) {
    if (button.dataset.value === chosen[signalOf(button).signal]) {
      press(button.closest(".switch, .legend").querySelectorAll("button"), button);
    }
  }
}

/* A figure that is being read is drawn when the pointer leaves it, as it is then. */
async function drawLater(name) {
  const place = document.getElementById(name);
  waiting.add(name);
  await new Promise((done) => place.addEventListener("pointerleave", done, { once: true }));
  waiting.delete(name);
  if (place.isConnected && name in charts) await drawAgain(name);
}

/* Draws a figure unseen, and puts it in the place of the old one when it is complete. */
async function drawAgain(name) {
  const place = document.getElementById(name);
  const stage = document.createElement("div");
  stage.className = "plot staged";
  place.after(stage);
  const { view } = await vegaEmbed(stage, charts[name], { renderer: "svg", actions: false, tooltip: { theme: "custom" } });
  await asChosen(name, view);
  const top = place.getBoundingClientRect().bottom, height = place.offsetHeight;
  stage.className = "plot";
  place.replaceWith(stage);
  stage.id = name;
  if (top < 0) scrollBy(0, stage.offsetHeight - height);
  views[name]?.finalize();
  views[name] = view;
}

function asChosen(name, view) {
  const params = new Set((charts[name].params ?? []).map((param) => param.name));
  if (params.has("hidden")) view.signal("hidden", [...hidden]);
  for (const [signal, value] of Object.entries(pressed())) if (params.has(signal)) view.signal(signal, value);
  return view.runAsync();
}

/* The part that is highest on the screen stays where it is, whatever grows above it. */
function anchor() {
  const top = live.getBoundingClientRect().bottom;
  const names_ = names([...main.children]);
  const index = [...main.children].findIndex((part) => part.getBoundingClientRect().bottom > top);
  if (scrollY === 0 || index < 0) return () => {};
  const before = main.children[index].getBoundingClientRect().top;
  return () => {
    const now = names([...main.children]).indexOf(names_[index]);
    if (now >= 0) scrollBy(0, main.children[now].getBoundingClientRect().top - before);
  };
}

function sidewards() {
  const left = new Map([...main.querySelectorAll(".scroll")].map((each) => [each.firstElementChild.className, each.scrollLeft]));
  return () => { for (const each of main.querySelectorAll(".scroll")) each.scrollLeft = left.get(each.firstElementChild.className) ?? 0; };
}

function focused() {
  const { optimizer, value, as } = document.activeElement?.dataset ?? {};
  const selector = optimizer ? `[data-optimizer="${CSS.escape(optimizer)}"]` : value ? `[data-value="${CSS.escape(value)}"]` : as ? `[data-as="${as}"]` : "";
  const figure = document.activeElement?.closest("figure")?.querySelector(".plot")?.id;
  return () => {
    if (!selector || document.activeElement !== document.body) return;
    document.getElementById(figure)?.closest("figure").querySelector(selector)?.focus({ preventScroll: true });
  };
}

async function ask(path) {
  try {
    return await fetch(path, { cache: "no-store" });
  } catch {
    return null;  // nobody answers
  }
}

async function renew(number) {
  const answer = await ask("report");
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = JSON.parse(page.getElementById("charts").textContent);
  const restore = [anchor(), sidewards(), focused()], chosen = pressed(), read = hovered();
  merge(page.querySelector("main"));
  pressAgain(chosen);
  title = page.title;
  const changed = Object.keys(fresh).filter((name) => JSON.stringify(fresh[name]) !== JSON.stringify(charts[name]));
  for (const name of Object.keys(charts)) if (!(name in fresh)) { views[name]?.finalize(); delete charts[name]; delete views[name]; }
  Object.assign(charts, fresh);
  for (const each of restore) each();
  const now = changed.filter((name) => !waiting.has(name));  // what waits draws what is newest then
  for (const name of now) if (read.has(name)) drawLater(name);
  await Promise.all(now.filter((name) => !read.has(name)).map(drawAgain));
  shown = number;
  live.dataset.report = number;
}

/* The figures under the pointer.  A part that is moved in the page is not known to be there until the next frame. */
function hovered() {
  return new Set([...main.querySelectorAll(".plot:hover")].map((plot) => plot.id));
}

let title = document.title;
async function look() {
  const answer = await ask("state");
  if (answer?.ok) {
    const state = await answer.json();
    say(state);
    if (state.report !== shown && document.body.dataset.drawn === "yes") await renew(state.report);
    if (state.status === "finished" && state.is_last && state.report === shown) return;  // nothing follows
  } else lost();
  setTimeout(look, 1000);
}
addEventListener("load", look);

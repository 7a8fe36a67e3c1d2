// Starts the page: asks what there is, and shows one view at a time.

import { getJson } from "./api.js";
import { setColours } from "./colours.js";
import { attempt, button, clear, dialog, element, say } from "./dom.js";

const VIEWS = {
  images: ["Images", () => import("./images.js")],
  sky: ["Sky", () => import("./sky.js")],
  training: ["Training", () => import("./training.js")],
  bench: ["Try", () => import("./bench.js")],
};

const started = new Map();
let info;

function sectionOf(name) {
  const made = element("section", { class: `view ${name}`, id: `view-${name}`, "aria-label": VIEWS[name][0] });
  document.getElementById("place").append(made);
  return made;
}

async function show(name) {
  const place = document.getElementById("place");
  if (!started.has(name)) {
    const section = sectionOf(name);
    started.set(name, { section, controls: null });
    const module = await VIEWS[name][1]();
    started.get(name).controls = (await module.start(section, info)) || {};
  }
  for (const [other, { section, controls }] of started) {
    section.hidden = other !== name;
    const call = other === name ? "shown" : "hidden";
    if (controls && controls[call]) controls[call]();
  }
  for (const link of document.querySelectorAll("#views a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  place.dataset.view = name;
}

// The view that the part of the address behind # names.
function wanted() {
  const name = location.hash.slice(1).split("/")[0];
  return info.views.includes(name) ? name : info.views[0];
}

function help() {
  const keys = started.get(wanted()).controls.keys || [];
  const rows = keys.map(([key, text]) =>
    element("tr", {}, element("th", { scope: "row" }, element("kbd", { text: key })), element("td", { text })));
  dialog("Keys", element("table", { class: "keys" }, element("tbody", {}, rows)));
}

async function start() {
  info = await getJson("api/info");
  setColours(info.colours);
  document.getElementById("name").textContent = info.name;
  const views = document.getElementById("views");
  for (const name of info.views) {
    views.append(element("a", { href: `#${name}`, text: VIEWS[name][0], "data-view": name }));
  }
  if (info.run && info.run.report) {
    views.append(element("a", { href: info.report, target: "_blank", rel: "noopener", text: "Report" }));
  }
  document.getElementById("tools").append(button("Keys", help, { key: "?" }));
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !isTyping(event.target)) attempt(help);
    // Out of a field, so that keys are keys again.
    if (event.key === "Escape" && isTyping(event.target)) event.target.blur();
  });
  window.addEventListener("hashchange", () => attempt(() => show(wanted())));
  info.openImage = (row) => {
    location.hash = `images/${row}`;
  };
  if (!info.views.length) throw new Error("there is nothing to show");
  await show(wanted());
  document.documentElement.dataset.ready = "yes";
}

export function isTyping(target) {
  return target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
}

attempt(start).catch(say);
clear(document.getElementById("problem"));

// The menu "Save": what the user takes out.

import { download, getJson, postJson } from "./api.js";
import { button, dialog, element, select } from "./dom.js";

const FORMATS = [
  ["ecsv", "Table, ECSV"], ["fits", "Table, FITS"], ["vot", "Table, VOTable"], ["csv", "Table, CSV"],
  ["reg", "Regions for DS9"], ["txt", "List of files"],
];

export function saveMenu(view, kinds) {
  return button("Save …", () => openMenu(view, kinds));
}

function openMenu(view, kinds) {
  let [format, figure] = ["ecsv", "pdf"];
  const done = element("p", { role: "status" });
  const chosen = view.gallery.ticks.size ? view.gallery.ticked() : view.isAll ? null : view.selection;
  const parts = [["all", `all ${view.n.toLocaleString("en")} images`]];
  if (chosen) parts.unshift(["chosen", `${chosen.length.toLocaleString("en")} ${view.gallery.ticks.size ? "ticked" : "of the selection"}`]);
  let [part] = parts[0];
  const rows = () => (part === "all" ? null : chosen);
  const told = (action) => async () => {
    done.textContent = "working …";
    try {
      done.textContent = await action();
    } catch (error) {
      done.textContent = error.message;
    }
  };
  const colour = view.colourBy === "our:given" ? "kind" : view.colourBy.replace("our:", "");
  dialog("Save",
    element("h3", { text: "Catalogue" }),
    element("div", { class: "bar" },
      select("Of", parts, part, (one) => { part = one; }),
      select("Format", FORMATS, format, (one) => { format = one; }),
      button("Save", told(async () => `Saved ${await download("api/export", { format, rows: rows() })}.`))),
    element("h3", { text: "Kinds of all images, by your labels" }),
    element("p", { class: "aside", text: `Your labels are in ${kinds.file}. A taught run, a folder beside the run, has the kind of every image, its probability, and how right they are; equiclust teach makes the same from that file.` }),
    element("div", { class: "bar" }, button("Write a taught run", told(async () => `Written: ${(await postJson("api/teach", {})).folder}`))),
    element("h3", { text: "Figure and snapshot" }),
    element("div", { class: "bar" },
      select("Figure", [["pdf", "PDF"], ["svg", "SVG"], ["png", "PNG"]], figure, (one) => { figure = one; }),
      button("Save the map", told(async () => `Saved ${await download("api/figure", { format: figure, projection: view.method, colour })}.`)),
      button("Snapshot, one HTML file", told(async () => `Saved ${await download("api/snapshot", { projection: view.method, colour })}.`))),
    element("h3", { text: "Send to TOPCAT, Aladin or DS9 (SAMP)" }),
    element("div", { class: "bar" },
      button("Send the table", told(async () => {
        const clients = await getJson("api/samp/clients");
        const answer = await postJson("api/samp/send", { rows: rows() });
        return `Sent to ${clients.length || "all"} program(s)${answer.sentence ? `: ${answer.sentence}` : "."}`;
      }))),
    done);
}

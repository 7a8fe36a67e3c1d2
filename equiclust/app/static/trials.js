// Short runs on some of the images, with other settings, beside the run.

import { getJson, postJson } from "./api.js";
import { attempt, button, clear, element, slider } from "./dom.js";

const EVERY = 2000;

export function trials(info) {
  const fields = element("div", { class: "settings" });
  const table = element("div", { class: "scroll" });
  const chosen = {};
  let images = Math.min(100, info.run.n);
  let timer = null;

  const stop = button("Stop it", async () => {
    await postJson("api/trials/stop", {});
    await refresh();
  });

  async function refresh() {
    const { settings, trials: listed } = await getJson("api/trials");
    if (!fields.children.length) offer(settings);
    show(listed, settings);
    const busy = listed.some((one) => !/^(finished|stopped|failed)/.test(one.state));
    stop.disabled = !busy;
    clearTimeout(timer);
    if (busy) timer = setTimeout(() => attempt(refresh), EVERY);
  }

  function offer(settings) {
    for (const { name, values, default: first, text } of settings) {
      chosen[name] = first;
      const id = `setting-${name}`;
      const list = element("select", { id, onchange: () => { chosen[name] = list.value; } });
      for (const value of values) list.append(element("option", { value, text: value, selected: value === first }));
      fields.append(element("label", { for: id, text: name.replaceAll("_", " ") }), list, element("p", { class: "aside", text }));
    }
  }

  function show(listed, settings) {
    clear(table);
    if (!listed.length) return;
    const names = settings.map((one) => one.name).filter((name) => new Set(listed.map((one) => one.settings[name])).size > 1);
    const head = ["trial", "state", "images", "clusters", "agreement with the run (ARI)", ...names.map((name) => name.replaceAll("_", " "))];
    const rows = listed.map((one) => [
      one.name, one.state, one.n_images ?? "", one.n_clusters ?? "",
      one.agreement === undefined || one.agreement === null ? "" : one.agreement.toFixed(2), ...names.map((name) => one.settings[name] ?? ""),
    ]);
    table.append(element("table", {},
      element("thead", {}, element("tr", {}, head.map((text) => element("th", { scope: "col", text })))),
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map((text) => element("td", { text: String(text) })))))));
  }

  const details = element("details", { class: "trials" },
    element("summary", { text: "Try other settings on some of the images" }),
    element("p", { class: "aside", text: "A trial is a run of its own in a folder beside this one, short by its few images and epochs. The table says whether its clusters agree with those of the run." }),
    fields,
    element("div", { class: "bar" },
      slider("Images", { min: 20, max: Math.max(20, Math.min(2000, info.run.n)), step: 10, value: images, oninput: (n) => { images = n; } }),
      button("Start the trial", async () => {
        await postJson("api/trials/start", { settings: chosen, n_images: images });
        await refresh();
      }),
      stop),
    table);
  details.addEventListener("toggle", () => {
    if (details.open) attempt(refresh);
  });
  return details;
}

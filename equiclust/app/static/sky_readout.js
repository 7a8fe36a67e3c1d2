// What is under the pointer or the crosshair, in numbers.

import { getJson } from "./api.js";
import { announce, element, say } from "./dom.js";
import { shown, withUnit } from "./sky_text.js";

const FIELDS = [
  ["pixel", "Pixel (x, y)"],
  ["value", "Value"],
  ["label", "Label"],
  ["membership", "Membership"],
  ["segment", "Segment"],
  ["icrs", "RA, Dec (ICRS)"],
  ["degrees", "in degrees"],
  ["galactic", "Galactic l, b"],
];

export class Readout {
  constructor(sky) {
    this.sky = sky;
    this.at = null;
    this.isBusy = false;
    this.next = undefined;
    this.title = element("h3", { text: "Crosshair" });
    this.values = new Map(FIELDS.map(([name]) => [name, element("dd", { text: "–" })]));
    const wanted = sky.map.has_sky ? FIELDS : FIELDS.slice(0, 5);
    const list = wanted.map(([name, text]) => element("div", {}, element("dt", { text }), this.values.get(name)));
    this.element = element("section", { class: "sky-readout", "aria-label": "Values" },
      this.title, element("dl", {}, list));
    sky.on("hovered", (pixel) => this.hovered(pixel));
    sky.on("chosen", (found) => {
      this.at = found;
      this.show(found, "Crosshair");
      announce(this.sentence(found));
    });
  }

  // One question at a time, the last place wins.
  async hovered(pixel) {
    this.next = pixel;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.next !== undefined) {
        const wanted = this.next;
        this.next = undefined;
        if (!wanted) this.show(this.at, "Crosshair");
        else await this.ask(wanted);
      }
    } catch (error) {
      say(error);
    }
    this.isBusy = false;
  }

  async ask(pixel) {
    const found = await getJson("api/map/at", { plane: this.sky.plane, ...pixel });
    this.show(found, "Pointer");
    this.sky.hover = pixel;
    this.sky.emit("pointed", found);
  }

  show(found, title) {
    this.title.textContent = title;
    const texts = found ? this.texts(found) : {};
    for (const [name] of FIELDS) this.values.get(name).textContent = texts[name] ?? "–";
  }

  texts(found) {
    const { sky } = found;
    return {
      pixel: `${found.x}, ${found.y}`,
      value: withUnit(found.value, found.unit, 5),
      label: found.name,
      membership: shown(found.membership, 3),
      segment: found.segment ? `${found.segment}, ${shown(found.row.n_pixels)} pixels` : "–",
      icrs: sky ? `${sky.ra_text} ${sky.dec_text}` : "–",
      degrees: sky ? `${sky.ra.toFixed(6)}° ${sky.dec.toFixed(6)}°` : "–",
      galactic: sky ? `${sky.glon.toFixed(5)}° ${sky.glat.toFixed(5)}°` : "–",
    };
  }

  sentence(found) {
    const texts = this.texts(found);
    const where = found.sky ? `, ${texts.icrs}` : "";
    return `Pixel ${texts.pixel}${where}: ${texts.value}, ${texts.label}`;
  }
}

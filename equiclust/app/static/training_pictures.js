// Six images, and what a network makes of them at the end of an epoch.

import { getArrays } from "./api.js";
import { clear, element } from "./dom.js";

const MOST_KEPT = 200;

function picture(label) {
  return element("canvas", { class: "training-picture", role: "img", "aria-label": label });
}

// Pixels (c, h, w) of one image, the first row at the bottom.
function paint(canvas, pixels, k, [, channels, height, width]) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const plane = height * width;
  const colours = channels >= 3 ? [0, 1, 2] : [0, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const to = 4 * (y * width + x);
      const from = k * channels * plane + (height - 1 - y) * width + x;
      for (let c = 0; c < 3; c += 1) image.data[to + c] = pixels[from + colours[c] * plane];
      image.data[to + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

export class Pictures {
  constructor(openImage) {
    this.openImage = openImage;
    this.member = null;
    this.kept = new Map();
    this.made = [];
    this.grid = element("div", { class: "training-pictures" });
    this.element = element("div", {}, element("h4", { text: "Images and reconstructions" }),
      element("p", { class: "aside", text: "Left as the network sees it, right as it reconstructs it." }), this.grid);
  }

  // The images of a member; its reconstructions follow by `show`.
  async open(member, { canOpen }) {
    const { header, arrays } = await getArrays("api/training/images", { member });
    this.member = member;
    this.kept.clear();
    const { images } = arrays;
    const [n] = images.shape;
    this.made = Array.from({ length: n }, (_, k) => picture(`image ${header.rows[k] + 1}, reconstructed`));
    const columns = this.made.map((made, k) => this.#column(images, k, header.rows[k], made, canOpen));
    clear(this.grid).append(...columns);
    this.element.hidden = !columns.length;
  }

  #column(images, k, row, made, canOpen) {
    const name = `image ${row + 1}`;
    const original = picture(`${name}, as the network sees it`);
    paint(original, images, k, images.shape);
    const caption = canOpen && this.openImage
      ? element("button", { type: "button", text: name, onclick: () => this.openImage(row) })
      : element("span", { text: name });
    return element("figure", {}, original, made, element("figcaption", {}, caption));
  }

  async show(epoch) {
    const { member } = this;
    if (epoch === undefined || !this.made.length) return;
    const found = await this.#reconstructions(member, epoch);
    // Another one may have been asked for meanwhile.
    if (member !== this.member || !found.length) return;
    this.made.forEach((canvas, k) => {
      if (k < found.shape[0]) paint(canvas, found, k, found.shape);
    });
  }

  async #reconstructions(member, epoch) {
    if (!this.kept.has(epoch)) {
      const { arrays } = await getArrays("api/training/reconstructions", { member, epoch });
      if (this.kept.size >= MOST_KEPT) this.kept.clear();
      this.kept.set(epoch, arrays.reconstructions);
    }
    return this.kept.get(epoch);
  }
}

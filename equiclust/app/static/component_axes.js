// The axes of a map of two principal components.

import { ink } from "./colours.js";

// A frame with the name of each axis, on a canvas of this size in pixels of the page.
export function drawComponentAxes(context, width, height) {
  context.strokeStyle = ink("--line");
  context.strokeRect(18.5, 0.5, width - 19, height - 19);
  context.fillStyle = ink("--ink");
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText("first principal component", width / 2, height - 5);
  context.save();
  context.translate(11, height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("second principal component", 0, 0);
  context.restore();
}

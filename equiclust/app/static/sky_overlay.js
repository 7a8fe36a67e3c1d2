// What is drawn over the map: segment, crosshair, tile, scale bar, directions and beam.

import { segmentPath } from "./sky_paint.js";
import { angle, roundAngle } from "./sky_text.js";

const PAPER = "rgba(255, 255, 255, 0.92)";
const INK = "#111820";
const paths = new WeakMap();

export function drawOverlays(context, view) {
  const { sky } = view;
  if (sky.segment) drawSegment(context, view, sky.segment);
  for (const tile of sky.shownTiles()) drawTile(context, view, tile);
  if (sky.cross) drawCross(context, view, sky.cross);
  const region = view.region;
  if (!region || !region.orientation) return;
  drawScale(context, view, region.orientation);
  drawDirections(context, view, region.orientation);
  if (sky.map.beam) drawBeam(context, view, region.orientation, sky.map.beam);
}

// Dark on light, so that it is seen on any ground.
function strokeTwice(context, draw, width = 1.5) {
  context.lineJoin = "round";
  for (const [colour, extra] of [[INK, 2.5], [PAPER, 0]]) {
    context.strokeStyle = colour;
    context.lineWidth = width + extra;
    draw();
  }
}

function pathOf(region, number) {
  if (!paths.has(region)) paths.set(region, new Map());
  const known = paths.get(region);
  if (!known.has(number)) known.set(number, segmentPath(region, number));
  return known.get(number);
}

function drawSegment(context, view, number) {
  const region = view.region;
  if (!region) return;
  const placed = new Path2D();
  const [left, top] = view.toScreen(0, 0);
  placed.addPath(pathOf(region, number), new DOMMatrix([view.zoom, 0, 0, -view.zoom, left, top]));
  strokeTwice(context, () => context.stroke(placed), 2);
}

function drawTile(context, view, { x, y, side }) {
  const [left, top] = view.toScreen(x - side / 2, y + side / 2);
  strokeTwice(context, () => context.strokeRect(left, top, side * view.zoom, side * view.zoom));
}

function drawCross(context, view, { x, y }) {
  const [left, top] = view.toScreen(x, y);
  const half = Math.max(view.zoom / 2, 4);
  strokeTwice(context, () => {
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(left + dx * half, top + dy * half);
      context.lineTo(left + dx * (half + 10), top + dy * (half + 10));
    }
    if (view.zoom >= 6) context.rect(left - half, top - half, 2 * half, 2 * half);
    context.stroke();
  });
}

function drawText(context, text, left, top, align = "center") {
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.strokeStyle = PAPER;
  context.lineWidth = 4;
  context.strokeText(text, left, top);
  context.fillStyle = INK;
  context.fillText(text, left, top);
}

function drawScale(context, view, { scale }) {
  const length = roundAngle((scale * Math.min(view.width / 4, 140)) / view.zoom);
  const pixels = (length / scale) * view.zoom;
  if (!(pixels > 4)) return;
  const width = Math.max(pixels, 40);
  const [left, top] = [16 + (width - pixels) / 2, view.height - 16];
  context.fillStyle = PAPER;
  context.fillRect(8, view.height - 38, width + 16, 30);
  context.strokeStyle = INK;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(left, top - 5);
  context.lineTo(left, top);
  context.lineTo(left + pixels, top);
  context.lineTo(left + pixels, top - 5);
  context.stroke();
  drawText(context, angle(length), left + pixels / 2, top - 13);
}

// A step on the map as a step of the same direction on the screen, of a given length.
function direction([dx, dy], length) {
  const size = Math.hypot(dx, dy) || 1;
  return [(dx / size) * length, (-dy / size) * length];
}

function drawDirections(context, view, { north, east }) {
  // In the middle between the two, so that both stay in the corner whatever the rotation.
  const [left, top] = [view.width - 46, 46];
  for (const [name, step] of [["N", north], ["E", east]]) {
    const [dx, dy] = direction(step, 24);
    strokeTwice(context, () => {
      context.beginPath();
      context.moveTo(left, top);
      context.lineTo(left + dx, top + dy);
      context.stroke();
    });
    drawText(context, name, left + dx * 1.42, top + dy * 1.42);
  }
}

function drawBeam(context, view, { up, left }, beam) {
  const turn = (beam.position_angle * Math.PI) / 180;
  const axis = (angleOf, length) => [0, 1].map(
    (k) => (Math.cos(angleOf) * up[k] + Math.sin(angleOf) * left[k]) * 0.5 * length * view.zoom,
  );
  const major = axis(turn, beam.major);
  const minor = axis(turn + Math.PI / 2, beam.minor);
  const half = Math.max(Math.hypot(...major), Math.hypot(...minor));
  if (half < 1 || half > Math.min(view.width, view.height) / 4) return;
  const [middle, height] = [view.width - half - 14, view.height - half - 26];
  context.beginPath();
  for (let step = 0; step <= 48; step += 1) {
    const t = (step * Math.PI) / 24;
    context.lineTo(
      middle + Math.cos(t) * major[0] + Math.sin(t) * minor[0],
      height - Math.cos(t) * major[1] - Math.sin(t) * minor[1],
    );
  }
  context.fillStyle = PAPER;
  context.fill();
  context.strokeStyle = INK;
  context.lineWidth = 1.5;
  context.stroke();
  drawText(context, "beam", Math.min(middle, view.width - 26), view.height - 12);
}

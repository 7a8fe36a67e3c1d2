// From numbers to pixels: data in grey under labels in colour. Nothing here touches the page.

export const STRETCHES = {
  linear: (t) => t,
  sqrt: Math.sqrt,
  asinh: (t) => Math.asinh(10 * t) / Math.asinh(10),
  log: (t) => Math.log1p(1000 * t) / Math.log1p(1000),
};

const STEPS = 1024;
// Under labels that are shown without data.
const BLANK = 236;

// Grey from 0 to 255 of brightness in `STEPS` steps from the lower to the upper limit.
export function greys(stretch, invert) {
  const table = new Uint8ClampedArray(STEPS + 1);
  for (let step = 0; step <= STEPS; step += 1) {
    const t = STRETCHES[stretch](step / STEPS);
    table[step] = Math.round(255 * (invert ? 1 - t : t));
  }
  return table;
}

// A canvas of one pixel for every block of the region, first row at the bottom.
export function painted(region, look) {
  const [height, width] = region.labels.shape;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const fill = look.outlines ? 0 : look.opacity;
  const table = greys(look.stretch, look.invert);
  const scale = STEPS / (look.high - look.low || 1);
  for (let row = 0; row < height; row += 1) {
    let to = 4 * width * (height - 1 - row);
    for (let from = row * width; from < (row + 1) * width; from += 1, to += 4) {
      const value = region.data ? region.data[from] : NaN;
      const known = value === value;
      const step = Math.min(Math.max((value - look.low) * scale, 0), STEPS);
      const grey = known ? table[step | 0] : BLANK;
      const colour = look.colours.get(region.labels[from]);
      const share = colour ? (region.data ? fill : Math.max(fill, 0.85)) : 0;
      image.data[to] = colour ? grey + share * (colour[0] - grey) : grey;
      image.data[to + 1] = colour ? grey + share * (colour[1] - grey) : grey;
      image.data[to + 2] = colour ? grey + share * (colour[2] - grey) : grey;
      image.data[to + 3] = known || colour ? 255 : 0;
    }
  }
  if (look.outlines) outline(image, region.labels, look.colours);
  context.putImageData(image, 0, 0);
  return canvas;
}

// Pixels on either side of a border have the colour of their own label.
function outline(image, labels, colours) {
  const [height, width] = labels.shape;
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const at = row * width + column;
      const colour = colours.get(labels[at]);
      if (!colour || !isBorder(labels, row, column)) continue;
      const to = 4 * (width * (height - 1 - row) + column);
      [image.data[to], image.data[to + 1], image.data[to + 2]] = colour;
      image.data[to + 3] = 255;
    }
  }
}

function isBorder(labels, row, column) {
  const [height, width] = labels.shape;
  const at = row * width + column;
  const own = labels[at];
  return (
    (column > 0 && labels[at - 1] !== own) ||
    (column < width - 1 && labels[at + 1] !== own) ||
    (row > 0 && labels[at - width] !== own) ||
    (row < height - 1 && labels[at + width] !== own)
  );
}

// Edges of one segment in pixel coordinates, runs of them joined; rows count upwards.
export function segmentPath(region, number) {
  const path = new Path2D();
  const ids = region.segments;
  if (!ids) return path;
  const [height, width] = ids.shape;
  const inside = (row, column) =>
    row >= 0 && row < height && column >= 0 && column < width && ids[row * width + column] === number;
  const x = (column) => Math.min(region.x0 + column * region.step, region.x1) - 0.5;
  const y = (row) => Math.min(region.y0 + row * region.step, region.y1) - 0.5;
  for (let row = 0; row <= height; row += 1) {
    for (const [first, last] of runs(width, (c) => inside(row, c) !== inside(row - 1, c))) {
      path.moveTo(x(first), y(row));
      path.lineTo(x(last), y(row));
    }
  }
  for (let column = 0; column <= width; column += 1) {
    for (const [first, last] of runs(height, (r) => inside(r, column) !== inside(r, column - 1))) {
      path.moveTo(x(column), y(first));
      path.lineTo(x(column), y(last));
    }
  }
  return path;
}

function* runs(count, holds) {
  let first = -1;
  for (let at = 0; at <= count; at += 1) {
    const on = at < count && holds(at);
    if (on && first < 0) first = at;
    if (!on && first >= 0) {
      yield [first, at];
      first = -1;
    }
  }
}

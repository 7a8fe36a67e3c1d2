// Requests to the server; every address is relative to the page, which has the token in its path.

export function url(path, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null);
  const query = new URLSearchParams(given).toString();
  return query ? `${path}?${query}` : path;
}

async function answerOf(request) {
  let answer;
  try {
    answer = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer; is `equiclust explore` still running?");
  }
  if (answer.ok) return answer;
  let sentence = `the server answered ${answer.status}`;
  try {
    sentence = (await answer.json()).error || sentence;
  } catch {
    // Not every answer is JSON.
  }
  throw new Error(sentence);
}

export async function getJson(path, params, signal) {
  return (await answerOf(fetch(url(path, params), { signal }))).json();
}

function posted(path, body) {
  const headers = { "Content-Type": "application/json" };
  return answerOf(fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

export async function postJson(path, body) {
  return (await posted(path, body)).json();
}

// Saves what the server answers as a file, under the name that it gives.
export async function download(path, body) {
  const answer = await posted(path, body);
  const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") || "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = named ? named[1] : "file";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return link.download;
}

const TYPES = { float32: Float32Array, int32: Int32Array, int16: Int16Array, uint8: Uint8Array };

export async function getArrays(path, params, signal) {
  const answer = await answerOf(fetch(url(path, params), { signal }));
  return unpack(await answer.arrayBuffer());
}

export async function postArrays(path, body) {
  return unpack(await (await posted(path, body)).arrayBuffer());
}

// The layout is described at `Handler.send_arrays`.
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  let offset = 4 + length;
  for (const { name, type, shape } of head.arrays) {
    const count = shape.reduce((product, n) => product * n, 1);
    arrays[name] = new TYPES[type](buffer, offset, count);
    arrays[name].shape = shape;
    offset += Math.ceil(arrays[name].byteLength / 8) * 8;
  }
  return { header: head.header, arrays };
}

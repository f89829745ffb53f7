// How long events take, by stage: histograms of the last five minutes. The gateway counts what it sends (on the queue,
// on the bus); this page counts what it measures (the network, and from the bus to the screen).

import { onArrival } from "./arrivals.js";
import { delayOf } from "./skew.js";
import { drawTable } from "./tables.js";
import { isOpen } from "./tabs.js";
import { byId, duration, whole } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const SLOT_MS = 10_000;
const SLOTS = 30;
const HEIGHT = 28;
const BAR = 10;                 // the width of a bar, in the picture's own units
const TICKS = [1, 10, 100, 1_000, 10_000];

const STAGES = [
  ["queue", "On the queue and in the poller"],
  ["bus", "From the bus to the gateway's sockets"],
  ["network", "Network, half of a round trip"],
  ["screen", "From the bus to this page"],
];

let bounds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];
let slots = [];                 // { at, counts: { stage: [number of each bucket] } }, oldest first

const none = () => new Array(bounds.length + 1).fill(0);

function countsNow(stage) {
  const at = Math.floor(Date.now() / SLOT_MS);
  if (slots.at(-1)?.at !== at) slots = [...slots, { at, counts: {} }].slice(-SLOTS);
  return slots.at(-1).counts[stage] ??= none();
}

/** Count one duration that this page has measured. */
export function countDuration(stage, ms) {
  const at = bounds.findIndex((bound) => ms <= bound);
  countsNow(stage)[at < 0 ? bounds.length : at] += 1;
}

/** Add what the gateway has counted in a second. */
export function addStages({ buckets_ms: buckets, stages }) {
  if (!Array.isArray(buckets) || typeof stages !== "object") return;
  if (buckets.join() !== bounds.join()) {
    bounds = buckets;
    slots = [];                 // of a gateway with other buckets
  }
  for (const [stage, added] of Object.entries(stages)) {
    const counts = countsNow(stage);
    added.forEach((count, at) => { counts[at] += count; });
  }
}

function sumOf(stage) {
  const oldest = Math.floor(Date.now() / SLOT_MS) - SLOTS;
  return slots.filter(({ at }) => at > oldest).reduce(
    (sum, { counts }) => sum.map((count, at) => count + (counts[stage]?.[at] ?? 0)),
    none(),
  );
}

/** The bucket that has the value below which this share of all lies, in words. */
function quantile(counts, total, share) {
  let below = 0;
  const at = counts.findIndex((count) => (below += count) >= share * total);
  return at < bounds.length ? `≤ ${duration(bounds[at])}` : `> ${duration(bounds.at(-1))}`;
}

// Drawing: each cell with a histogram has one picture whose bars are renewed.

function picture(cell) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${(bounds.length + 1) * BAR} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.classList.add("histogram");
  cell.append(svg);
}

function drawBars(svg, counts, label) {
  const most = Math.max(1, ...counts);
  svg.setAttribute("aria-label", label);
  svg.replaceChildren(...counts.map((count, at) => {
    const height = count ? Math.max(1.5, HEIGHT * count / most) : 0.75;
    const bar = document.createElementNS(SVG, "rect");
    const box = { x: at * BAR + 1, y: HEIGHT - height, width: BAR - 2, height };
    for (const [name, value] of Object.entries(box)) bar.setAttribute(name, value.toFixed(2));
    bar.classList.toggle("none", count === 0);
    return bar;
  }));
}

function drawAxis() {
  const ticks = [...bounds.entries()].filter(([, bound]) => TICKS.includes(bound));
  byId("stages-axis").setAttribute("viewBox", `0 0 ${(bounds.length + 1) * BAR} 10`);
  byId("stages-axis").replaceChildren(...ticks.map(([at, bound]) => {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", (at + 1) * BAR);
    text.setAttribute("y", 8);
    text.textContent = duration(bound);
    return text;
  }));
}

/** Draw the histograms, if they can be seen. */
export function drawStages() {
  if (!isOpen("panel-latency")) return;
  drawAxis();
  const all = STAGES.map(([stage, name]) => {
    const counts = sumOf(stage);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const values = total ? [quantile(counts, total, 0.5), quantile(counts, total, 0.95)] : ["–", "–"];
    return { stage, name, counts, total, values };
  });
  drawTable(byId("stages"), all.map(({ stage, name, total, values: [half, most] }) => ({
    key: stage,
    cells: [
      name,
      { node: picture, kind: "wide" },
      { text: half, kind: "number" },
      { text: most, kind: "number" },
      { text: whole.format(total), kind: "number" },
    ],
  })));
  [...byId("stages").rows].forEach((row, at) => {
    const { counts, name, values: [half, most] } = all[at];
    drawBars(row.querySelector("svg"), counts, `${name}: half of all ${half}, 95 % ${most}`);
  });
}

/** Measure and show stages. */
export function followStages() {
  onArrival((arrival) => {
    const delay = arrival.past || arrival.recovered ? null : delayOf(arrival);
    if (delay !== null) countDuration("screen", delay);
  });
  document.addEventListener("panelopen", drawStages);
}

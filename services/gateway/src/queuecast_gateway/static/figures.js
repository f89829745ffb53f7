// The figures above the list. Queue to screen is what the gateway measured up to its socket, plus half of the round trip
// measured here.

import { observeEcho } from "./skew.js";
import { addStages, countDuration } from "./stages.js";
import { brief, byId, clock, duration, hook, median, rateText, show, textElement, whole } from "./words.js";

const OTHER_NAMES = 4;          // other events kept in view
const ROUND_TRIPS = 5;          // their median is taken
const ECHO_EVERY_MS = 2_000;

const perSecond = new Array(60).fill(0);
const others = new Map();       // name → { count, at }
let eventsSinceTick = 0;
let tickedAt = performance.now();
let board;                      // the namespace that tells about the gateway
let roundTrips = [];
let delivered = null;

/** Count an arrival of any name. */
export function countArrival({ name, past }) {
  if (past) return;
  eventsSinceTick += 1;
  if (name === "item_added" || name === "item_removed") return;
  others.set(name, { count: (others.get(name)?.count ?? 0) + 1, at: Date.now() });
  if (others.size <= OTHER_NAMES) return;
  const [stalest] = [...others].reduce((a, b) => (b[1].at < a[1].at ? b : a));
  others.delete(stalest);
}

function drawRate() {
  const seconds = Math.max(1, (performance.now() - tickedAt) / 1_000);   // a hidden tab ticks late
  const rate = eventsSinceTick / seconds;
  eventsSinceTick = 0;
  tickedAt = performance.now();
  perSecond.push(...new Array(Math.min(60, Math.round(seconds))).fill(rate));
  perSecond.splice(0, perSecond.length - 60);
  const peak = Math.max(...perSecond);
  show(hook("rate"), rate.toFixed(1), rateText(rate));
  byId("rate-note").textContent = `peak ${rateText(peak)} in 60 s`;
  const points = perSecond.map((n, at) => `${at},${(19 - 18 * n / Math.max(peak, 1)).toFixed(1)}`);
  byId("trend").setAttribute("points", points.join(" "));
}

function drawOthers() {
  byId("others").hidden = others.size === 0;
  byId("others-list").replaceChildren(...[...others].map(([name, { count, at }]) => {
    const element = document.createElement("li");
    const times = count > 1 ? `× ${whole.format(count)}, ` : "";
    element.append(textElement("b", brief(name, 60)), ` ${times}${clock.format(at)}`);
    return element;
  }));
}

function drawLatency() {
  if (!delivered || roundTrips.length === 0) {
    show(hook("latency"), "", "–");
    drawParts("no message yet");
    return;
  }
  const network = median(roundTrips) / 2;
  const total = delivered.p50_ms + network;
  show(hook("latency"), total.toFixed(1), duration(total));
  drawParts(`queue ${duration(delivered.p50_ms)}`, `network ${duration(network)}`);
}

function drawParts(...texts) {
  byId("latency-note").replaceChildren(...texts.flatMap((text) => [textElement("span", text), " "]));
}

/** Ask the gateway for an echo, if somebody looks and it can be heard. */
export function measureRoundTrip() {
  if (document.hidden || !board?.connected) return;
  const sent = performance.now();
  const sentAt = Date.now();
  board.timeout(ECHO_EVERY_MS).emit("echo", (error, replica) => {
    if (error || document.hidden) return;
    observeEcho(sentAt, Date.now(), replica.now_ms);
    drawReplica(replica);
    roundTrips = [...roundTrips, performance.now() - sent].slice(-ROUND_TRIPS);
    countDuration("network", roundTrips.at(-1) / 2);
    drawLatency();
  });
}

function drawReplica({ replica, version }) {
  const over = board.io.engine?.transport?.name === "polling" ? "HTTP polling" : "WebSocket";
  hook("replica").textContent = brief(replica, 80);
  byId("replica-note").textContent = `version ${brief(version, 20)} over ${over}`;
}

function forgetGateway() {
  const last = hook("replica").textContent;
  if (last !== "–") byId("replica-note").textContent = `was ${last}`;
  hook("replica").textContent = "–";
  roundTrips = [];
  delivered = null;
  drawLatency();
}

/** Show what this namespace tells about the gateway. */
export function followGateway(namespace) {
  board = namespace;
  namespace.on("connect", measureRoundTrip);
  namespace.on("disconnect", forgetGateway);
  namespace.on("connect_error", () => {
    if (!namespace.active) byId("replica-note").textContent = "the gateway tells us nothing";
  });
  namespace.on("delivered", (figures) => {
    addStages(figures);
    if (!Number.isFinite(figures.p50_ms)) return;
    delivered = figures;
    drawLatency();
  });
  setInterval(measureRoundTrip, ECHO_EVERY_MS);
}

/** Draw what was counted since the last time. */
export function drawFigures() {
  if (document.hidden) return;
  if (eventsSinceTick) drawOthers();
  drawRate();
}

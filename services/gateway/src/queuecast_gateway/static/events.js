// The raw events, newest first: name, payload, offset, rooms, age, and whether an event was recovered or came before
// this page was opened. Arrivals change the model (at most KEPT events); one animation frame then draws what has
// changed.

import { onArrival } from "./arrivals.js";
import { ask, may } from "./rights.js";
import { oneTabStop } from "./roving.js";
import { delayOf } from "./skew.js";
import { isOpen } from "./tabs.js";
import { ageText, brief, byId, clock, duration, textElement, whole } from "./words.js";

const KEPT = 500;               // events in the model
const SHOWN = 100;              // rows in the page
const PAYLOAD = 300;            // characters of a payload in its row
const ASKED = 100;              // offsets in one request for rooms
const ASK_EVERY_MS = 1_000;

const events = [];              // newest first
const rowOf = new WeakMap();    // event → its row
const eventOf = new WeakMap();  // row → its event
let seen = 0;
let pausedAt = null;            // `seen` when the list was paused
let wanted = "";                // the filter, in lower case
let frame = 0;
let fresh = true;               // the rows have to be chosen anew

const list = byId("events");
const template = byId("event").content.firstElementChild;
const stops = oneTabStop({
  list,
  rows: "li",
  stopsOf: (row) => [row.querySelector("summary")],
  heading: byId("events-heading"),
});

function add(arrival) {
  seen += 1;
  const event = { ...arrival, delay: arrival.past ? null : delayOf(arrival), text: textOf(arrival.args) };
  event.found = `${event.name} ${event.text}`.toLowerCase();
  events.splice(event.past ? placeOf(event) : 0, 0, event);
  if (events.length > KEPT) events.pop();
  drawSoon();
}

// What came before has its place among those that are there, by its offset.
function placeOf({ offset }) {
  const at = events.findIndex((event) => event.offset && isOlder(event.offset, offset));
  return at < 0 ? events.length : at;
}

function isOlder(one, other) {
  const [ms, sequence] = one.split("-").map(Number);
  const [otherMs, otherSequence] = other.split("-").map(Number);
  return ms < otherMs || (ms === otherMs && sequence < otherSequence);
}

const textOf = (args) => args.map((value) => JSON.stringify(value) ?? "").join(", ");
const roomsText = ({ rooms }) => rooms === null ? "" : rooms.length === 0 ? "everyone" : rooms.join(", ");
const passes = (event) => (
  wanted === "" || event.found.includes(wanted) || roomsText(event).toLowerCase().includes(wanted)
);

// Drawing

function drawSoon() {
  frame ||= requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  if (!isOpen("panel-events")) return;
  if (pausedAt === null || fresh) drawRows();
  byId("events-held").textContent = heldText();
  byId("events-empty").hidden = list.firstElementChild !== null;
  byId("events-empty").textContent = seen === 0 ? "No event yet" : "No event passes the filter";
  list.hidden = list.firstElementChild === null;
}

function heldText() {
  if (pausedAt !== null) return `Paused, ${whole.format(seen - pausedAt)} new`;
  const kept = events.length < seen ? `, the last ${KEPT} are kept` : "";
  return `${whole.format(seen)} ${seen === 1 ? "event" : "events"}${kept}`;
}

function drawRows() {
  const rows = events.filter(passes).slice(0, SHOWN).map((event) => rowOf.get(event) ?? made(event));
  const staying = new Set(rows);
  for (const row of [...list.children]) {
    if (staying.has(row)) continue;
    stops.handOn(row);
    row.remove();
  }
  // The rows that stay have not changed their order, so only new ones are put in.
  let next = list.firstElementChild;
  for (const row of rows) {
    if (row === next) next = next.nextElementSibling;
    else list.insertBefore(row, next);
  }
  fresh = false;
  stops.settle();
}

function made(event) {
  const row = template.cloneNode(true);
  rowOf.set(event, row);
  eventOf.set(row, event);
  row.dataset.offset = event.offset ?? "";
  row.querySelector(".name").textContent = brief(event.name, 80);
  row.querySelector(".payload").textContent = brief(event.text, PAYLOAD);
  const mark = row.querySelector(".mark-recovered");
  const kind = event.recovered ? "recovered" : event.past ? "past" : "";
  mark.hidden = kind === "";
  mark.textContent = { recovered: "recovered", past: "from before" }[kind] ?? "";
  mark.dataset.kind = kind;
  fillRooms(row, event);
  fillAge(row, event, Date.now());
  row.querySelector("details").addEventListener("toggle", () => fillDetails(row, event));
  return row;
}

function fillRooms(row, event) {
  row.querySelector(".rooms").textContent = brief(roomsText(event), 80);
}

function fillAge(row, event, now) {
  const age = row.querySelector(".age");
  const text = ageText(now - event.at);
  if (age.textContent !== text) age.textContent = text;
}

function fillDetails(row, event) {
  const rows = [
    ["Offset", event.offset ?? (event.done
      ? "not told where an acknowledgement is asked for"
      : "none: it was on no stream, or recovery is off")],
    ["Rooms", event.rooms === null ? "told only to operators" : roomsText(event)],
    [event.past ? "Stored" : "Arrived", `${clock.format(event.at)}${event.recovered ? ", after it was missed" : ""}`],
    ["From bus to screen", event.delay === null ? "unknown" : duration(event.delay)],
  ];
  row.querySelector("dl").replaceChildren(...rows.flatMap(([name, value]) => (
    [textElement("dt", name), textElement("dd", value)]
  )));
  const whole = event.args.map((value) => JSON.stringify(value, null, 2) ?? "").join(",\n");
  row.querySelector("pre").textContent = brief(whole, 20_000);
}

/** Let time pass: rows that can be seen show their age. */
export function ageEvents(now) {
  if (!isOpen("panel-events")) return;
  for (const row of list.children) fillAge(row, eventOf.get(row), now);
}

// Rooms. An event does not say which rooms it was for; the gateway tells operators.

function askRooms() {
  if (!isOpen("panel-events") || !may("view")) return;
  const shown = [...list.children].map((row) => eventOf.get(row));
  const open = shown.filter((event) => event.offset && event.rooms === null);
  const asked = new Map(open.slice(0, ASKED).map((event) => [event.offset, event]));
  if (asked.size === 0) return;
  ask("rooms_of", [...asked.keys()], (answer) => {
    for (const [offset, rooms] of Object.entries(answer?.rooms ?? {})) {
      const event = asked.get(offset);
      event.rooms = rooms;
      fillRooms(rowOf.get(event), event);
    }
  });
}

function togglePause() {
  pausedAt = pausedAt === null ? seen : null;
  byId("events-hold").textContent = pausedAt === null ? "Pause" : "Resume";
  byId("events-hold").toggleAttribute("data-paused", pausedAt !== null);
  drawSoon();
}

/** Show raw events. */
export function followEvents() {
  onArrival(add);
  byId("events-hold").addEventListener("click", togglePause);
  byId("filter").addEventListener("input", ({ target }) => {
    wanted = target.value.trim().toLowerCase();
    fresh = true;
    drawSoon();
  });
  document.addEventListener("panelopen", () => {
    fresh = true;
    drawSoon();
  });
  setInterval(askRooms, ASK_EVERY_MS);
}

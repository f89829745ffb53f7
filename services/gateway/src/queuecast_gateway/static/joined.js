// The rooms of this page's session: joined and left by hand, and joined again when a longer absence has ended the
// session. Where the gateway tells it, they show how many are there.

import { deliverPast } from "./arrivals.js";
import { onAbout } from "./rights.js";
import { brief, byId, plural, textElement } from "./words.js";

const ANSWER_MS = 5_000;
const LAST = 20;                // past events of a room that is joined

const rooms = new Set();
const counts = new Map();       // how many are in a room, as far as the gateway tells it
let telling = false;            // whether it does
let socket;

// Where rooms can be joined there is a place that says how it went.
const tell = (text) => {
  for (const place of document.querySelectorAll(".rooms-status")) place.textContent = text;
};

const tellWhy = ({ message }) => tell(brief(message ?? "The gateway gave no reason.", 200));

function emit(event, args, done, refused = tellWhy) {
  if (!socket.connected) return tell("Not connected: try again in a moment.");
  socket.timeout(ANSWER_MS).emit(event, ...args, (error, ack) => {
    if (error) return tell("The gateway did not answer in time.");
    if (!ack?.ok) return refused(ack?.error ?? {});
    done(ack);
    draw();
  });
}

// A gateway may tell it of some rooms only: then nothing is shown for the others.
function watch(names) {
  if (!telling) return;
  for (const name of names) socket.emit("subscribe", name, { presence: true }, () => {});
}

function joined(names, { events = [] }) {
  for (const name of names) rooms.add(name);
  watch(names);
  const past = events.length ? `, and got ${plural(events.length, "past event")}` : "";
  tell(`Joined ${names.join(", ")}${past}.`);
  deliverPast(events);
}

/** Join rooms, and get their last events where the gateway gives them; says how that went. */
export function join(names) {
  const without = (error) => {
    if (error.code === "bad_options") emit("subscribe", [names], (ack) => joined(names, ack));
    else tellWhy(error);
  };
  emit("subscribe", [names, { last: LAST }], (ack) => joined(names, ack), without);
}

function leave(name) {
  emit("unsubscribe", [name], () => {
    rooms.delete(name);
    counts.delete(name);
    tell(`Left ${name}.`);
  });
}

function onJoin(event) {
  event.preventDefault();
  const names = byId("room").value.split(",").map((name) => name.trim()).filter(Boolean);
  if (names.length === 0) return tell("Name a room, such as sku:7.");
  join(names);
  byId("join").reset();
}

function onLeave(event) {
  const button = event.target.closest("button");
  if (!button) return;
  byId("room").focus();         // the button goes
  leave(button.value);
}

const there = (name) => (counts.has(name) ? ` · ${counts.get(name)} here ` : " ");

function draw() {
  byId("rooms-none").hidden = rooms.size > 0;
  byId("rooms").replaceChildren(...[...rooms].sort().map((name) => {
    const element = textElement("li", brief(name, 60));
    const button = textElement("button", "Leave");
    button.type = "button";
    button.value = name;
    button.setAttribute("aria-label", `Leave ${brief(name, 60)}`);
    element.append(textElement("span", there(name)), button);
    return element;
  }));
}

function onConnect() {
  if (socket.recovered || rooms.size === 0) return;
  const names = [...rooms];
  emit("subscribe", [names], () => {
    watch(names);
    tell(`Joined ${names.join(", ")} again: this is a new session.`);
  });
}

/** Show the rooms of this namespace's session. */
export function followRooms(namespace) {
  socket = namespace;
  namespace.on("connect", onConnect);
  namespace.on("queuecast:presence", ({ room, count }) => {
    if (!rooms.has(room)) return;
    counts.set(room, count);
    // In place: whoever is on a button stays there.
    const shown = [...byId("rooms").children].find((each) => each.querySelector("button").value === room);
    if (shown) shown.querySelector("span").textContent = there(room);
  });
  onAbout((about) => {
    for (const name of about.rooms ?? []) rooms.add(name);
    telling = about.presence === true;
    watch(rooms);
    draw();
  });
  byId("join").addEventListener("submit", onJoin);
  byId("rooms").addEventListener("click", onLeave);
}

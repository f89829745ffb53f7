// Every event that reaches this page, once and in order: first those that came before it was opened, as far as it may
// see them, then those that arrive. Others register here instead of at the socket.

import { ask, askAbout, may } from "./rights.js";

const PAST = 100;               // events from before
const HOLD_MS = 4_000;          // arriving events wait so long at most for those from before
const OFFSET = /^\d+-\d+$/;
const REMEMBERED = 2_000;       // offsets of events that have been delivered

const listeners = [];
const returned = [];            // listeners for a return
const seen = new Set();
const before = new Set();       // offsets of events from before; one may be on its way to us as well
let held = [];                  // arrivals that wait for the past; null once it is known
let holdTimer;
let away = false;               // between a disconnect and the newest offset after the next connect: what arrives was missed
let missed = 0;

/**
 * Call a listener with every arrival: `{ name, args, offset, rooms, at, past, recovered }`. One that asks for an
 * acknowledgement has `done`, which gives it, and `about`, what is said of its message.
 */
export const onArrival = (listener) => listeners.push(listener);

/** Call a listener each time that the page is back and has what it missed, with the number of those events. */
export const onReturn = (listener) => returned.push(listener);

function comeBack() {
  if (!away) return;
  const count = missed;
  away = false;
  missed = 0;
  for (const listener of returned) listener(count);
}

function remember(offsets, offset) {
  offsets.add(offset);
  if (offsets.size > REMEMBERED) offsets.delete(offsets.values().next().value);
}

function deliver(arrival) {
  if (arrival.offset) {
    remember(seen, arrival.offset);
    if (arrival.past) remember(before, arrival.offset);
  }
  for (const listener of listeners) listener(arrival);
}

function arrive(name, args) {
  if (name === "queuecast:offset") return comeBack();  // the gateway's word on how far we are, no news
  if (name === "queuecast:presence") return;            // or on who is there
  const done = typeof args.at(-1) === "function" ? args.pop() : null;
  const about = done ? args.pop() : null;
  const offset = typeof args.at(-1) === "string" && OFFSET.test(args.at(-1)) ? args.pop() : null;
  if (before.delete(offset)) return;
  if (away) missed += 1;
  const arrival = { name, args, offset, rooms: null, at: Date.now(), past: false, recovered: away, about, done };
  if (held) held.push(arrival);
  else deliver(arrival);
}

function release(past) {
  clearTimeout(holdTimer);
  if (!held) return;
  const arrivals = held;
  held = null;
  const known = new Set(arrivals.map((arrival) => arrival.offset));
  // Without offsets nobody can tell which of them are the same.
  for (const arrival of known.has(null) ? [] : past) {
    if (!known.has(arrival.offset)) deliver(arrival);
  }
  arrivals.forEach(deliver);
}

const storedAt = (offset) => Number(offset.split("-")[0]);

/** Deliver past events of a room that was joined: as an acknowledgement of `subscribe` has them. */
export function deliverPast(events) {
  for (const { event, args, offset } of events) {
    if (seen.has(offset)) continue;
    const at = storedAt(offset);
    deliver({ name: event, args, offset, rooms: null, at, past: true, ofRoom: true, recovered: false });
  }
}

function askPast(about) {
  if (!held) return;
  if (!about || !may("view")) return release([]);
  ask("past", PAST, (answer) => {
    const mine = new Set(about.rooms);
    const forUs = (event) => event.rooms.length === 0 || event.rooms.some((room) => mine.has(room));
    release((answer?.events ?? []).filter(forUs).map(({ event, arguments: args, offset, rooms }) => (
      { name: event, args, offset, rooms, at: storedAt(offset), past: true, recovered: false }
    )));
  });
}

/** Follow the events of one namespace; the other one, the gateway's, is asked for what came before. */
export function followArrivals(namespace, board) {
  namespace.onAny((name, ...args) => arrive(name, args));
  // Once both are connected, the gateway knows this page's rooms.
  const begin = () => { if (namespace.connected && board.connected) askAbout(askPast); };
  namespace.on("disconnect", () => { away = true; });
  namespace.on("connect", () => {
    if (!namespace.recovered) comeBack();
    if (held) holdTimer ??= setTimeout(release, HOLD_MS, []);
    begin();
  });
  board.on("connect", begin);
  board.on("connect_error", () => release([]));
}

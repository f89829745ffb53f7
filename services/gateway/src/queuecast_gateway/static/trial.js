// Faults on purpose, so that a recovery is seen: this page's connection is dropped, or its gateway is killed. Then it
// says what became of it.

import { ask } from "./rights.js";
import { brief, byId, duration, hook, whole } from "./words.js";

const AWAY_MS = 3_000;          // a dropped connection stays away for so long, so that there is something to miss
const RECONNECT_MS = 1_000;     // socket.io-client's own values
const JITTER = 0.5;

let socket;
let leftAt = 0;
let left = "";                  // the gateway that this page was connected to

const tell = (text) => { byId("trial-status").textContent = text; };

function drop() {
  const { io: manager } = socket;
  if (!socket.connected) return tell("There is no connection now.");
  manager.reconnectionDelay(AWAY_MS);
  manager.randomizationFactor(0);
  tell("The connection is dropped; it comes back in 3 s.");
  manager.engine.close();
}

function kill() {
  tell("This page's gateway is killed.");
  ask("kill", null, (_, error) => {
    if (error && socket.connected) tell(`Not killed: ${brief(error, 200)}`);
  });
}

function onDisconnect() {
  leftAt = performance.now();
  left = hook("replica").textContent;
}

/** Say how long the connection was away, and how many missed events have come. */
export function reportReturn(missed) {
  if (!leftAt) return;
  socket.io.reconnectionDelay(RECONNECT_MS);
  socket.io.randomizationFactor(JITTER);
  const away = `Away from ${left} for ${duration(performance.now() - leftAt)}`;
  const came = missed === 1 ? "1 missed event has come" : `${whole.format(missed)} missed events have come`;
  tell(socket.recovered
    ? `${away}; the session was recovered, ${missed ? came : "nothing was missed"}.`
    : `${away}; this is a new session, and events in between may be missing.`);
  leftAt = 0;
}

/** Offer faults of this namespace's connection. */
export function followTrial(namespace) {
  socket = namespace;
  namespace.on("disconnect", onDisconnect);
  byId("drop").addEventListener("click", drop);
  byId("kill").addEventListener("click", kill);
}

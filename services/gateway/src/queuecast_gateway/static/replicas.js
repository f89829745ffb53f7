// All replicas and the rooms with most members, as this page's gateway hears them from the others. They are asked for
// only while somebody looks.

import { join } from "./joined.js";
import { ask, may } from "./rights.js";
import { drawTable } from "./tables.js";
import { isOpen } from "./tabs.js";
import { ageText, brief, byId, duration, hook, plural, rateText, textElement, whole } from "./words.js";

const ASK_EVERY_MS = 2_000;
const MANY_ROOMS = 100_000;     // a gateway counts no more of its own

let before = new Map();         // replica → { delivered, at } of the last answer
let asking = false;

const number = (text) => ({ text, kind: "number" });

function stateOf({ answered, age_s: age, draining }) {
  if (!answered) return { text: `no answer for ${ageText(age * 1_000)}`, kind: "bad" };
  return draining ? { text: "draining", kind: "warn" } : { text: "serving", kind: "good" };
}

function rateOf({ id, delivered, answered }, now) {
  const last = before.get(id);
  if (!answered || !last || delivered < last.delivered) return "–";
  return rateText((delivered - last.delivered) * 1_000 / Math.max(1, now - last.at));
}

function drawReplicas(replicas, now) {
  const here = hook("replica").textContent;
  drawTable(byId("replicas"), replicas.map((each) => ({
    key: each.id,
    cells: [
      brief(each.replica, 80) + (each.replica === here ? " (this page)" : ""),
      stateOf(each),
      number(whole.format(each.connections)),
      number(whole.format(each.rooms_count)),
      number(each.lag_s < 0.001 ? "0 ms" : duration(each.lag_s * 1_000)),
      number(rateOf(each, now)),
      number(ageText(each.uptime_s * 1_000)),
      brief(each.version, 20),
    ],
  })));
  const answering = replicas.filter((each) => each.answered);
  before = new Map(answering.map(({ id, delivered }) => [id, { delivered, at: now }]));
  const sum = (of) => answering.reduce((total, each) => total + of(each), 0);
  byId("replicas-sum").textContent =
    `${plural(sum((each) => each.connections), "connection")} on ${plural(answering.length, "replica")}`;
  return Math.max(0, ...answering.map((each) => each.rooms_count));
}

function joinButton(name) {
  return (cell) => {
    const button = textElement("button", "Join");
    button.type = "button";
    button.setAttribute("aria-label", `Join ${brief(name, 60)}`);
    button.addEventListener("click", () => join([name]));
    cell.append(button);
  };
}

function drawRooms(rooms, most) {
  drawTable(byId("audience"), rooms.map(([namespace, name, members]) => ({
    key: `${namespace} ${name}`,
    cells: [
      brief(name, 80) + (namespace === "/" ? "" : ` in ${namespace}`),
      number(whole.format(members)),
      namespace === "/" ? { node: joinButton(name) } : "",
    ],
  })));
  const all = `${whole.format(most)}${most < MANY_ROOMS ? "" : " or more"}`;
  byId("audience-sum").textContent = most > rooms.length
    ? `the ${whole.format(rooms.length)} largest; one replica has ${all}`
    : rooms.length ? plural(rooms.length, "room") : "nobody is in a room";
}

function renew() {
  if (asking || !isOpen("panel-replicas") || !may("view")) return;
  asking = true;
  ask("replicas", null, (answer, error) => {
    asking = false;
    byId("replicas-status").textContent = error ?? "";
    if (answer) drawRooms(answer.rooms, drawReplicas(answer.replicas, performance.now()));
  });
}

/** Show replicas and rooms. */
export function followReplicas() {
  document.addEventListener("panelopen", renew);
  setInterval(renew, ASK_EVERY_MS);
}

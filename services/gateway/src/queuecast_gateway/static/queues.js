// The queues as their pollers report them, the messages that wait for somebody, and those that were left last, with the
// reason. Pollers report only while somebody looks.

import { ask, may } from "./rights.js";
import { drawTable } from "./tables.js";
import { isOpen } from "./tabs.js";
import { ageText, brief, byId, clock, whole } from "./words.js";

const ASK_EVERY_MS = 2_000;
const PATIENCE_MS = 10_000;     // pollers look every two seconds whether somebody wants a report

let asking = false;
let lookingSince = 0;

const number = (n) => ({ text: n === undefined ? "?" : whole.format(n), kind: "number" });
const listed = (counts) => Object.entries(counts).map(([name, count]) => `${name} ${whole.format(count)}`).join(", ");

function drawQueues(queues) {
  drawTable(byId("queues"), queues.map(({ queue, backlog, left, ...counts }) => ({
    key: queue,
    cells: [
      brief(queue, 80),
      number(backlog?.waiting),
      number(backlog?.hidden),
      number(backlog?.delayed),
      number(counts.in_flight),
      number(counts.held),
      number(counts.awaited),
      number(counts.published),
      listed(left) || "none",
      { ...number(counts.dead_letters), kind: counts.dead_letters ? "number bad" : "number" },
    ],
  })));
}

function drawLeft(recent) {
  byId("left-table").hidden = recent.length === 0;
  byId("left-note").textContent = recent.length ? "and why" : "none";
  drawTable(byId("left"), recent.map((each) => ({
    key: each.id,
    cells: [
      { text: brief(each.id, 40), kind: "code" },
      { text: `${each.reason}: ${brief(each.why, 300)}`, kind: "why" },
      each.dead
        ? { text: `${each.receives}: dead letter`, kind: "bad" }
        : `${each.receives} of ${each.max_receives ?? "any number"}`,
      ageText(Date.now() - each.at_ms),
      brief(each.queue, 80),
    ],
  })));
}

const STATES = {
  held: ["held: nobody is there", "warn"],
  awaited: ["waits for an acknowledgement", "warn"],
  acknowledged: ["acknowledged", "good"],
  unanswered: ["not acknowledged in time, comes back", "bad"],
  nobody_there: ["nobody was there, comes back", "bad"],
  delivered: ["delivered: somebody is there", "good"],
  left: ["left on the queue", "bad"],
  dropped: ["dropped", "bad"],
  forwarded: ["forwarded", ""],
  returned: ["returned: its poller stopped", ""],
};

function audience({ rooms, more_rooms: more }) {
  if (rooms.length === 0) return "everyone";
  return `${brief(rooms.join(", "), 120)}${more ? ` and ${more} more` : ""}`;
}

function drawWaits(waits, queues) {
  byId("waits-table").hidden = waits.length === 0;
  const sums = (of) => listed(queues.map(of).reduce((all, each = {}) => {
    for (const [name, count] of Object.entries(each)) all[name] = (all[name] ?? 0) + count;
    return all;
  }, {}));
  const holds = sums(({ holds: each }) => each);
  const acks = sums(({ acks: each }) => each);
  const told = [holds && `holds: ${holds}`, acks && `acknowledgements: ${acks}`].filter(Boolean);
  byId("waits-note").textContent = told.length ? `since each poller was started: ${told.join("; ")}` : "none";
  drawTable(byId("waits"), waits.map((each) => {
    const [text, kind] = STATES[each.state] ?? [brief(each.state, 40), ""];
    const waiting = each.state === "held" || each.state === "awaited";
    const until = waiting && each.until_ms ? `until ${clock.format(each.until_ms)}` : "";
    return {
      key: each.id,
      cells: [
        { text: brief(each.id, 40), kind: "code" },
        `${brief(each.event, 60)} to ${audience(each)}`,
        each.ack ? (each.ack === "all" ? "every browser" : "one browser") : "nobody",
        { text, kind },
        until || brief(each.detail, 200),
        ageText(Date.now() - each.at_ms),
        brief(each.queue, 80),
      ],
    };
  }));
}

function statusOf(queues, error) {
  if (error) return error;
  if (queues.length) return "";
  return performance.now() - lookingSince < PATIENCE_MS
    ? "Waiting for the pollers' reports"
    : "No poller reports: none is running, or its Redis user may not (deploy/redis/users.acl)";
}

function renew() {
  if (!isOpen("panel-queues") || !may("view")) {
    lookingSince = 0;
    return;
  }
  lookingSince ||= performance.now();
  if (asking) return;
  asking = true;
  ask("queues", null, (answer, error) => {
    asking = false;
    byId("queues-status").textContent = statusOf(answer?.queues ?? [], error);
    if (!answer) return;
    drawQueues(answer.queues);
    drawWaits(answer.waits, answer.queues);
    drawLeft(answer.recent);
  });
}

/** Show queues. */
export function followQueues() {
  document.addEventListener("panelopen", renew);
  setInterval(renew, ASK_EVERY_MS);
}

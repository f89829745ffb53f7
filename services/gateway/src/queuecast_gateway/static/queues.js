// The queues as their pollers report them, and the messages that were left last, with the reason. Pollers report only
// while somebody looks.

import { ask, may } from "./rights.js";
import { drawTable } from "./tables.js";
import { isOpen } from "./tabs.js";
import { ageText, brief, byId, whole } from "./words.js";

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
    drawLeft(answer.recent);
  });
}

/** Show queues. */
export function followQueues() {
  document.addEventListener("panelopen", renew);
  setInterval(renew, ASK_EVERY_MS);
}

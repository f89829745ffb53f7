// Many stock Socket.IO clients in one process, for the fault tests. They keep the number of every item and the moment
// it came, and report only when asked: a line on standard input is a question, the answer is a line of JSON for `status`
// and one for each client for `pages`. The argument is {urls, tokens, clients, rooms, options, past}: client n is one of
// urls[n % urls.length], in room n % rooms, and shows tokens[n], if there are any. With `past`, clients subscribe
// with past events, again and again, and all items must be for rooms; "latest" keeps the newest number of each group.
// With `presence` they also come to a hall, watch who is there, and leave it, again and again, until told to `gather`.
// With `comes` they come to their rooms late, and half of them leave again and again, until told to `gather`.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const ACK_MS = 5_000;
// Tells a client an offset without any news; nobody's handler waits for it.
const OFFSET_EVENT = "queuecast:offset";
const PRESENCE_EVENT = "queuecast:presence";

const { urls, tokens, clients, rooms, options, past, presence, comes } = JSON.parse(process.argv[2]);

class Page {
  numbers = [];
  times = [];
  connects = [];
  disconnects = [];
  acknowledged = new Set();
  strays = 0;

  constructor(number) {
    this.room = rooms > 0 ? number % rooms : 0;
    const auth = tokens.length > 0 ? { token: tokens[number] } : {};
    this.socket = io(urls[number % urls.length], { forceNew: true, auth, ...options });
    this.socket.on("connect", () => this.connected());
    this.socket.on("disconnect", (reason) => this.disconnects.push([Date.now(), reason]));
    this.socket.onAny((name, item, ...more) => this.received(name, item, ...more));
  }

  received(name, item, about, done) {
    if (name === OFFSET_EVENT) return;
    if (name !== "item_added") { this.strays += 1; return; }
    if (done) {
      done();
      // A message that comes again says so; if it does not, it counts as a duplicate.
      if (about.redelivered && this.acknowledged.has(item.n)) return;
      this.acknowledged.add(item.n);
    }
    this.numbers.push(item.n);
    this.times.push(Date.now());
  }

  connected() {
    const connect = { at: Date.now(), recovered: this.socket.recovered === true, subscribed: null };
    // Whoever was recovered is in its room again without a word; a page asks only when it starts anew.
    const there = rooms === 0 || (connect.recovered && this.connects.at(-1).subscribed !== null);
    this.connects.push(connect);
    if (there) connect.subscribed = connect.at;
    else this.subscribe(connect, this.socket.id);
  }

  subscribe(connect, sid) {
    this.socket.timeout(ACK_MS).emit("subscribe", `quarter-${this.room}`, (error, ack) => {
      if (this.socket.id !== sid) return;
      if (!error && ack.ok) connect.subscribed = Date.now();
      else this.subscribe(connect, sid);
    });
  }

  get joined() { return this.socket.connected && this.connects.at(-1).subscribed !== null; }
}

// Subscribes as docs/past-events.md says, and once more after a while, from outside of the room or from inside.
class PastPage extends Page {
  known = null;
  answered = false;
  tries = 0;

  received(name, item, offset) {
    if (name === OFFSET_EVENT || (name === "item_added" && !this.answered)) return;
    this.take(name, item);
    if (name === "item_added") this.known = offset;
  }

  take(name, item) { super.received(name, item); }

  get wanted() { return this.known ? { since: this.known } : { last: 100 }; }

  connected() {
    const connect = { at: Date.now(), recovered: this.socket.recovered === true, subscribed: null };
    this.connects.push(connect);
    if (connect.recovered && this.answered) connect.subscribed = connect.at;
    else this.join(connect);
  }

  join(connect) {
    const mine = ++this.tries;
    const options = this.wanted;
    const again = () => { if (mine === this.tries && this.socket.connected) this.join(connect); };
    this.answered = false;
    this.socket.timeout(ACK_MS).emit("subscribe", `quarter-${this.room}`, options, (error, ack) => {
      if (mine !== this.tries) return;
      if (error || !ack.ok) { setTimeout(again, 300); return; }
      if (!options.last && !ack.complete) this.strays += 1;
      this.answered = true;
      ack.events.forEach(({ event, args }) => this.take(event, ...args));
      this.known = ack.offset;
      connect.subscribed ??= Date.now();
      setTimeout(() => this.leave(mine), 300 + 1_000 * Math.random());
    });
  }

  leave(mine) {
    if (mine !== this.tries || !this.socket.connected) return;
    const connect = this.connects.at(-1);
    if (Math.random() < 0.5) { this.join(connect); return; }
    // What still comes of the room is in the answer too; if the connection breaks off, it has to join again.
    this.answered = false;
    this.socket.timeout(ACK_MS).emit("unsubscribe", `quarter-${this.room}`, () => {
      if (mine === this.tries && this.socket.connected) this.join(connect);
    });
  }
}

// Its numbers are those of the state that it shows, in the order in which they came.
class LatestPage extends PastPage {
  shown = new Map();
  taken = 0;

  get wanted() { return { latest: true }; }

  take(name, item) {
    if (name !== "item_added") { this.strays += 1; return; }
    // An answer that repeats what is shown is no delivery: pages ask again for ever.
    if (this.shown.get(item.group)?.[0] !== item.n) this.taken += 1;
    this.shown.delete(item.group);
    this.shown.set(item.group, [item.n, Date.now()]);
    this.numbers = [...this.shown.values()].map(([number]) => number);
    this.times = [...this.shown.values()].map(([, time]) => time);
  }
}

// Comes to the hall of its room and leaves it, and keeps what it was told last.
class WatchingPage extends Page {
  gathering = false;
  count = null;
  lowest = Infinity;
  turn = 0;

  received(name, item, offset) {
    if (name !== PRESENCE_EVENT) { super.received(name, item, offset); return; }
    this.count = item.count;
    this.lowest = Math.min(this.lowest, item.count);
  }

  connected() {
    super.connected();
    this.go();
  }

  // A later turn replaces the one before it, whose answer may be lost with its connection.
  go() {
    const mine = ++this.turn;
    const comes = this.gathering || Math.random() < 0.6;
    const next = (ms) => setTimeout(() => { if (mine === this.turn && this.socket.connected) this.go(); }, ms);
    const done = (error, ack) => {
      if (mine !== this.turn) return;
      if (error || !ack.ok) next(300);
      else if (!this.gathering) next(300 + 1_000 * Math.random());
    };
    const asking = this.socket.timeout(ACK_MS);
    if (comes) asking.emit("subscribe", `hall-${this.room}`, { presence: true }, done);
    else { this.count = null; asking.emit("unsubscribe", `hall-${this.room}`, done); }
  }

  gather() {
    this.gathering = true;
    if (this.socket.connected) this.go();
  }
}

// Comes to its room late. Some pages leave it again and come back: what is for them has to be acknowledged
// (`routes-holds.yaml`), or what is on its way when they leave would be lost.
class ComingPage extends Page {
  gathering = false;
  inside = false;
  turn = 0;

  get leaves() { return this.room % 20 < 10; }

  get joined() { return this.socket.connected && (this.inside || !this.gathering); }

  connected() {
    const recovered = this.socket.recovered === true;
    this.connects.push({ at: Date.now(), recovered, subscribed: null });
    // Whoever was recovered is in its room again.
    if (!recovered) this.inside = false;
    this.go();
  }

  go() {
    const mine = ++this.turn;
    const comes = this.gathering || (this.inside ? !this.leaves : Math.random() < 0.3);
    const next = (ms) => setTimeout(() => { if (mine === this.turn && this.socket.connected) this.go(); }, ms);
    if (!comes && !this.inside) { next(1_000 * Math.random()); return; }
    const verb = comes ? "subscribe" : "unsubscribe";
    this.socket.timeout(ACK_MS).emit(verb, `quarter-${this.room}`, (error, ack) => {
      if (mine !== this.turn) return;
      if (error || !ack.ok) { next(300); return; }
      this.inside = comes;
      if (this.gathering) return;
      next(comes ? 3_000 + 3_000 * Math.random() : 500 + 1_000 * Math.random());
    });
  }

  gather() {
    this.gathering = true;
    if (this.socket.connected) this.go();
  }
}

const kind = comes ? ComingPage : presence ? WatchingPage : { false: Page, true: PastPage, latest: LatestPage }[past ?? false];
const pages = Array.from({ length: clients }, (_, number) => new kind(number));

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const questions = {
  gather: () => { pages.forEach((page) => page.gather()); answer({}); },
  counts: () => answer({
    right: pages.filter((page) => page.count === pages.filter((other) => other.room === page.room).length).length,
    told: pages.filter((page) => page.lowest < Infinity).length,
    lowest: Math.min(...pages.map((page) => page.lowest)),
  }),
  status: () => answer({
    joined: pages.filter((page) => page.joined).length,
    deliveries: pages.reduce((sum, page) => sum + (page.taken ?? page.numbers.length), 0),
  }),
  pages: () => pages.forEach(({ room, numbers, times, connects, disconnects, strays }) =>
    answer({ room, numbers, times, connects, disconnects, strays })),
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => questions[line]());
// Everybody leaves properly; the process ends when nothing is left to do.
lines.on("close", () => pages.forEach((page) => page.socket.disconnect()));

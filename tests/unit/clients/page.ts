// A page with the types of clients/. What must not compile has a mark above it: the compiler
// complains about a mark without an error.

import { io } from "socket.io-client";
import type { AwaitedEvent, Auth, ConnectError, QueuecastSocket } from "queuecast-events";
import { followRoom } from "queuecast-room";

interface Price {
  sku: string;
  eur: number;
}

interface Events {
  price: (price: Price) => void;
  sold_out: (sku: string, at: number) => void;
  order: AwaitedEvent<[order: { number: number }]>;
}

interface Relayed {
  typing: (name: string) => void;
}

const auth: Auth = { token: "…", recovery: true };
const socket: QueuecastSocket<Events, Relayed> = io("https://gateway.example", { auth });
const shown = new Map<string, number>();
let known: string | undefined;

socket.on("connect", () => {
  const recovered: boolean = socket.recovered;
  if (recovered) return;
  socket.emit("subscribe", ["sku:7", "sku:8"], (ack) => {
    if (ack.ok) ack.rooms.map((room) => room.toUpperCase());
    else if (ack.error.code === "too_many_rooms") console.log(ack.error.message);
    // @ts-expect-error: there is no such code
    else if (ack.error.code === "too_many_doors") console.log(ack);
    // @ts-expect-error: without past events there is no offset
    if (ack.ok) known = ack.offset;
  });
});

socket.on("price", (price, offset) => {
  shown.set(price.sku, price.eur);
  known = offset;
  // @ts-expect-error: a price has no such property
  shown.set(price.sku, price.usd);
});
socket.on("sold_out", (sku, at) => shown.delete(sku) && at.toFixed());
socket.on("token_expiring", ({ expires_in }) => {
  socket.emit("refresh", `a token for ${expires_in.toFixed()} s more`, (ack) => {
    if (ack.ok && ack.expires !== null) ack.expires.toFixed();
  });
});
socket.on("queuecast:presence", ({ room, count, users, complete }) => {
  if (room !== null && complete) shown.set(room, count);
  users?.map((user) => user.toUpperCase());
  // @ts-expect-error: without the claim nobody is named
  users.length.toFixed();
});
socket.emit("subscribe", [], { presence: true }, (ack) => {
  if (ack.ok) ack.rooms.map((room) => room.toUpperCase());
  // @ts-expect-error: without past events there is no offset
  if (ack.ok) known = ack.offset;
});
socket.emit("subscribe", "sku:7", { last: 20, presence: true }, (ack) => {
  if (ack.ok) known = ack.offset;
});
// @ts-expect-error: it is on or off
socket.emit("subscribe", "sku:7", { presence: "yes" }, () => {});
socket.on("order", (order, about, done) => {
  if (!about.redelivered) shown.set(about.id, order.number);
  // @ts-expect-error: it says who, not whether
  if (about.ack === true) shown.clear();
  done();
});
// @ts-expect-error: no such event comes
socket.on("prise", () => {});

socket.emit("subscribe", "sku:7", { last: 20 }, (ack) => {
  if (!ack.ok) return;
  for (const past of ack.events) {
    if (past.event === "price") shown.set(past.args[0].sku, past.args[0].eur);
    else if (past.event === "sold_out") shown.delete(past.args[0]);
    else if (past.event === "order" && !past.args[1].redelivered) shown.set(past.args[1].id, past.args[0].number);
  }
  if (ack.complete) known = ack.offset;
});
socket.emit("subscribe", "sku:7", { since: known ?? "1764428400000-0" }, (ack) => ack.ok);
socket.emit("subscribe", "sku:7", { latest: true }, (ack) => ack.ok && ack.events.map((event) => event.key ?? ""));
// @ts-expect-error: one or the other
socket.emit("subscribe", "sku:7", { latest: 20 }, () => {});
// @ts-expect-error: the answer may be a refusal, so somebody has to look at it
socket.emit("subscribe", "sku:7");
// @ts-expect-error: a room has a name
socket.emit("subscribe", 7, () => {});

socket.emit("typing", "Ann", (ack) => ack.ok || ack.error.code);
socket.timeout(5_000).emit("unsubscribe", "sku:7", (late, ack) => late ?? (ack.ok && ack.rooms));
// @ts-expect-error: this page may not send prices
socket.emit("price", { sku: "sku:7", eur: 1 }, () => {});

socket.on("connect_error", (error: ConnectError) => {
  if (error.data?.code === "unauthorized") socket.disconnect();
});

const leave: () => void = followRoom(socket, "sku:7", { price: (price) => shown.set(price.sku, price.eur) }, {
  last: 1,
  onState: (state, complete) => complete ?? state === "live",
});
leave();
// @ts-expect-error: no such event comes
followRoom(socket, "sku:7", { prise: () => {} });

export async function later(): Promise<string[]> {
  const ack = await socket.emitWithAck("unsubscribe", ["sku:7"]);
  return ack.ok ? ack.rooms : [];
}

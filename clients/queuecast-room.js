/**
 * Follows a room with the stock client: the last events at once, and every later one, none twice and none missing, also after
 * a long absence. Copy this file into your project, beside `queuecast-room.d.ts` for TypeScript.
 *
 *     const leave = followRoom(socket, "sku:lamp", { price: (price) => show(price) }, { last: 1 });
 *
 * An event does not say for which room it was: handlers of several rooms look at its data. Call `followRoom` once for a room
 * of a page, since leaving it leaves it for the whole page. https://socket.io/docs/v4/client-api/
 */

const PERMANENT = new Set(["bad_options", "bad_room", "forbidden", "too_many_rooms"]);
const OFFSET = /^\d{10,}-\d+$/;
const AGAIN_MS = 1_000;
const ANSWER_MS = 10_000;

export function followRoom(socket, room, handlers, { last = 20, onState = () => {} } = {}) {
  let known = null; // the offset up to which the page has the room
  let answered = false; // until then, events of the room are left to the answer, which has them in order
  let tries = 0;

  const join = () => {
    const mine = ++tries;
    answered = false;
    onState("joining");
    socket.timeout(ANSWER_MS).emit("subscribe", room, known ? { since: known } : { last }, (late, ack) => {
      if (mine !== tries) return;
      if (late || !ack.ok) {
        if (!late && PERMANENT.has(ack.error.code)) onState(ack.error.code);
        else setTimeout(() => mine === tries && socket.connected && join(), AGAIN_MS);
        return;
      }
      onState("live", ack.complete);
      for (const { event, args } of ack.events) handlers[event]?.(...args);
      known = ack.offset;
      answered = true;
    });
  };

  const listeners = Object.entries(handlers).map(([event, handle]) => {
    const listener = (...args) => {
      if (!answered) return;
      // Volatile events and those that ask for an acknowledgement have no offset.
      if (OFFSET.test(args.at(-1))) known = args.pop();
      handle(...args);
    };
    return [event, listener];
  });
  const connected = () => (socket.recovered && answered ? onState("live", true) : join());
  const disconnected = () => onState("away");

  for (const [event, listener] of listeners) socket.on(event, listener);
  socket.on("connect", connected);
  socket.on("disconnect", disconnected);
  if (socket.connected) join();

  return () => {
    tries++;
    for (const [event, listener] of listeners) socket.off(event, listener);
    socket.off("connect", connected);
    socket.off("disconnect", disconnected);
    if (socket.connected) socket.emit("unsubscribe", room, () => {});
  };
}

// How far this page's clock is from Redis's, which is in every offset. The gateway tells it with each echo, and the
// echo with the shortest way is believed. So an event's age does not depend on how well the clocks of two machines
// agree.

const KEPT = 20;

let samples = [];               // { roundTrip, skew } of the last echoes

/** Take the server's time out of an echo that was sent and answered at these times; all in milliseconds. */
export function observeEcho(sentAt, answeredAt, serverMs) {
  if (!Number.isFinite(serverMs)) return;
  samples = [...samples, { roundTrip: answeredAt - sentAt, skew: (sentAt + answeredAt) / 2 - serverMs }].slice(-KEPT);
}

/** How long an event took from the bus to this page, in milliseconds; null if that is not known. */
export function delayOf({ offset, at }) {
  if (!offset || samples.length === 0) return null;
  const { skew } = samples.reduce((a, b) => (b.roundTrip < a.roundTrip ? b : a));
  return Math.max(0, at - skew - Number(offset.split("-")[0]));
}

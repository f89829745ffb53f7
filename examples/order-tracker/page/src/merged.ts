// What the events make of a list of orders. Pure.

import type { Order } from "./api";

/** Returns the list with an order's newer version, or with a new order at the end. A late event changes nothing. */
export function merged(orders: Order[], ...changed: Order[]): Order[] {
  const all = new Map(orders.map((order) => [order.number, order]));
  for (const order of changed) {
    const known = all.get(order.number);
    if (!known || known.version < order.version) all.set(order.number, order);
  }
  return [...all.values()].sort((one, other) => one.number - other.number);
}

/** Types of `queuecast-room.js`. */

import type { Socket } from "socket.io-client";
import type { ErrorCode } from "./queuecast-events";

/** `live`: the page has the room's events. A code of an error is final: the page may not have them. */
export type RoomState = "joining" | "live" | "away" | ErrorCode;

export interface RoomOptions {
  /** How many of the room's past events to begin with; the gateway allows `QUEUECAST_MAX_PAST_EVENTS`. */
  last?: number;
  /** Is told of every change. `complete` is false if older events than those given are missing: fetch them from your own API. */
  onState?: (state: RoomState, complete?: boolean) => void;
}

/**
 * Handles the last events of a room and all later ones, in order, without their offset; returns a function that leaves the room.
 * The socket is a `QueuecastSocket`, or one without types.
 */
export function followRoom<Received extends object>(
  socket: Socket<Received, any>,
  room: string,
  handlers: Partial<Received>,
  options?: RoomOptions,
): () => void;

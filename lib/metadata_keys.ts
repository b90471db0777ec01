/** The metadata by which routers and their clients understand each other beside messages. */

/** Trailer of a call that only the leader takes: its id and address, `2 http://host:port`. */
export const leaderKey = "conveyor-leader";

/**
 * Header of a call that writes: 16 bytes that the caller has drawn. The call repeated under the same
 * ones is carried out once, and answered alike.
 */
export const requestIdKey = "conveyor-request-id-bin";

/** Length of what `requestIdKey` names. */
export const requestIdBytes = 16;

/** Draws what `requestIdKey` names. */
export function newRequestId(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(requestIdBytes));
}

/** Header of a call that a router passes on to another one of its cluster, which passes it no further. */
export const relayedKey = "conveyor-relayed";

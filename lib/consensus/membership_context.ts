/** What a membership change carries besides its ids: the request that asked for it, and an address. */
import { requestIdBytes } from "../metadata_keys.ts";

export interface MembershipContext {
  readonly requestId: Uint8Array;
  /** Where the added node is dialled; empty for changes that add none. */
  readonly address: string;
}

export function encodeMembershipContext(
  { requestId, address }: MembershipContext,
): Uint8Array {
  const text = new TextEncoder().encode(address);
  const bytes = new Uint8Array(requestIdBytes + text.length);
  bytes.set(requestId);
  bytes.set(text, requestIdBytes);
  return bytes;
}

/** Undefined for a change that nobody asked for: a leader leaves a joint membership by itself. */
export function decodeMembershipContext(
  context: Uint8Array,
): MembershipContext | undefined {
  if (context.length < requestIdBytes) return undefined;
  return {
    requestId: context.subarray(0, requestIdBytes),
    address: new TextDecoder().decode(context.subarray(requestIdBytes)),
  };
}

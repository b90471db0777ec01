/**
 * Membership changes as the data of an entry, and what a change asks for. The encoding has a
 * version byte and fixed-width fields, so that a node reads what any other wrote; what it cannot
 * read it refuses before it enters the log.
 */
import type {
  ConfChange,
  ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeV2,
  Entry,
  EntryType,
} from "./types.ts";
import { noBytes } from "./message.ts";

const formatVersion = 1;
const headerBytes = 4;
const changeBytes = 9;
const transitions: readonly ConfChangeTransition[] = [
  "auto",
  "jointImplicit",
  "jointExplicit",
];
const kinds: readonly ConfChangeSingle["type"][] = [
  "addNode",
  "removeNode",
  "updateNode",
  "addLearner",
];

/** The change that leaves a joint membership; its encoding is empty, so it always fits. */
export const leaveJoint: ConfChangeV2 = {
  version: 2,
  transition: "auto",
  changes: [],
  context: noBytes,
};

/** The entry type and data that carry `change`. */
export function encodeConfChange(
  change: ConfChange,
): { readonly type: EntryType; readonly data: Uint8Array } {
  const type = change.version === 1 ? "confChange" : "confChangeV2";
  const { transition, changes, context } = asV2(change);
  if (type === "confChangeV2" && leavesJoint(change) && context.length === 0) {
    return { type, data: noBytes };
  }
  const data = new Uint8Array(
    headerBytes + changes.length * changeBytes + context.length,
  );
  const view = new DataView(data.buffer);
  view.setUint8(0, formatVersion);
  view.setUint8(1, transitions.indexOf(transition));
  view.setUint16(2, changes.length);
  changes.forEach(({ type, nodeId }, place) => {
    const at = headerBytes + place * changeBytes;
    view.setUint8(at, kinds.indexOf(type));
    view.setFloat64(at + 1, nodeId);
  });
  data.set(context, data.length - context.length);
  return { type, data };
}

/** The change in an entry; undefined when there is none or it cannot be read. */
export function decodeConfChange(entry: Entry): ConfChange | undefined {
  const { type, data } = entry;
  if (type === "normal") return undefined;
  if (data.length === 0) {
    return type === "confChangeV2" ? leaveJoint : undefined;
  }
  if (data.length < headerBytes) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const transition = transitions[view.getUint8(1)];
  const count = view.getUint16(2);
  const end = headerBytes + count * changeBytes;
  if (view.getUint8(0) !== formatVersion || end > data.length) return undefined;
  if (transition === undefined) return undefined;
  const changes: ConfChangeSingle[] = [];
  for (let at = headerBytes; at < end; at += changeBytes) {
    const kind = kinds[view.getUint8(at)];
    const nodeId = view.getFloat64(at + 1);
    if (kind === undefined || !Number.isSafeInteger(nodeId) || nodeId < 0) {
      return undefined;
    }
    changes.push({ type: kind, nodeId });
  }
  const context = data.slice(end);
  if (type === "confChangeV2") {
    return { version: 2, transition, changes, context };
  }
  const [change] = changes;
  if (change === undefined || count > 1) return undefined;
  return { version: 1, change, context };
}

/** The change in the newer form: a single change without a transition of its own. */
export function asV2(change: ConfChange): ConfChangeV2 {
  if (change.version === 2) return change;
  return {
    version: 2,
    transition: "auto",
    changes: [change.change],
    context: change.context,
  };
}

/** Whether the change asks to leave the joint membership. */
export function leavesJoint(change: ConfChange): boolean {
  return change.version === 2 && change.transition === "auto" &&
    change.changes.length === 0;
}

/** Whether the change goes through a joint membership: asked for, or more than one step. */
export function entersJoint(change: ConfChange): boolean {
  return change.version === 2 &&
    (change.transition !== "auto" || change.changes.length > 1);
}

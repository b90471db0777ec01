/**
 * Goal: nodes that apply the same commands hold the same state, whatever their history. Method: one
 * replica applies random commands of every kind; others do too, but go through snapshot and restore
 * at random points, some of them drawn while further commands are applied. Answers, events and
 * snapshots are compared byte for byte.
 */
import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { seededRandom } from "../../../lib/random.ts";
import { decodeAnswer } from "../../../lib/state/answer.ts";
import { State } from "../../../lib/state/state.ts";
import type { StateEvent } from "../../../lib/state/types.ts";
import { bytesOf } from "../../fixtures/machine.ts";
import { randomCommand } from "../../fixtures/random_commands.ts";
import { restore } from "../../fixtures/restore.ts";

const commands = 3_000;

/** Every kind of event: a new one that random commands do not bring about does not compile or fails. */
const kinds: { readonly [K in StateEvent["kind"]]: true } = {
  serviceAdded: true,
  serviceModified: true,
  serviceHealthChanged: true,
  serviceRemoved: true,
  pipelineChanged: true,
  offsetsCommitted: true,
  groupOffsetsCommitted: true,
  groupMembersChanged: true,
  partitionsRevoked: true,
  partitionsAssigned: true,
  watermarksRaised: true,
  checkpointSaved: true,
  sidecarChanged: true,
  assignmentChanged: true,
  pullOwnersChanged: true,
  leaseStarted: true,
  leaseExpired: true,
  leaseRevived: true,
  leaseEnded: true,
};

Deno.test("State is the same on replicas that were restored on the way", () => {
  const seen = new Set<string>();
  const missing = (): string[] =>
    Object.keys(kinds).filter((kind) => !seen.has(kind));
  // Some kinds of events are rare: a few more rounds until all were there.
  for (let round = 0; round < 3 || missing().length > 0; round++) {
    assert(round < 20, `no ${missing()} in ${round} rounds`);
    const seed = (performance.timeOrigin * 3 + round) >>> 0;
    try {
      runReplicas(seed, seen);
    } catch (error) {
      throw new Error(`SEED ${seed}`, { cause: error });
    }
  }
});

function runReplicas(seed: number, seen: Set<string>): void {
  const random = seededRandom(seed);
  const steady = new State();
  let restored = new State();
  /** A snapshot being drawn, and what it must turn out to be. */
  let drawing:
    | { chunks: Iterator<Uint8Array>; drawn: Uint8Array[] }
    | undefined;
  let expected: Uint8Array = new Uint8Array(0);
  let refused = 0;
  for (let index = 1; index <= commands; index++) {
    const command = randomCommand(random);
    const at = { index, atMs: 1_700_000_000_000 + index * 10 };
    const one = steady.apply(command, at);
    const other = restored.apply(command.slice(), at);
    assertEquals(other, one);
    for (const { kind } of one.events) seen.add(kind);
    // What a command brought belongs to the log: the state must not hold on to it.
    command.fill(0xff);
    const { refusal } = decodeAnswer(one.answer);
    if (refusal) refused++;
    assert(refusal?.code !== Code.Unimplemented);
    if (random() < 0.01) {
      const next = new State();
      restore(next, restored.snapshot());
      restored = next;
    }
    if (!drawing && random() < 0.02) {
      expected = bytesOf(restored.snapshot());
      const chunks = steady.snapshot()[Symbol.iterator]();
      drawing = { chunks, drawn: [] };
    } else if (drawing && random() < 0.1) {
      const { done, value } = drawing.chunks.next();
      if (!done) drawing.drawn.push(value);
      else {
        assertEquals(bytesOf(drawing.drawn), expected);
        drawing = undefined;
      }
    }
  }
  assertEquals(bytesOf(steady.snapshot()), bytesOf(restored.snapshot()));
  assert(refused < commands * 0.8, `${refused} of ${commands} were refused`);
}

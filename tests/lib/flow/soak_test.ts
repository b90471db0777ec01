/**
 * Goal: whatever fails, no acked record is missing anywhere. Method: pipelines of random shape in
 * virtual time; services that answer late, badly or not at all, and sinks that lose what they have
 * pending; stores of letters and offsets that refuse; sources that repeat themselves; pipelines that
 * are changed and given up. At each ack, each commit and at the end it is looked at what the sinks
 * really have; then the dead letters are sent through again, and they have all.
 */
import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { hashOfNames } from "../../../lib/delivery/lineage.ts";
import { type Random, seededRandom } from "../../../lib/random.ts";
import type { Stage } from "../../../proto/messages/router.ts";
import {
  FlowWorld,
  order,
  type SeenRecord,
  type Service,
  type WorldInstance,
  WorldSource,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { batches, duration, retries } from "../../fixtures/flow_pipelines.ts";
import { type Fields, recordMessage } from "../../fixtures/record_messages.ts";

const faults = [
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Internal,
  Code.Unknown,
  Code.InvalidArgument,
  Code.DataLoss,
];

/** What becomes of a record, by its identity alone: the kind of each part of it, "a" or "b". */
function partsOf(name: string): readonly string[] {
  const hash = hashOfNames(name) >>> 0;
  return [[], ["a"], ["b"], ["a"], ["a", "b"], ["b", "b", "a"]][hash % 6]!;
}

function nameOf({ id }: Pick<SeenRecord, "id">): string {
  return `${id.sourceId}/${id.partition}/${id.sequenceNumber}`;
}

/** One run. */
class Soak {
  readonly random: Random;
  readonly world: FlowWorld;
  /** How often things fail: 0 once the world is to heal. */
  trouble = 0.15;
  /** What each sink has durably: "record#part". */
  readonly durable: Record<string, Set<string>> = {
    archive: new Set(),
    live: new Set(),
    keyed: new Set(),
  };
  readonly keys: Map<string, string> = new Map();
  readonly sources: SoakSource[];
  readonly #pushed: Map<string, bigint[]> = new Map();
  /** How many of these are known to be done, as an offset was committed. */
  readonly #committed: Map<string, number> = new Map();
  #checkedLetters = 0;
  readonly #lettersFor: Set<string> = new Set();
  #version = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.world = new FlowWorld({
      bufferRecordsMax: 3_000,
      sourceRecordsMax: 800,
      bufferBytesMax: 600_000,
      sourceBytesMax: 150_000,
      creditWindowRecords: 500,
      // On every other run there is no room for all partitions.
      partitionsTrackedMax: seed % 2 === 0 ? 15 : 100,
      refusedHoldMs: 60_000,
    }, seed);
    this.#serveStages();
    this.setPipeline();
    this.sources = ["orders", "tills", "clicks"].map((sourceId) =>
      new SoakSource(this, sourceId)
    );
  }

  below(n: number): number {
    return Math.floor(this.random() * n);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  /** A pipeline of the same meaning and another shape. */
  setPipeline(): void {
    const shape = (): Partial<Stage> => ({
      ...batches(1 + this.below(60), this.below(8)),
      ...retries(2 + this.below(3), 10 + this.below(100)),
      parallelism: this.chance(0.5) ? 1 : 2 + this.below(6),
      queueRecords: this.chance(0.5) ? 60 : 0,
    });
    const sourceStage = (id: string): Stage => stage(id, "source");
    this.world.flow.setPipeline(validPipeline({
      id: "soak",
      name: `${++this.#version}`,
      stages: [
        ...["orders", "tills", "clicks"].map(sourceStage),
        stage("enrich", "lookup", {
          ...shape(),
          lookup: {
            keyFields: ["city"],
            outputPrefix: "",
            onMiss: 0,
            cacheTtl: duration(this.chance(0.7) ? 500 : 0),
            cacheEntries: 5,
          },
        }),
        stage("split", "transform", shape()),
        stage("archive", "sink", shape()),
        stage("live", "sink", shape()),
        stage("keyed", "sink", shape()),
      ],
      edges: [
        ...["orders", "tills", "clicks"].map((id) => edge(id, "enrich")),
        edge("enrich", "split"),
        edge("split", "archive"),
        edge("split", "live", { recordType: "a" }),
        edge("split", "keyed", { expression: "record.type == 'b'" }),
      ],
    }));
  }

  /** Whether all that is to come of the record is where it is to be. */
  isDone(name: string): boolean {
    const { letters } = this.world;
    for (; this.#checkedLetters < letters.length; this.#checkedLetters++) {
      const { record, stageId } = letters[this.#checkedLetters]!;
      const seen = recordMessage.decode(record) as unknown as SeenRecord;
      const part = stageId === "archive" || stageId === "live" ||
          stageId === "keyed"
        ? `#${seen.payload[0]}`
        : "";
      this.#lettersFor.add(`${stageId} ${nameOf(seen)}${part}`);
    }
    const has = (letter: string): boolean => this.#lettersFor.has(letter);
    if (has(`enrich ${name}`) || has(`split ${name}`)) return true;
    return partsOf(name).every((kind, part) => {
      const sinks = ["archive", kind === "a" ? "live" : "keyed"];
      return sinks.every((sink) =>
        this.durable[sink]!.has(`${name}#${part}`) ||
        has(`${sink} ${name}#${part}`)
      );
    });
  }

  /** Sends every dead letter through again. */
  async replayLetters(): Promise<void> {
    const { flow, letters, time } = this.world;
    while (letters.length > 0) {
      const some = letters.splice(0, 100);
      const outcomes = some.map((letter, i) =>
        flow.replay({ letterId: `${i}`, ...letter })
      );
      time.pass(20_000);
      for (const { kind } of await Promise.all(outcomes)) {
        assertEquals(kind, "settled");
      }
    }
    this.#lettersFor.clear();
    this.#checkedLetters = 0;
  }

  /** The records that were sent. */
  get all(): readonly string[] {
    return [...this.#pushed].flatMap(([partition, sequences]) =>
      sequences.map((sequence) => `${partition}/${sequence}`)
    );
  }

  /** Notes that a source has sent the record. */
  pushed(sourceId: string, partition: number, sequence: bigint): void {
    const name = `${sourceId}/${partition}`;
    const list = this.#pushed.get(name) ?? [];
    this.#pushed.set(name, list);
    list.push(sequence);
  }

  /** No offset is committed past a record that the source still counts on. */
  checkCommits(): void {
    for (
      const { sourceId, partition, offset } of this.world.commits.splice(0)
    ) {
      const name = `${sourceId}/${partition}`;
      const sequences = this.#pushed.get(name) ?? [];
      let next = this.#committed.get(name) ?? 0;
      for (; next < sequences.length && sequences[next]! <= offset; next++) {
        const record = `${name}/${sequences[next]}`;
        assert(this.isDone(record), `${record} is open, ${offset} committed`);
      }
      this.#committed.set(name, next);
    }
  }

  disturb(): void {
    const { world } = this;
    const roll = this.random();
    if (roll < 0.03) this.setPipeline();
    else if (roll < 0.04) world.flow.giveUpPipeline("soak");
    else if (roll < 0.08) {
      world.lettersRefused = this.chance(0.5)
        ? Code.ResourceExhausted
        : undefined;
    } else if (roll < 0.12) {
      world.commitRefused = this.chance(0.5) ? Code.Unavailable : undefined;
    } else if (roll < 0.14) world.flow.servicesChanged();
  }

  heal(): void {
    this.trouble = 0;
    this.world.lettersRefused = this.world.commitRefused = undefined;
  }

  #serveStages(): void {
    const cities: Service = (records) => ({
      results: records.map(({ id, metadata }) => ({
        originalId: id,
        status: metadata.city === "none" ? 2 : 1,
        lookupData: { name: Uint8Array.of(65) },
      })),
    });
    const split: Service = (records) => ({
      results: records.map((record) => {
        const parts = partsOf(nameOf(record));
        return {
          originalId: record.id,
          status: parts.length === 0 ? 2 : parts.length === 1 ? 1 : 4,
          outputRecords: parts.map((recordType, part) => ({
            ...record,
            recordType,
            payload: Uint8Array.of(part, ...record.payload.subarray(1)),
          })),
        };
      }),
    });
    for (let n = 0; n < 2; n++) {
      this.world.serve("enrich", this.#faulty(cities));
      this.world.serve("split", this.#faulty(split));
      this.world.serve("live", this.#faulty(this.#writes("live")));
      this.world.serve("keyed", this.#faulty(this.#writes("keyed")), {
        exactlyOnce: true,
      });
      this.#servePending();
    }
  }

  /** The service with faults of all kinds. What it did is done, whatever it then answers. */
  #faulty(service: Service): Service {
    return (records) => {
      const afterMs = 1 + this.below(this.chance(0.05) ? 400 : 15);
      const roll = this.random() / this.trouble;
      if (roll < 0.3) {
        return { error: faults[this.below(faults.length)]!, afterMs };
      }
      const plan = service(records);
      if (roll < 0.5) {
        return { error: faults[this.below(faults.length)]!, afterMs };
      }
      if (roll > 1) return { ...plan, afterMs };
      return { ...plan, afterMs, results: this.#distorted(plan.results!) };
    };
  }

  #distorted(results: readonly Fields[]): readonly Fields[] {
    switch (this.below(4)) {
      case 0:
        return results.filter(() => this.chance(0.7));
      case 1:
        return [...results].reverse();
      case 2:
        return results.flatMap((result) => [result, result]);
      default:
        return results.map((result) =>
          this.chance(0.8)
            ? result
            : "recordId" in result
            ? { ...result, success: false, retryable: this.chance(0.7) }
            : { ...result, status: 3 }
        );
    }
  }

  /** A sink that has what it was sent, though it may not say so. */
  #writes(sink: string): Service {
    return (records) => {
      for (const record of records) {
        const part = `${nameOf(record)}#${record.payload[0]}`;
        this.durable[sink]!.add(part);
        if (sink === "keyed") this.#checkKey(part, record);
      }
      return writesAll(records);
    };
  }

  #checkKey(part: string, { id }: SeenRecord): void {
    const key = id.idempotencyKey.toString();
    assertEquals(this.keys.get(part) ?? key, key, part);
    this.keys.set(part, key);
  }

  /** A sink that makes durable what it is flushed, and loses what it holds now and then. */
  #servePending(): void {
    let held: string[] = [];
    const take: Service = (records) => {
      for (const record of records) {
        held.push(`${nameOf(record)}#${record.payload[0]}`);
      }
      return { ...writesAll(records), status: 4 };
    };
    const faulty = this.#faulty(take);
    const instance: WorldInstance = this.world.serve("archive", (records) => {
      if (this.chance(this.trouble / 5)) {
        held = [];
        instance.incarnation++;
      }
      if (this.chance(this.trouble)) {
        instance.flushes.push(this.chance(0.5) ? false : Code.Unavailable);
      }
      return faulty(records);
    });
    instance.onFlush = () => {
      for (const part of held) this.durable.archive!.add(part);
      held = [];
    };
  }
}

/** A source that sends what was rejected again, and more than it has to. */
class SoakSource extends WorldSource {
  readonly #soak: Soak;
  readonly #sourceId: string;
  /** By partition, the highest sequence number sent and those that are not acked. */
  readonly #sent: number[] = [];
  readonly owed: Map<string, Fields> = new Map();
  readonly #rejected: Map<string, Fields> = new Map();
  #told = 0;

  constructor(soak: Soak, sourceId: string) {
    super(soak.world.flow);
    this.#soak = soak;
    this.#sourceId = sourceId;
  }

  send(): void {
    const soak = this.#soak;
    if (!this.session.mayRead) return;
    const records: Fields[] = [];
    for (let n = soak.below(80); n > 0; n--) {
      const partition = soak.below(6);
      const sequence = (this.#sent[partition] ?? 0) + 1 + soak.below(2);
      this.#sent[partition] = sequence;
      const city = ["ulm", "bern", "none", "rome"][soak.below(4)]!;
      const record = order(sequence, {
        partition,
        sourceId: this.#sourceId,
        payload: new Uint8Array(1 + soak.below(200)),
        metadata: { city },
      });
      this.owed.set(`${partition}/${sequence}`, record);
      soak.pushed(this.#sourceId, partition, BigInt(sequence));
      records.push(record);
    }
    this.push(records);
  }

  /** Sends again what was rejected, and some of what may be under way. */
  sendAgain(): void {
    if (!this.session.mayRead) return;
    const records: Fields[] = [];
    for (const [name, record] of this.#rejected) {
      if (records.length === 150) break;
      records.push(record);
      this.#rejected.delete(name);
    }
    const from = this.#soak.below(this.owed.size + 1);
    records.push(...[...this.owed.values()].slice(from, from + 20));
    this.push(records);
  }

  /** Looks at what it was told since. */
  look(): void {
    for (
      const { partition, sequence, outcome } of this.told.slice(this.#told)
    ) {
      const id = `${partition}/${sequence}`;
      const owed = this.owed.get(id);
      if (outcome === "Rejected") {
        if (owed !== undefined) this.#rejected.set(id, owed);
        continue;
      }
      const name = `${this.#sourceId}/${partition}/${sequence}`;
      assert(this.#soak.isDone(name), `${name} is ${outcome} and not done`);
      this.owed.delete(id);
      this.#rejected.delete(id);
    }
    this.#told = this.told.length;
  }

  /** The offset that all is settled up to, by partition. */
  get ends(): readonly (readonly [string, bigint])[] {
    return this.#sent.map((end, partition) =>
      [`${this.#sourceId}/${partition}`, BigInt(end)] as const
    );
  }
}

async function run(seed: number, steps: number): Promise<void> {
  const soak = new Soak(seed);
  const { world, sources } = soak;
  const look = (): void => {
    soak.checkCommits();
    for (const source of sources) source.look();
  };
  for (let step = 0; step < steps; step++) {
    const source = sources[soak.below(3)]!;
    if (soak.chance(0.6)) source.send();
    else source.sendAgain();
    soak.disturb();
    world.time.pass(soak.below(40));
    look();
    const { records, bytes } = world.flow.underWay;
    assert(records <= 3_000 && bytes <= 1_200_000, `${records}, ${bytes}`);
  }
  soak.heal();
  for (let round = 0; round < 800; round++) {
    world.time.pass(500);
    look();
    if (sources.every(({ owed }) => owed.size === 0)) break;
    for (const source of sources) source.sendAgain();
  }
  assertEquals(sources.map(({ owed }) => owed.size), [0, 0, 0]);
  world.time.pass(90_000);
  look();
  for (const [name, end] of sources.flatMap(({ ends }) => ends)) {
    assertEquals(world.committed.get(name), end, name);
  }
  await soak.replayLetters();
  for (const name of soak.all) assert(soak.isDone(name), `${name} is lost`);
  const { stages, branches } = world.flow.report("soak")!;
  assertEquals(branches, 0);
  for (const [id, { buffered }] of stages) assertEquals(buffered, 0, id);
  const { records, bytes } = world.flow.underWay;
  assertEquals([records, bytes], [0, 0]);
  assertEquals(new Set(soak.keys.values()).size, soak.keys.size);
  assert(world.flow.counters.accepted > steps, "much was accepted");
  void world.flow.close();
  assertEquals(world.time.timers, 0);
}

const newSeed = Date.now() % 1_000_000;
for (const seed of [1, 2, newSeed]) {
  const name = seed === newSeed ? "a new seed" : `seed ${seed}`;
  Deno.test(`Flow loses nothing and leaves nothing behind under random faults, ${name}`, async () => {
    try {
      await run(seed, 150);
    } catch (error) {
      throw new Error(`SEED ${seed}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
}

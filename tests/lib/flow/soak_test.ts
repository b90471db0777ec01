/**
 * Goal: whatever fails, no acked record is missing anywhere. Method: pipelines of random shape in
 * virtual time; services that answer late, badly or not at all, and sinks that lose what they have
 * pending; stores of letters and offsets that refuse; sources that repeat themselves; pipelines that
 * are changed and given up. At each ack, each commit and at the end it is looked at what the sinks
 * really have; then the dead letters are sent through again, and they have all.
 */
import { assert, assertEquals } from "@std/assert";
import { Soak } from "../../fixtures/flow_soak.ts";

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
  for (const pipeline of ["soak", "copies"]) {
    const { stages, branches } = world.flow.report(pipeline)!;
    assertEquals(branches, 0);
    for (const [id, { buffered }] of stages) assertEquals(buffered, 0, id);
  }
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

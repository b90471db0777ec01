/** Goal: a router that starts again has its pipelines, offsets and dead letters, and goes on where it stood. */
import { assert, assertEquals } from "@std/assert";
import { AckStatus } from "@conveyor/grpc";
import {
  begin,
  hundreds,
  lettersOf,
  numbersOf,
} from "../fixtures/picky_run.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";

Deno.test({
  name: "pipelines and offsets are there after a restart",
  // grpc-js leaves the backoff timer of an address that went away.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using setup = await RouterSetup.start();
    const stored: number[] = [];
    {
      const admin = await setup.admin();
      await admin.createPipeline(line("store"));
      await setup.sink("store", (record) => void stored.push(numberOf(record)));
      const source = await setup.source();
      await source.push(numbers(100));
    }
    await setup.router.close();
    await setup.boot();
    const admin = await setup.admin();
    assertEquals((await admin.listPipelines()).map(({ id }) => id), ["line"]);
    const source = await setup.source();
    assertEquals(await source.resumePositions(), new Map([[0, 101n]]));
    const outcomes = await source.push(numbers(100));
    assert(outcomes.every(({ status }) => status === AckStatus.Duplicate));
    await setup.sink("store", (record) => void stored.push(numberOf(record)));
    await source.push(numbers(1, 101));
    assertEquals(stored, numbers(101).map((_, at) => at + 1));
  },
});

Deno.test({
  name:
    "dead letters are there after a restart, and are discarded by what selects them",
  // As above.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const run = await begin();
    await using _ = run.setup;
    await run.setup.router.close();
    await run.setup.boot();
    const letters = await lettersOf(run);
    const kept = await Array.fromAsync(letters.list());
    assertEquals(numbersOf(kept), hundreds);
    const ids = kept.slice(0, 4).map(({ deadLetterId }) => deadLetterId);
    assertEquals(await letters.discard({ deadLetterIds: ids }), 4n);
    assertEquals(await letters.discard({ pipelineId: "other" }), 0n);
    assertEquals(await letters.discard({ pipelineId: "line" }), 6n);
    assertEquals(await Array.fromAsync(letters.list()), []);
  },
});

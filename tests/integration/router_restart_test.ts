/** Goal: a router that starts again has its pipelines and offsets, and goes on where it stood. */
import { assert, assertEquals } from "@std/assert";
import { AckStatus } from "@conveyor/grpc";
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

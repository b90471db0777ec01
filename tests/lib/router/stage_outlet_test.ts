import { assert, assertEquals, assertRejects } from "@std/assert";
import { PulledIdentity } from "../../../lib/delivery/pulled_identity.ts";
import { StageOutlet } from "../../../lib/router/stage_outlet.ts";
import { systemScheduler } from "../../../lib/scheduler.ts";
import { orders } from "../../fixtures/flow_world.ts";
import { writeRequestMessage } from "../../fixtures/record_messages.ts";

Deno.test("StageOutlet keeps nothing of a call that is given up", async () => {
  const outlet = new StageOutlet(
    new PulledIdentity("line/out", 0, 1),
    systemScheduler,
  );
  const request = writeRequestMessage.encode({
    sinkId: "out",
    batch: { records: orders(1, 3) },
  });
  const stopping = new AbortController();
  const limits = { records: 3, timeoutMs: undefined, signal: stopping.signal };
  const call = outlet.call(request, limits);
  outlet.close();
  assertEquals(outlet.isOver, false);
  stopping.abort();
  await assertRejects(() => call);
  assert(outlet.isOver);
});

import { assertEquals } from "@std/assert";
import type { Call } from "../../../clients/ctl/command.ts";
import type { Findings } from "../../../clients/ctl/output.ts";
import { status } from "../../../clients/ctl/status.ts";
import { pipelineConfig } from "../../fixtures/pipelines.ts";

Deno.test("status tells of a stage of a type that only a newer router knows", async () => {
  const config = pipelineConfig({ id: "orders" });
  const stages = [{ ...config.stages![0], stageType: 99 }];
  const description = {
    config: { ...config, stages },
    status: { enabled: true, stageStatuses: {} },
  };
  const shown: Findings[] = [];
  const call = {
    words: ["orders"],
    flags: { isSet: () => false },
    session: {
      routers: ["http://router:1"],
      admin: () => ({
        getPipeline: () => Promise.resolve(description),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    },
    show: (found: Findings) => shown.push(found),
    fail: (error: unknown) => {
      throw error;
    },
  };
  await status(call as unknown as Call);
  assertEquals(shown.map(({ table }) => table()[1]!.slice(0, 3)), [
    ["orders", "in", "99"],
  ]);
});

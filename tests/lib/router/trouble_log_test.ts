import { assertEquals } from "@std/assert";
import type { Failure } from "../../../lib/delivery/work.ts";
import type { StageReport } from "../../../lib/flow/flow_report.ts";
import { troubleLogMs } from "../../../lib/limits.ts";
import type { LogFields } from "../../../lib/log.ts";
import { TroubleLog } from "../../../lib/router/trouble_log.ts";
import { VirtualTime } from "../../fixtures/virtual_time.ts";

Deno.test("TroubleLog says once why a stage waits, and once that it goes on", () => {
  const time = new VirtualTime();
  let trouble: Failure | undefined;
  const stage: StageReport = {
    processed: 0,
    buffered: 3,
    errors: 0,
    deadLettered: 0,
    dropped: 0,
    avgLatencyMs: 0,
    get trouble() {
      return trouble;
    },
  };
  const said: string[] = [];
  const say = (message: string, { stage, reason }: LogFields = {}): void =>
    void said.push([message, stage, reason].filter(Boolean).join(" "));
  let reports = 0;
  const troubles = new TroubleLog(
    {
      get troubledIds() {
        return trouble ? ["line"] : [];
      },
      report: () => {
        reports++;
        return { branches: 3, stages: new Map([["store", stage]]) };
      },
    },
    time,
    { info: say, warn: say },
  );
  time.pass(troubleLogMs);
  assertEquals([said, reports], [[], 0]);
  trouble = { code: "UNAVAILABLE", message: "no instance" };
  time.pass(3 * troubleLogMs);
  trouble = undefined;
  time.pass(3 * troubleLogMs);
  assertEquals(said, [
    "A stage waits store UNAVAILABLE: no instance",
    "A stage goes on store",
  ]);
  // While it waited, and once more.
  assertEquals(reports, 4);
  troubles.close();
  assertEquals(time.timers, 0);
});

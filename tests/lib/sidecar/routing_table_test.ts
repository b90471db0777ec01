import { assertEquals } from "@std/assert";
import type { ServedKind } from "../../../lib/delivery/ports.ts";
import { ChannelPool } from "../../../lib/services/channel_pool.ts";
import { RoutingTable } from "../../../lib/sidecar/routing_table.ts";
import type { StageAssignment } from "../../../proto/messages/sidecar.ts";

const routers = ["http://10.0.0.8:50051", "http://10.0.0.9:50051"];

function tableOf(...stages: Partial<StageAssignment>[]): RoutingTable {
  const table = new RoutingTable({
    sidecarId: "pod-1",
    pool: new ChannelPool(),
    ownUrl: () => "http://10.0.0.1:9091",
    localUrls: () => [],
    isExactlyOnce: (name, url) => name === "once" && url === "http://here:1",
    routers,
  });
  table.set({
    pipelineId: "p",
    isLocalComplete: false,
    pipelineVersion: 1n,
    stages: stages.map((stage) => ({
      stageId: "s",
      stageType: 4,
      serviceName: "once",
      nextStages: [],
      ...stage,
    })),
  }, new Set(["pulled"]));
  return table;
}

function pick(
  table: RoutingTable,
  kind: ServedKind,
  stageId = "s",
  leaveOut: (id: string) => boolean = () => false,
) {
  return table.pick({
    kind,
    pipelineId: "p",
    stageId,
    selector: {
      serviceName: "once",
      groupId: "",
      labels: new Map(),
      loadBalance: "round_robin",
    },
    pulled: false,
    keyHash: 0,
    leaveOut,
  });
}

Deno.test("RoutingTable knows which sink of the pod drops records that it has", () => {
  const here = { localEndpoint: "http://here:1" };
  const once = pick(tableOf(here), "sink");
  assertEquals([once?.id, once?.exactlyOnce], ["http://here:1", true]);
  const other = pick(tableOf({ ...here, serviceName: "often" }), "sink");
  assertEquals(other?.exactlyOnce, false);
});

Deno.test("RoutingTable calls a stage of another pod only to hand records over", () => {
  const remoteSidecar = { sidecarId: "pod-2", endpoint: "http://there:1" };
  const table = tableOf({ remoteSidecar });
  assertEquals(pick(table, "sink"), undefined);
  assertEquals(pick(table, "relay")?.id, "pod-2 http://there:1");
  assertEquals(pick(table, "relay", "s", () => true), undefined);
  table.delete("p");
  assertEquals(pick(table, "relay"), undefined);
});

Deno.test("RoutingTable hands records of a stage that is pulled from to a router, or the next one", () => {
  const table = tableOf({ stageId: "pulled" });
  assertEquals(pick(table, "sink", "pulled"), undefined);
  const ids = routers.map((url) => `router ${url}`);
  assertEquals(pick(table, "relay", "pulled")?.id, ids[0]);
  const second = pick(table, "relay", "pulled", (id) => id === ids[0]);
  assertEquals(second?.id, ids[1]);
});

Deno.test("RoutingTable hangs up where no stage runs any more, and looks at nothing else for it", () => {
  const kept: string[][] = [];
  let local = ["http://here:1", "http://here:2"];
  const table = new RoutingTable({
    sidecarId: "pod-1",
    pool: {
      keepOnly: (urls: ReadonlySet<string>) => void kept.push([...urls].sort()),
    } as ChannelPool,
    ownUrl: () => "http://own",
    localUrls: () => local,
    isExactlyOnce: () => false,
    routers: [],
  });
  const set = (pipelineId: string, ...endpoints: string[]) =>
    table.set({
      pipelineId,
      isLocalComplete: false,
      pipelineVersion: 1n,
      stages: endpoints.map((endpoint, at) => ({
        stageId: `s${at}`,
        stageType: 3,
        serviceName: "sink",
        nextStages: [],
        remoteSidecar: { sidecarId: "other", endpoint },
      })),
    });
  for (let n = 0; n < 10; n++) set(`p${n}`, "http://a", "http://b");
  set("p0", "http://a", "http://a");
  table.delete("p1");
  assertEquals(kept, []);
  for (let n = 2; n < 10; n++) set(`p${n}`, "http://a");
  const others = ["http://here:1", "http://here:2", "http://own"];
  assertEquals(kept, [["http://a", ...others]]);
  local = ["http://here:2", "http://here:3"];
  set("p2", "http://a");
  const changed = ["http://here:2", "http://here:3", "http://own"];
  assertEquals(kept.slice(1), [["http://a", ...changed]]);
  for (let n = 0; n < 10; n++) table.delete(`p${n}`);
  assertEquals(kept.slice(2), [changed]);
});

import { assert, assertEquals } from "@std/assert";
import {
  isSameAssignment,
  type PlaceablePipeline,
  type PlaceableSidecar,
  placePipeline,
  type SidecarsWith,
} from "../../../lib/registry/placement.ts";
import { hashText } from "../../../lib/registry/rendezvous.ts";
import type { PipelineAssignment } from "../../../proto/messages/sidecar.ts";

/** source -> enrich -> (archive, alert) */
const pipeline: PlaceablePipeline = {
  id: "orders",
  version: 1,
  stages: [
    { id: "in", stageType: 1, service: "shop", next: ["mid"] },
    { id: "mid", stageType: 2, service: "enrich", next: ["out", "alert"] },
    { id: "out", stageType: 3, service: "archive", next: [] },
    { id: "alert", stageType: 3, service: "pager", next: [] },
  ],
};

function sidecar(id: string, ...services: string[]): PlaceableSidecar {
  return {
    id,
    hash: hashText(id),
    endpoint: `http://${id}`,
    localEndpoint: (service) =>
      services.includes(service) ? `http://localhost/${service}` : undefined,
  };
}

function place(
  ...sidecars: readonly PlaceableSidecar[]
): Map<string, PipelineAssignment> {
  const sidecarsWith: SidecarsWith = (service, type) =>
    sidecars.filter((each) => each.localEndpoint(service, type) !== undefined);
  return placePipeline(pipeline, sidecarsWith);
}

/** "in:here mid:b out:-" */
function shown(assignment: PipelineAssignment | undefined): string {
  return assignment?.stages.map((stage) =>
    `${stage.stageId}:${
      stage.localEndpoint ? "here" : stage.remoteSidecar?.sidecarId ?? "-"
    }`
  ).join(" ") ?? "nothing";
}

Deno.test("placePipeline() keeps a pipeline in one pod when that has all of it", () => {
  const all = ["shop", "enrich", "archive", "pager"];
  const placed = place(sidecar("a", ...all), sidecar("b", "enrich"));
  assertEquals([...placed.keys()], ["a"]);
  const assignment = placed.get("a")!;
  assertEquals(shown(assignment), "in:here mid:here out:here alert:here");
  assertEquals(assignment.isLocalComplete, true);
  assertEquals(assignment.stages[1], {
    stageId: "mid",
    stageType: 2,
    serviceName: "enrich",
    nextStages: ["out", "alert"],
    localEndpoint: "http://localhost/enrich",
  });
});

Deno.test("placePipeline() sends records on to pods that have the next stage", () => {
  const placed = place(
    sidecar("a", "shop"),
    sidecar("b", "enrich", "pager"),
    sidecar("c", "archive", "pager"),
  );
  assertEquals([...placed.keys()].sort(), ["a", "b", "c"]);
  const first = shown(placed.get("a"));
  assert(/^in:here mid:b out:c alert:[bc]$/.test(first), first);
  assertEquals(shown(placed.get("b")), "in:a mid:here out:c alert:here");
  assertEquals(shown(placed.get("c")), "in:a mid:b out:here alert:here");
  for (const { isLocalComplete } of placed.values()) {
    assertEquals(isLocalComplete, false);
  }
  assertEquals(placed.get("a")?.stages[1]?.remoteSidecar, {
    sidecarId: "b",
    endpoint: "http://b",
  });
});

Deno.test("placePipeline() starts at every pod that has the source", () => {
  const all = ["shop", "enrich", "archive", "pager"];
  const placed = place(
    sidecar("a", ...all),
    sidecar("b", ...all),
    sidecar("c", "enrich"),
  );
  assertEquals([...placed.keys()], ["a", "b"]);
});

Deno.test("placePipeline() starts after a source that no pod has", () => {
  const placed = place(sidecar("a", "enrich", "archive", "pager"));
  assertEquals(shown(placed.get("a")), "in:- mid:here out:here alert:here");
});

Deno.test("placePipeline() leaves a stage without a place that no pod has", () => {
  const placed = place(sidecar("a", "shop", "enrich", "archive"));
  assertEquals(shown(placed.get("a")), "in:here mid:here out:here alert:-");
  assertEquals(place().size, 0);
});

Deno.test("placePipeline() spreads senders and moves little when a pod goes", () => {
  const senders = Array.from(
    { length: 90 },
    (_, i) => sidecar(`sender-${i}`, "shop"),
  );
  const rest = sidecar("z", "archive", "pager");
  const workers = ["w1", "w2", "w3"].map((id) => sidecar(id, "enrich"));
  const before = place(...senders, ...workers, rest);
  const after = place(...senders, ...workers.slice(0, 2), rest);
  const counts = { w1: 0, w2: 0, w3: 0 };
  for (const { id } of senders) {
    const was = before.get(id)!.stages[1]!.remoteSidecar!.sidecarId;
    counts[was as "w1"]++;
    const is = after.get(id)!.stages[1]!.remoteSidecar!.sidecarId;
    if (was !== "w3") assertEquals(is, was);
    else assert(is === "w1" || is === "w2");
  }
  for (const count of Object.values(counts)) assert(count > 15, `${count}`);
});

Deno.test("isSameAssignment() sees every difference", () => {
  const make = () =>
    place(sidecar("a", "shop"), sidecar("b", "enrich")).get("a")!;
  const one = make();
  assert(isSameAssignment(one, make()));
  const changes: ((each: PipelineAssignment) => unknown)[] = [
    (each) => each.pipelineId = "other",
    (each) => each.isLocalComplete = true,
    (each) => each.stages.pop(),
    (each) => each.stages[0]!.stageId = "other",
    (each) => each.stages[0]!.stageType = 9,
    (each) => each.stages[0]!.serviceName = "other",
    (each) => each.stages[0]!.localEndpoint = "other",
    (each) => each.stages[1]!.remoteSidecar!.endpoint = "other",
    (each) => each.stages[1]!.remoteSidecar!.sidecarId = "other",
    (each) => each.stages[1]!.nextStages[0] = "other",
    (each) => each.stages[1]!.nextStages.push("other"),
  ];
  for (const change of changes) {
    const other = make();
    change(other);
    assertEquals(isSameAssignment(one, other), false, String(change));
  }
});

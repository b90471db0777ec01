import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../../lib/random.ts";
import {
  isSameAssignment,
  type PlaceablePipeline,
  type PlaceableSidecar,
  type PlaceableStage,
  Placement,
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

function among(sidecars: readonly PlaceableSidecar[]): SidecarsWith {
  return (service, type) =>
    sidecars.filter((each) => each.localEndpoint(service, type) !== undefined);
}

function place(
  ...sidecars: readonly PlaceableSidecar[]
): ReadonlyMap<string, PipelineAssignment> {
  return new Placement(among(sidecars)).moves(pipeline).placed;
}

/** "in:here mid:b out:-" */
function shown(assignment: PipelineAssignment | undefined): string {
  return assignment?.stages.map((stage) =>
    `${stage.stageId}:${
      stage.localEndpoint ? "here" : stage.remoteSidecar?.sidecarId ?? "-"
    }`
  ).join(" ") ?? "nothing";
}

Deno.test("Placement keeps a pipeline in one pod when that has all of it", () => {
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

Deno.test("Placement sends records on to pods that have the next stage", () => {
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

Deno.test("Placement starts at every pod that has the source", () => {
  const all = ["shop", "enrich", "archive", "pager"];
  const placed = place(
    sidecar("a", ...all),
    sidecar("b", ...all),
    sidecar("c", "enrich"),
  );
  assertEquals([...placed.keys()], ["a", "b"]);
});

Deno.test("Placement starts after a source that no pod has", () => {
  const placed = place(sidecar("a", "enrich", "archive", "pager"));
  assertEquals(shown(placed.get("a")), "in:- mid:here out:here alert:here");
});

Deno.test("Placement leaves a stage without a place that no pod has", () => {
  const placed = place(sidecar("a", "shop", "enrich", "archive"));
  assertEquals(shown(placed.get("a")), "in:here mid:here out:here alert:-");
  assertEquals(place().size, 0);
});

Deno.test("Placement spreads senders and moves little when a pod goes", () => {
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

type Held = Map<string, { assignment: PipelineAssignment }>;

/** Has a pipeline hold what it is to hold. */
function carryOut(
  held: Held,
  { revoked, placed }: ReturnType<Placement["moves"]>,
): void {
  for (const id of revoked) assert(held.delete(id), id);
  for (const [id, assignment] of placed) held.set(id, { assignment });
}

const stage = (
  id: string,
  stageType: number,
  service: string,
  ...next: string[]
): PlaceableStage => ({ id, stageType, service, next });

const shapes: readonly (readonly PlaceableStage[])[] = [
  pipeline.stages,
  [stage("in", 1, "shop", "out"), stage("out", 3, "archive")],
  [
    stage("in", 1, "shop", "mid"),
    stage("in2", 1, "pager", "mid", "out"),
    stage("mid", 2, "enrich", "out"),
    stage("out", 3, "archive"),
  ],
];

Deno.test("Placement that looks at what sidecars changed only leads to what placing anew leads to", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const pipelines = shapes.flatMap((stages, shape) =>
    [1, 2].map((i) => ({ id: `p${shape}-${i}`, version: 1, stages }))
  );
  const held = pipelines.map((): Held => new Map());
  let sidecars = new Map<string, PlaceableSidecar>();
  for (let step = 0; step < 400; step++) {
    const changed = new Map<string, PlaceableSidecar | undefined>();
    const after = new Map(sidecars);
    for (let i = 0; i <= below(2); i++) {
      const id = `s${below(8)}`;
      changed.set(id, sidecars.get(id));
      const services = ["shop", "enrich", "archive", "pager"]
        .filter(() => below(4) > 0);
      const made = sidecar(id, ...services);
      const endpoint = `http://${id}-${below(2)}`;
      if (below(4) === 0) after.delete(id);
      else after.set(id, { ...made, endpoint });
    }
    sidecars = new Map([...after].sort(([a], [b]) => a < b ? -1 : 1));
    const sidecarsWith = among([...sidecars.values()]);
    const placing = new Placement(sidecarsWith, changed);
    pipelines.forEach((each, i) => {
      carryOut(held[i]!, placing.moves(each, held[i]!));
      const anew = new Placement(sidecarsWith);
      const whole: Held = new Map();
      carryOut(whole, anew.moves(each));
      const sorted = new Map([...held[i]!].sort(([a], [b]) => a < b ? -1 : 1));
      assertEquals(sorted, whole, `SEED ${seed}, step ${step}, ${each.id}`);
      assertEquals(anew.moves(each, held[i]!).placed.size, 0);
    });
  }
});

Deno.test("Placement looks at no assignment of pods that have the whole pipeline when another comes or goes", () => {
  const whole = (id: string) =>
    sidecar(id, "shop", "enrich", "archive", "pager");
  const pods = Array.from({ length: 60 }, (_, i) => whole(`pod-${i}`));
  let looks = 0;
  class Counted extends Map<string, { assignment: PipelineAssignment }> {
    override get(key: string) {
      looks++;
      return super.get(key);
    }
  }
  const held = new Counted();
  carryOut(held, new Placement(among(pods)).moves(pipeline));
  assertEquals(held.size, 60);
  const more = whole("more");
  looks = 0;
  const come = new Placement(
    among([...pods, more]),
    new Map([["more", undefined]]),
  ).moves(pipeline, held);
  assertEquals(looks, 1);
  assertEquals([...come.placed.keys()], ["more"]);
  assertEquals(come.revoked, []);
  carryOut(held, come);
  looks = 0;
  const gone = new Placement(among(pods), new Map([["more", more]]))
    .moves(pipeline, held);
  assertEquals(looks, 0);
  assertEquals(gone, { revoked: ["more"], placed: new Map() });
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

import { assertEquals, assertNotEquals } from "@std/assert";
import type {
  PlaceableSidecar,
  PlaceableStage,
} from "../../../lib/registry/placement.ts";
import {
  PlacementShape,
  shapeKeyOf,
} from "../../../lib/registry/placement_shape.ts";

const stages: readonly PlaceableStage[] = [
  { id: "in", stageType: 1, service: "shop", next: ["out"] },
  { id: "out", stageType: 3, service: "archive", next: [] },
];

function sidecar(id: string, ...services: string[]): PlaceableSidecar {
  return {
    id,
    hash: 1,
    endpoint: `http://${id}`,
    localEndpoint: (service) => services.includes(service) ? id : undefined,
  };
}

/** The shape among sidecars of which one was another, or none. */
function shapeOf(
  sidecars: readonly PlaceableSidecar[],
  changed: string,
  was?: PlaceableSidecar,
): PlacementShape {
  return new PlacementShape(
    stages,
    (service) => sidecars.filter((each) => each.localEndpoint(service, 0)),
    new Map([[changed, was]]),
  );
}

function settled({ settled }: PlacementShape): string[] {
  return Array.from(settled, ({ id }) => id);
}

const whole = sidecar("whole", "shop", "archive");
const store = sidecar("store", "archive");

Deno.test("PlacementShape has those settled that did not change and hand on to nobody", () => {
  const source = sidecar("source", "shop");
  const shape = shapeOf([whole, source, store], "store");
  assertEquals(settled(shape), ["whole"]);
  assertEquals(Array.from(shape.starts[0]!, ({ id }) => id), ["source"]);
  assertEquals(shape.moved, [1]);
  assertEquals(shape.had, [[], []]);
});

Deno.test("PlacementShape has nobody settled when the first sidecar with the source comes or the last one goes", () => {
  assertEquals(settled(shapeOf([store], "other")), ["store"]);
  const source = sidecar("source", "shop");
  assertEquals(settled(shapeOf([whole, store], "whole")), []);
  assertEquals(settled(shapeOf([store], "source", source)), []);
  assertEquals(settled(shapeOf([store, source], "source", source)), []);
});

Deno.test("PlacementShape has nobody settled when nothing is known of what was", () => {
  const shape = new PlacementShape(stages, () => [whole], undefined);
  assertEquals(settled(shape), []);
  assertEquals(shape.starts[0]!.size, 1);
});

Deno.test("shapeKeyOf() tells stages apart by all that places depend on", () => {
  const key = shapeKeyOf(stages);
  assertEquals(shapeKeyOf(structuredClone(stages)), key);
  const [first, second] = stages as [PlaceableStage, PlaceableStage];
  for (
    const other of [
      { ...first, id: "other" },
      { ...first, stageType: 2 },
      { ...first, service: "other" },
      { ...first, next: [] },
    ]
  ) {
    assertNotEquals(shapeKeyOf([other, second]), key);
  }
});

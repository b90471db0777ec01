import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { pullPartitionsMax } from "../../../lib/limits.ts";
import {
  badPullShares,
  ownedShares,
  partitionsLabel,
  shareOf,
} from "../../../lib/state/pull_shares.ts";
import { Machine, nodeNamed, serviceNamed } from "../../fixtures/machine.ts";

function withSource(partitions?: string): Machine {
  const machine = new Machine();
  for (const id of [1, 2, 3]) machine.run({ registerNode: nodeNamed(id) });
  machine.run({
    registerService: {
      service: serviceNamed(
        "shop",
        partitions === undefined
          ? {}
          : { metadata: { labels: { [partitionsLabel]: partitions } } },
      ),
    },
  });
  return machine;
}

function owned({ state }: Machine) {
  const sources = [state.services.get("shop")!];
  return [1, 2, 3].map((nodeId) =>
    ownedShares(sources, state.nodes, nodeId).map(({ partition }) => partition)
  );
}

Deno.test("ownedShares() gives a source as a whole to one node", () => {
  const machine = withSource();
  const owner = machine.state.nodes.pullOwner("shop", 0)!.nodeId;
  assertEquals(
    owned(machine),
    [1, 2, 3].map((id) => id === owner ? [undefined] : []),
  );
});

Deno.test("ownedShares() gives each partition of a source that names them to one node", () => {
  const shares = owned(withSource("64"));
  assert(shares.every(({ length }) => length > 0));
  assertEquals(
    shares.flat().sort((a, b) => a! - b!),
    Array.from({ length: 64 }, (_, partition) => partition),
  );
});

Deno.test("shareOf() is the partition whose owner pulls", () => {
  const whole = withSource().state.services.get("shop");
  const divided = withSource("4").state.services.get("shop");
  assertEquals([0, 3, 9].map((at) => shareOf(whole, at)), [0, 0, 0]);
  assertEquals([0, 3, 9].map((at) => shareOf(divided, at)), [0, 3, 1]);
  assertEquals(shareOf(undefined, 9), 9);
});

Deno.test("badPullShares() refuses what is no number of partitions, by name", () => {
  const refusal = (value: string) =>
    badPullShares({
      labels: { [partitionsLabel]: value },
      recordTypesHandled: [],
      maxConcurrentRequests: 0,
      weight: 0,
    })?.refusal;
  assertEquals(refusal("1"), undefined);
  assertEquals(refusal(`${pullPartitionsMax}`), undefined);
  for (const value of ["0", "", "-1", "1.5", `${pullPartitionsMax + 1}`]) {
    assertEquals(refusal(value)?.code, Code.InvalidArgument, value);
    assertEquals(
      refusal(value)?.field,
      `metadata.labels["${partitionsLabel}"]`,
    );
  }
});

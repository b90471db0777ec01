/**
 * Goal: a node takes no stray for another node of its cluster: one that joins knows whom to expect, and
 * one that met a stray first says what to mend, after which the right one is let in again.
 * Method: `server.ts` in processes; a note of a stray is put in the data directory of one between two runs.
 * Without leak checks: grpc-js leaves the backoff timer of a node that went away.
 */
import { assert, assertEquals } from "@std/assert";
import { ClusterClient } from "@conveyor/grpc";
import { RouterCluster, type RouterNode } from "../fixtures/router_cluster.ts";
import { until } from "../fixtures/until.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

test("a node that joins knows the disk of one that it has yet to meet", async () => {
  await using cluster = await RouterCluster.start();
  const [absent, ...others] = cluster.nodes as [RouterNode, ...RouterNode[]];
  const noteAt = async ({ id }: RouterNode): Promise<string | undefined> => {
    const notes = await Deno.readTextFile(`${cluster.folder}/${id}/met`);
    return notes.split("\n").find((line) => line.startsWith(`${absent.id} `));
  };
  for (const node of others) {
    await until(async () => await noteAt(node) !== undefined);
  }
  await absent.stop();
  const fourth = cluster.newcomer(4);
  fourth.start();
  await fourth.ready();
  assertEquals(await noteAt(fourth), await noteAt(others[0]!));
});

test(
  "a node that met a stray first names the line of its file that is to go, and without it lets the right one in",
  async () => {
    await using cluster = await RouterCluster.start();
    await using members = await ClusterClient.connect(cluster.urls);
    const { leader } = await members.listNodes();
    const [wrong, right] = cluster.nodes.filter(({ id }) =>
      BigInt(id) !== leader?.nodeId
    );
    const met = `${cluster.folder}/${wrong!.id}/met`;
    await wrong!.stop();
    const notes = await Deno.readTextFile(met);
    const line = new RegExp(`^${right!.id} \\S+\n`, "m");
    assert(line.test(notes), notes);
    await Deno.writeTextFile(met, notes.replace(line, `${right!.id} stray\n`));
    wrong!.start();
    await wrong!.ready();
    const refused = await right!.process.line("A peer refuses this node");
    for (
      const words of [
        `stop node ${wrong!.id}`,
        `take the line of node ${
          right!.id
        } out of the file "met" in its data directory`,
      ]
    ) assert(refused.includes(words), refused);
    await wrong!.stop();
    await Deno.writeTextFile(met, notes.replace(line, ""));
    await wrong!.start().line(`Connected to peer node=${right!.id}`);
    await wrong!.ready();
    assert(line.test(await Deno.readTextFile(met)));
  },
);

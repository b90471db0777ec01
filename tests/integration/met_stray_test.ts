/**
 * Goal: a node that met a stray under another's id, before that one, says what to mend, and after that
 * the two talk to each other again.
 * Method: three `server.ts`; a note of a stray is put in the data directory of one between two runs.
 * Without leak checks: grpc-js leaves the backoff timer of a node that went away.
 */
import { assert } from "@std/assert";
import { ClusterClient } from "@conveyor/grpc";
import { RouterCluster } from "../fixtures/router_cluster.ts";

Deno.test({
  name:
    "a node that met a stray first names the line of its file that is to go, and without it lets the right one in",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
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
});

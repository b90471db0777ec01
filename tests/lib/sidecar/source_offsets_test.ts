import { assertEquals } from "@std/assert";
import { CheckpointClient } from "../../../clients/checkpoint_client.ts";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { Code } from "../../../lib/errors.ts";
import { sourceOffsets } from "../../../lib/sidecar/source_offsets.ts";
import { Loopback } from "../../fixtures/loopback.ts";
import { rejection } from "../../fixtures/rejection.ts";

Deno.test("sourceOffsets() gives a source's positions as the cluster knows them, or one of them", async () => {
  const positions = new Map([[0, 7n], [3, 2n ** 64n - 1n]]);
  const steps: string[] = [];
  const checkpoints = {
    resumePositions: (sourceId: string) => {
      steps.push(`asked for ${sourceId}`);
      return Promise.resolve(positions);
    },
  };
  const flow = {
    commitOffsets: async (sourceId: string) => {
      await Promise.resolve();
      steps.push(`committed ${sourceId}`);
    },
  };
  const transport = new Loopback().add(
    checkpointService,
    sourceOffsets(checkpoints, flow),
  );
  await using client = new CheckpointClient(transport);
  assertEquals(await client.resumePositions("orders"), positions);
  assertEquals(steps, ["committed orders", "asked for orders"]);
  const { getSourceOffset } = checkpointService.methods;
  const { message } = await transport.unary(getSourceOffset, {
    sourceId: "orders",
    partition: 3,
  });
  assertEquals(message.offsets, { 3: 2n ** 64n - 1n });
  const error = await rejection(
    transport.unary(getSourceOffset, {}),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "source_id");
});

import { assertEquals } from "@std/assert";
import { reachedAt } from "../../../lib/router/router_options.ts";

Deno.test("reachedAt() has the host by which other nodes know this one, where it listens on all", () => {
  const options = {
    nodeId: 2,
    members: [
      { id: 1, address: "http://10.0.0.1:50052" },
      { id: 2, address: "http://10.0.0.2:50052" },
    ],
  };
  assertEquals(reachedAt("0.0.0.0:50051", options), "10.0.0.2:50051");
  assertEquals(reachedAt("[::]:50051", options), "10.0.0.2:50051");
  assertEquals(reachedAt("10.1.1.1:50051", options), "10.1.1.1:50051");
  const alone = { nodeId: 1, members: [{ id: 1, address: "" }] };
  assertEquals(reachedAt("0.0.0.0:50051", alone), "0.0.0.0:50051");
});

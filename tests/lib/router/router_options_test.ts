import { assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../../lib/errors.ts";
import {
  reachedAt,
  resolveRouterOptions,
  type RouterServerOptions,
} from "../../../lib/router/router_options.ts";

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

Deno.test("resolveRouterOptions() names the option, and the other one that it cannot go with", () => {
  const refused: [RouterServerOptions, string][] = [
    [{ grpcAddr: "x" }, '"grpcAddr": must be "host:port"'],
    [{ raftAddr: "x" }, '"raftAddr": must be "host:port"'],
    [{ httpAddr: "unix:/run/x" }, '"httpAddr": must be "host:port"'],
    [
      { grpcAddr: "a:1", httpAddr: "a:1" },
      '"httpAddr": must be another than "grpcAddr", found "a:1"',
    ],
    [
      { grpcAddr: "a:1", raftAddr: "a:1", advertiseAddr: "a:1" },
      '"raftAddr": must be another than "grpcAddr", found "a:1"',
    ],
    [
      { settings: { grpc: { messageBytesMax: 1_000 } } },
      '"messageBytesMax": must be an integer from 2097152',
    ],
    [
      { settings: { grpc: { tls: { cert: "c", key: "k" } } } },
      '"tls.cert": must hold certificates as PEM',
    ],
  ];
  for (const [options, text] of refused) {
    assertThrows(() => resolveRouterOptions(options), ConveyorError, text);
  }
});

Deno.test("resolveRouterOptions() lets two servers take free ports, and an address that is not listened on stand", () => {
  resolveRouterOptions({ grpcAddr: "a:0", httpAddr: "a:0" });
  resolveRouterOptions({ grpcAddr: "a:1", raftAddr: "a:1", httpAddr: "" });
});

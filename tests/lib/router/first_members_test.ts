import { assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../../lib/errors.ts";
import { joinUrls, membersOf } from "../../../lib/router/first_members.ts";
import type { RouterServerOptions } from "../../../lib/router/router_options.ts";

const tls = { cert: "a certificate", key: "its key" };

Deno.test("membersOf() are the peers, or the node alone, as others dial them", () => {
  const cases: [RouterServerOptions, [number, string][]][] = [
    [{}, [[1, ""]]],
    [{ advertiseAddr: "a:1" }, [[1, "http://a:1"]]],
    [{ join: ["b:1"], raftAddr: "a:1" }, [[1, "http://a:1"]]],
    [{ peers: { 2: "b:1", 1: "https://a:1" } }, [
      [1, "https://a:1"],
      [2, "http://b:1"],
    ]],
    [{ peers: { 1: "a:1" }, advertiseAddr: "http://a:1" }, [[1, "http://a:1"]]],
    [
      { peers: { 1: "a:1", 2: "b:1" }, settings: { grpc: { tls } } },
      [[1, "https://a:1"], [2, "https://b:1"]],
    ],
  ];
  for (const [options, members] of cases) {
    assertEquals(
      membersOf(options, 1).map(({ id, address }) => [id, address]),
      members,
    );
  }
});

Deno.test("membersOf() refuses what two options say otherwise, and what nobody can dial", () => {
  const refused: [RouterServerOptions, string][] = [
    [
      { peers: { 1: "a:1" }, advertiseAddr: "b:1" },
      '"advertiseAddr": must be that of this node among "peers", which is http://a:1',
    ],
    [
      { peers: { 1: "a:1", 2: "0.0.0.0:1" } },
      '"peers.2": must be an address that the other nodes can dial',
    ],
    [
      { join: ["a:1"], raftAddr: "[::]:1" },
      '"advertiseAddr": must be an address that the other nodes can dial',
    ],
    [{ join: ["a:1"] }, '"advertiseAddr": must be given by a node that joins'],
    [{ peers: { 2: "a:1" } }, '"peers": must name this node too, which is 1'],
    [
      { peers: { 1: "a:1" }, join: ["b:1"] },
      '"join": must not be given with "peers"',
    ],
  ];
  for (const [options, text] of refused) {
    assertThrows(() => membersOf(options, 1), ConveyorError, text);
  }
});

Deno.test("joinUrls() are encrypted where the node is", () => {
  assertEquals(joinUrls({}), []);
  assertEquals(joinUrls({ join: ["a:1", "https://b:1"] }), [
    "http://a:1",
    "https://b:1",
  ]);
  assertEquals(joinUrls({ join: ["a:1"], settings: { grpc: { tls } } }), [
    "https://a:1",
  ]);
});

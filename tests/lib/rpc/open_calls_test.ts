import { assert, assertEquals } from "@std/assert";
import { OpenCalls } from "../../../lib/rpc/open_calls.ts";

Deno.test("OpenCalls.stop() tells each call once that is still open", () => {
  const open = new OpenCalls();
  const told: string[] = [];
  const stops = ["a", "b", "c"].map((name) => () => void told.push(name));
  for (const stop of stops) open.add(stop);
  open.remove(stops[1]!);
  assert(!open.stopped);
  open.stop();
  open.stop();
  assertEquals(told, ["a", "c"]);
  assert(open.stopped);
});

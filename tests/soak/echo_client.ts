/**
 * A client in a process of its own, which its server's goodbye may kill.
 * Arguments, after an optional --unguarded:
 *
 * - `sessions PORT SESSIONS CALLS`: connects, calls, closes, again and again;
 *   prints a line after each session. Every second session has all its calls in
 *   flight at once.
 * - `steady PORT`: calls over one channel until its standard input ends, prints
 *   "up" whenever calls begin to succeed and "down" whenever they begin to fail.
 */
import { Buffer } from "node:buffer";
import { call, dial, loadGrpc } from "./echo.ts";
import { say } from "./lines.ts";

const guarded = Deno.args[0] !== "--unguarded";
const [mode, port, ...counts] = guarded ? Deno.args : Deno.args.slice(1);
const grpc = await loadGrpc(guarded);

async function runSessions(sessions: number, calls: number): Promise<void> {
  for (let session = 0; session < sessions; session++) {
    const client = dial(grpc, Number(port));
    const pending: Promise<Buffer>[] = [];
    for (let i = 0; i < calls; i++) {
      pending.push(call(client, "echo", Buffer.of(i)));
      if (session % 2 === 0) await pending[i];
    }
    await Promise.all(pending);
    client.close();
    say("closed");
  }
}

async function runSteady(): Promise<void> {
  const client = dial(grpc, Number(port));
  let state = "";
  while (true) {
    const now = await call(client, "echo", Buffer.of(1))
      .then(() => "up", () => "down");
    if (now !== state) say(state = now);
    // Failed calls may fail at once: let the client dial.
    if (now === "down") await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

if (mode === "sessions") {
  // Ends by itself: an exit would cut off the last goodbye.
  await runSessions(Number(counts[0]), Number(counts[1]));
} else {
  runSteady();
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
}

/**
 * What a release must live through. Each phase starts processes of its own, and
 * resolves to what it measured or rejects with what died.
 */
import { Buffer } from "node:buffer";
import { grpc } from "../../lib/runtime/grpc.ts";
import { seededRandom } from "../../lib/random.ts";
import { attack, attacks } from "./attacks.ts";
import { Child } from "./child.ts";
import { call, dial } from "./echo.ts";

export interface SoakSize {
  readonly rounds: number;
  readonly sessions: number;
  readonly calls: number;
  /** Hostile connections of each kind. */
  readonly hostile: number;
  readonly restarts: number;
  readonly seed: number;
}

/** Starts a phase; `guard` are the arguments that leave the guard on or off. */
export type Phase = (
  size: SoakSize,
  guard: readonly string[],
  progress: (text: string) => void,
) => Promise<string>;

/** Servers that have just started, and their first client's goodbye. */
const firstGoodbyes: Phase = async (_size, guard, progress) => {
  const servers = 10;
  for (let i = 1; i <= servers; i++) {
    await using server = new Child("echo_server.ts", ...guard);
    const port = await server.line();
    // As many calls as make an unfit release die most surely.
    await runSessions(server, port, guard, 1, 1_500);
    progress(`${i} of ${servers} servers`);
  }
  return `${servers} servers`;
};

/** Clients that come, call and go: one server's memory must stay where it is. */
const sessions: Phase = async (size, guard, progress) => {
  await using server = new Child("echo_server.ts", ...guard);
  const port = await server.line();
  const rssMb: number[] = [];
  for (let round = 1; round <= size.rounds; round++) {
    rssMb.push(
      await runSessions(server, port, guard, size.sessions, size.calls),
    );
    progress(`round ${round} of ${size.rounds}, RSS ${rssMb.at(-1)} MB`);
  }
  const quarters = [0, 1, 2, 3].map((quarter) =>
    median(rssMb.slice(
      Math.floor(quarter * rssMb.length / 4),
      Math.floor((quarter + 1) * rssMb.length / 4),
    ))
  );
  const rss = `RSS per quarter ${quarters.join(", ")} MB (median), ` +
    `at most ${Math.max(...rssMb)} MB`;
  // The first quarter warms up: heaps grow to their working size.
  const settled = quarters.slice(1);
  if (Math.max(...settled) > 1.1 * Math.min(...settled)) {
    throw new Error(`${rss}: not flat within 10 % after the first`);
  }
  return `${
    size.rounds * size.sessions
  } sessions of ${size.calls} calls, ${rss}`;
};

/** Every attack, many times, while a good client calls without a failure. */
const hostilePeers: Phase = async (size, guard, progress) => {
  await using server = new Child("echo_server.ts", ...guard);
  const port = await server.line();
  const random = seededRandom(size.seed);
  const good = dial(grpc, Number(port));
  let goodCalls = 0;
  let over = false;
  const callThroughout = async (): Promise<void> => {
    while (!over) {
      await call(good, "echo", Buffer.from("still there"));
      goodCalls++;
    }
  };
  const attackThroughout = async (): Promise<void> => {
    for (const [name, make] of Object.entries(attacks)) {
      let left = size.hostile;
      const lane = async (): Promise<void> => {
        while (left-- > 0 && !over) await attack(Number(port), make(random));
      };
      await Promise.all(Array.from({ length: 20 }, lane));
      progress(`${name}, RSS ${await rssMbOf(port)} MB`);
    }
    over = true;
  };
  try {
    await Promise.all([attackThroughout(), callThroughout()]);
    await rssMbOf(port);
  } catch (error) {
    throw await causeOf(error, server);
  } finally {
    over = true;
    good.close();
  }
  const connections = size.hostile * Object.keys(attacks).length;
  return `${connections} connections, ${goodCalls} good calls, none failed`;
};

/** A client under which its server goes, politely or not, and comes back. */
const restarts: Phase = async (size, guard, progress) => {
  let server = new Child("echo_server.ts", ...guard);
  try {
    const port = await server.line();
    await using client = new Child("echo_client.ts", ...guard, "steady", port);
    for (let restart = 1; restart <= size.restarts; restart++) {
      await client.expect("up");
      if (restart % 2 === 0) await server.terminate();
      await server[Symbol.asyncDispose]();
      await client.expect("down");
      server = new Child("echo_server.ts", ...guard, port);
      await server.line();
      if (restart % 10 === 0) progress(`${restart} of ${size.restarts}`);
    }
    await client.expect("up");
  } finally {
    await server[Symbol.asyncDispose]();
  }
  return `${size.restarts} restarts`;
};

/** In the order in which they run. */
export const phases: Readonly<Record<string, Phase>> = {
  "first goodbyes": firstGoodbyes,
  "sessions": sessions,
  "hostile peers": hostilePeers,
  "restarts": restarts,
};

/** The server's RSS after the sessions; rejects when either process died. */
async function runSessions(
  server: Child,
  port: string,
  guard: readonly string[],
  sessions: number,
  calls: number,
): Promise<number> {
  const sizes = [`${sessions}`, `${calls}`];
  await using client = new Child(
    "echo_client.ts",
    ...guard,
    "sessions",
    port,
    ...sizes,
  );
  try {
    const { success } = await client.ended();
    if (!success) throw new Error(`client: ${await client.epitaph()}`);
    return await rssMbOf(port);
  } catch (error) {
    throw await causeOf(error, server);
  }
}

/** Not the peak: a sample may fall just before a garbage collection. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function rssMbOf(port: string): Promise<number> {
  const client = dial(grpc, Number(port));
  try {
    const bytes = await call(client, "rss", Buffer.of());
    return Math.round(Number(bytes.toString()) / 1_000_000);
  } finally {
    client.close();
  }
}

/** What the server died of, where that is why its client failed. */
async function causeOf(error: unknown, server: Child): Promise<unknown> {
  // The connection goes before the process is reaped.
  await new Promise((resolve) => setTimeout(resolve, 500));
  return server.exited ? new Error(`server: ${await server.epitaph()}`) : error;
}

/**
 * Goal: whatever bytes come, the router answers each call with a status that says what is wrong, goes on
 * serving others, and keeps nothing of it.
 * Method: requests of every method that it serves, well formed and then damaged, 64 calls at a time, at
 * a server in a process of its own. Left out is what an operator can break by asking for it: members.
 */
import { assert, assertEquals } from "@std/assert";
import {
  AckStatus,
  AdminClient,
  Code,
  ConveyorError,
  SourceClient,
} from "@conveyor/grpc";
import { serveSink } from "@conveyor/grpc/connector";
import { Channel } from "../../clients/channel.ts";
import { type Random, seededRandom } from "../../lib/random.ts";
import { schema } from "../../proto/schema.ts";
import { type Method, rawMethod, serviceOf } from "../../proto/service.ts";
import { mutated, pick } from "../fixtures/mutations.ts";
import { randomMessage } from "../fixtures/random_messages.ts";
import { line, numbers } from "../fixtures/router_setup.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

/** How many calls, and from which random numbers. */
export interface MutationPlan {
  readonly calls: number;
  readonly seed: number;
}

/** What became of them. */
export interface MutationOutcome {
  /** Calls by the name of their status. */
  readonly statuses: ReadonlyMap<string, number>;
  /** Resident memory of the server after half of the calls, and after all, in bytes. */
  readonly rssHalfWay: number;
  readonly rssAfter: number;
}

const served = [
  "conveyor.source.SourceRouter",
  "conveyor.source.SourceService",
  "conveyor.router.RouterAdmin",
  "conveyor.router.DeadLetters",
  "conveyor.registry.ServiceRegistry",
  "conveyor.checkpoint.CheckpointService",
  "conveyor.sidecar.SidecarCoordinator",
  "conveyor.backup.BackupService",
  "conveyor.cluster.ClusterService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
];
const members =
  /ClusterService\/(Propose|AddNode|RemoveNode|PromoteLearner|TransferLeadership)$/;
const atOnce = 64;
/** A call that takes longer hangs. */
const hangMs = 20_000;
/** How long a stream is listened to that need not end by itself. */
const listenMs = 20;

interface Target {
  readonly method: Method<Uint8Array, Uint8Array>;
  readonly type: ReturnType<typeof schema.lookupType>;
}

function targets(): readonly Target[] {
  return served.flatMap((name) => {
    const { methods } = serviceOf(name);
    return schema.lookupService(name).methodsArray.map((described) => {
      const { name } = described;
      const key = name[0]!.toLowerCase() + name.slice(1);
      const method = (methods as Record<string, Method>)[key]!;
      described.resolve();
      return {
        method: rawMethod(method),
        type: described.resolvedRequestType!,
      };
    });
  }).filter(({ method }) => !members.test(method.path));
}

/** Makes the calls and checks every promise; an error names the seed. */
export async function runMutatedCalls(
  { calls, seed }: MutationPlan,
): Promise<MutationOutcome> {
  const dataDir = await Deno.makeTempDir();
  const server = new ServerProcess([
    ...["--listen-addr", "127.0.0.1:0", "--http-addr", "off"],
    ...["--data-dir", dataDir],
  ]);
  try {
    const url = await server.url();
    const random = seededRandom(seed);
    const all = targets();
    const statuses = new Map<string, number>();
    const channel = await Channel.connect(url);
    let left = calls;
    const work = async (until: number): Promise<void> => {
      while (left > until) {
        left--;
        const status = await call(channel, pick(all, random), random);
        statuses.set(status, 1 + (statuses.get(status) ?? 0));
      }
    };
    const workers = (until: number): Promise<void[]> =>
      Promise.all(Array.from({ length: atOnce }, () => work(until)));
    await workers(calls / 2);
    const rssHalfWay = await rssOf(server.pid);
    await workers(0);
    const rssAfter = await rssOf(server.pid);
    await channel.close();
    await checkService(url);
    return { statuses, rssHalfWay, rssAfter };
  } catch (error) {
    throw new Error(`mutated calls of seed ${seed}`, { cause: error });
  } finally {
    await server[Symbol.asyncDispose]();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** The status of one call; fails when it hangs, or says that the server has a bug. */
async function call(
  channel: Channel,
  { method, type }: Target,
  random: Random,
): Promise<string> {
  const message = (): Uint8Array => randomMessage(type, random);
  const request = mutated(message(), message(), random);
  const more = method.kind === "bidi" ? [request, message()] : [request];
  const listening = new AbortController();
  const timer = method.kind === "unary"
    ? undefined
    : setTimeout(() => listening.abort(), listenMs);
  try {
    const answers = channel.stream(
      method,
      (async function* () {
        yield* more;
      })(),
      { signal: listening.signal, timeoutMs: hangMs },
    );
    for await (const _ of answers);
    return "OK";
  } catch (error) {
    assert(error instanceof ConveyorError, `${error}`);
    const { code } = error;
    const bad = code === Code.Internal || code === Code.Unknown ||
      code === Code.DeadlineExceeded ||
      code === Code.Unavailable && error.message.includes("dropped");
    assert(
      !bad,
      `${method.path} answered ${error.message} to ${request.toHex()}`,
    );
    return Code[code];
  } finally {
    clearTimeout(timer);
  }
}

async function rssOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return 1_024 * Number(/VmRSS:\s+(\d+)/.exec(status)![1]);
}

/** Records still flow, of a source that no mutated call can have named. */
async function checkService(url: string): Promise<void> {
  let stored = 0;
  await using _sink = await serveSink(() => void stored++, {
    address: "127.0.0.1:0",
    signals: false,
    register: { router: url, service: { serviceId: "after", name: "after" } },
  });
  await using admin = await AdminClient.connect(url);
  const { stages: [source, sink] } = line("after");
  await admin.createPipeline({
    id: "afterwards",
    enabled: true,
    stages: [{ ...source!, serviceSelector: { serviceName: "calm" } }, sink!],
    edges: [{ fromStage: source!.id, toStage: sink!.id }],
  });
  await using calm = await SourceClient.connect(url, "calm");
  for (const { status, error } of await calm.push(numbers(100))) {
    assertEquals(status, AckStatus.Accepted, error);
  }
  assertEquals(stored, 100);
}

if (import.meta.main) {
  const [calls = "100000", seed = "1"] = Deno.args;
  const { statuses, rssHalfWay, rssAfter } = await runMutatedCalls({
    calls: Number(calls),
    seed: Number(seed),
  });
  const told = [...statuses].sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${name} ${count}`).join(", ");
  // deno-lint-ignore no-console -- its output is what it is for
  console.log(
    `${calls} mutated calls: ${told}; RSS ${
      rssHalfWay >> 20
    } MB after half of them, ${rssAfter >> 20} MB after all`,
  );
}

/** What the flow benches measure, with the services around it, every part a process of its own. */
import { AdminClient } from "@conveyor/grpc";
import { Child } from "../../fixtures/child.ts";
import { line } from "../../fixtures/router_setup.ts";
import { ServerProcess } from "../../fixtures/server_process.ts";
import { sourceName } from "./bench_bytes.ts";

/** A source pushes to it. */
export interface Subject extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly plain: boolean;
  /** Records at the sink; undefined where nobody counts. */
  stored(): Promise<number | undefined>;
  /** Has the sink answer nothing from now on, or go on. */
  stall(stalls: boolean): Promise<void>;
}

const script = (name: string): URL => new URL(`${name}.ts`, import.meta.url);

/** A router with a pipeline through a transform to a sink. */
export async function startRouter(): Promise<Subject> {
  const open = new AsyncDisposableStack();
  const dataDir = await Deno.makeTempDir();
  open.defer(() => Deno.remove(dataDir, { recursive: true }));
  const router = open.use(
    new ServerProcess([
      ...["--listen-addr", "127.0.0.1:0", "--http-addr", "off"],
      ...["--data-dir", dataDir],
    ]),
  );
  const url = await router.url();
  const transform = open.use(
    new Child(script("service_peer"), "transform", url),
  );
  const sink = open.use(new Child(script("service_peer"), "sink", url));
  for (const peer of [transform, sink]) await peer.line();
  await using admin = await AdminClient.connect(url);
  const pipeline = line("transform", "sink");
  pipeline.stages[0]!.serviceSelector.serviceName = sourceName;
  await admin.createPipeline(pipeline);
  return {
    url,
    pid: router.pid,
    plain: false,
    stored: async () => Number(await sink.ask("count")),
    stall: async (stalls) => void await sink.ask(stalls ? "stall" : "go on"),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** The same hops, without looking at what passes. */
export async function startFloor(): Promise<Subject> {
  const open = new AsyncDisposableStack();
  const transform = open.use(new Child(script("service_peer"), "transform"));
  const sink = open.use(new Child(script("service_peer"), "sink"));
  const urls = [await transform.line(), await sink.line()];
  const floor = open.use(new Child(script("floor_peer"), ...urls));
  return {
    url: await floor.line(),
    pid: floor.pid,
    plain: true,
    stored: () => Promise.resolve(undefined),
    stall: () => Promise.reject(new Error("the floor has no such sink")),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** A source that pushes batches of so many records to it. */
export function sourceOf({ url, plain }: Subject, batch: number): Child {
  const answers = plain ? "PLAIN" : "ACKED";
  return new Child(script("source_peer"), url, `${batch}`, answers);
}

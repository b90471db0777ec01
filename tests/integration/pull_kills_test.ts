/**
 * Goal: whatever process dies at whatever instant, a record that its source was told of is at the sink,
 * and what is there twice is no more than what was in flight.
 * Method: router, source and sink each in a process of its own; the source forgets what is acknowledged
 * and sends nothing else from where it is asked to start. One of them is killed with SIGKILL at random
 * instants and started again.
 */
import { assert, assertEquals } from "@std/assert";
import { AdminClient } from "@conveyor/grpc";
import { creditWindowRecords } from "../../lib/limits.ts";
import { seededRandom } from "../../lib/random.ts";
import { freePort } from "../fixtures/free_ports.ts";
import { Killable } from "../fixtures/killable.ts";
import { line } from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

const records = 2_000;
const partitions = 4;
const kills = 1;

for (const victim of ["source", "router", "sink"] as const) {
  Deno.test(`every record that was pulled and acknowledged is at the sink after the ${victim} was killed`, async () => {
    const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
    const folder = await Deno.makeTempDir();
    const programs = programsIn(folder);
    try {
      for (const program of Object.values(programs)) await program.start();
      await run(programs, victim, seed, folder);
      check(folder);
    } catch (cause) {
      throw new Error(`SEED ${seed}`, { cause });
    } finally {
      for (const program of Object.values(programs)) await program.kill();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

type Programs = ReturnType<typeof programsIn>;

function programsIn(folder: string) {
  const router = `127.0.0.1:${freePort()}`;
  const url = `http://${router}`;
  const script = (name: string): URL => new URL(name, import.meta.url);
  const at = (): string => `127.0.0.1:${freePort()}`;
  return {
    router: Object.assign(
      new Killable(
        script("../../server.ts"),
        ...["--listen-addr", router, "--http-addr", "off"],
        ...["--data-dir", `${folder}/data`],
      ),
      { url },
    ),
    sink: new Killable(
      script("../fixtures/file_sink.ts"),
      ...[url, "store", at(), `${folder}/sink.txt`],
    ),
    source: new Killable(
      script("../fixtures/queue_source.ts"),
      ...[url, "numbers", at(), `${folder}/acked.txt`],
      ...[`${records}`, `${partitions}`],
    ),
  };
}

async function run(
  programs: Programs,
  victim: keyof Programs,
  seed: number,
  folder: string,
): Promise<void> {
  const { url } = programs.router;
  {
    await using admin = await AdminClient.connect(url);
    await admin.createPipeline(line("store"));
  }
  const random = seededRandom(seed);
  for (let kill = 0; kill < kills; kill++) {
    await new Promise((resolve) => setTimeout(resolve, random() * 400));
    await programs[victim].kill();
    await programs[victim].start();
  }
  await until(() => linesOf(`${folder}/acked.txt`).size === records);
}

function check(folder: string): void {
  // A line that was cut by a kill belongs to a batch that was never answered.
  const stored = linesOf(`${folder}/sink.txt`);
  assertEquals(stored.size, records);
  const twice = [...stored.values()].reduce((sum, n) => sum + n - 1, 0);
  assert(
    twice <= kills * creditWindowRecords,
    `${twice} records twice at the sink`,
  );
}

/** Records in a file by "partition sequence", and how often each stands there. */
function linesOf(file: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (
    const [, key] of Deno.readTextFileSync(file).matchAll(
      /^(\d+ \d+)(?: \d+|\.)$/gm,
    )
  ) lines.set(key!, (lines.get(key!) ?? 0) + 1);
  return lines;
}

// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * What a record costs the router itself, in ns of the processor, and where they go. The bar is 300 ns;
 * as machines differ, what is held is how that compares with what the router avoids: decoding the
 * records of the source and encoding them again, by protobufjs, on the same processor in turn.
 *
 * Exits with 1 when it takes a larger part of that than the bar, by more than two runs of the same differ.
 *
 * `deno task bench:core`
 */
import process from "node:process";
import { recordBatchMessage } from "../fixtures/record_messages.ts";
import {
  doOwnWork,
  ownWorkRecordBytes,
  ownWorkRecords,
  partsOfOwnWork,
  sources,
} from "./flow/own_work.ts";
import { compare, type Comparison, inTurn } from "./in_turn.ts";

/** The router's part of what protobufjs takes. */
const ratioMax = 0.46;
const rounds = 5;
const runs = 20;

function encodeAgain(): void {
  for (const bytes of sources) {
    recordBatchMessage.encodeOnly(recordBatchMessage.decodeOnly(bytes));
  }
}

/** What the cheapest of some runs takes of the processor, in ns a record: others only ever add to it. */
async function nsOf(work: () => void | Promise<void>): Promise<number> {
  let leastUs = Infinity;
  for (let run = 0; run < runs; run++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    leastUs = Math.min(leastUs, user + system);
  }
  return leastUs * 1_000 / ownWorkRecords;
}

async function compareWork(): Promise<Comparison> {
  const measureOne = () => nsOf(doOwnWork);
  const measureOther = () => nsOf(encodeAgain);
  // The first runs are the compiler's.
  await inTurn(1, measureOne, measureOther);
  return compare(await inTurn(rounds, measureOne, measureOther), (ns) => ns);
}

function say(ns: number, what: string): void {
  console.log(`${ns.toFixed(0).padStart(5)} ns  ${what}`);
}

Deno.bench(`router's own work, ${ownWorkRecords} records`, doOwnWork);

if (import.meta.main) {
  const { one, other, ratio, noise } = await compareWork();
  let rest = one;
  for (const [part, work] of partsOfOwnWork()) {
    const ns = await nsOf(work);
    rest -= ns;
    say(ns, part);
  }
  say(rest, "dedup, acks, routing, batching, offsets: the rest");
  say(
    one,
    `router's own work on a record of ${ownWorkRecordBytes} B (bar 300)`,
  );
  say(other, "protobufjs, to decode it and encode it again");
  const percent = Math.round((noise - 1) * 100);
  console.log(
    `router / protobufjs: ${ratio.toFixed(2)} ±${percent} % (bar ${ratioMax})`,
  );
  if (ratio > ratioMax * noise) Deno.exit(1);
}

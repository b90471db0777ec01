// deno-lint-ignore-file no-console -- speaks to its parent by lines
/**
 * The source of the flow bench: `source_peer.ts URL BATCH PLAIN|ACKED`. At a line with a number it
 * pushes for that many milliseconds, with as many records under way as the router lets a source have,
 * and answers with what it saw as JSON. `PLAIN`: each answer is for a whole push, as the floor gives it.
 */
import { Channel } from "../../../clients/channel.ts";
import { creditWindowRecords } from "../../../lib/limits.ts";
import type { SourceRouterMethods } from "../../../proto/messages/source.ts";
import { rawMethod, serviceOf } from "../../../proto/service.ts";
import { TextLineStream } from "../../fixtures/text_lines.ts";
import { acksIn, PushTemplate } from "./bench_bytes.ts";

/** What a source saw. */
export interface SourceReport {
  readonly records: number;
  readonly ms: number;
  /** From a push to the ack of its last record. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const [url = "", batch = "1", answers = "ACKED"] = Deno.args;
const plain = answers === "PLAIN";
const pushRecords = rawMethod(
  serviceOf<SourceRouterMethods>("conveyor.source.SourceRouter").methods
    .pushRecords,
);

async function run(template: PushTemplate, ms: number): Promise<SourceReport> {
  const channel = await Channel.connect(url);
  const { records } = template;
  const most = Math.max(1, Math.floor(creditWindowRecords / records));
  const sentAtMs: number[] = [];
  const latencies: number[] = [];
  let [sent, acked, heard] = [0, 0, 0];
  let wake: (() => void) | undefined;
  const startMs = performance.now();
  const pushes = async function* (): AsyncGenerator<Uint8Array> {
    while (performance.now() - startMs < ms) {
      while (sent - acked >= most) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      sentAtMs.push(performance.now());
      sent++;
      yield template.next();
    }
    // The stream stays open until all is acked.
    while (acked < sent) await new Promise<void>((resolve) => wake = resolve);
  };
  for await (const answer of channel.stream(pushRecords, pushes())) {
    heard += plain ? records : acksIn(answer);
    const nowMs = performance.now();
    while ((acked + 1) * records <= heard) {
      latencies.push(nowMs - sentAtMs[acked++]!);
    }
    wake?.();
  }
  const took = performance.now() - startMs;
  await channel.close();
  latencies.sort((a, b) => a - b);
  const at = (part: number): number =>
    latencies[Math.floor(part * (latencies.length - 1))] ?? 0;
  return { records: heard, ms: took, p50Ms: at(0.5), p99Ms: at(0.99) };
}

const template = new PushTemplate(Number(batch));
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
console.log("ready");
for await (const line of lines) {
  console.log(JSON.stringify(await run(template, Number(line))));
}

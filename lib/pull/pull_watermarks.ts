/**
 * How far a source that is pulled from has come in event time: it is asked now and then, and what has
 * risen is reported to the cluster, as a source that pushes reports it itself.
 */
import { codecOf } from "../../proto/codec.ts";
import type { Watermark } from "../../proto/messages/common.ts";
import type {
  SourceServiceMethods,
  WatermarkResponse,
} from "../../proto/messages/source.ts";
import { schema } from "../../proto/schema.ts";
import { rawMethod, serviceOf } from "../../proto/service.ts";
import { within } from "../consensus/within.ts";
import { asConveyorError, Code } from "../errors.ts";
import { pullWatermarkMs, pullWatermarkTimeoutMs } from "../limits.ts";
import { log } from "../log.ts";
import type { PullPorts, PullTarget } from "./source_pull.ts";

const { methods } = serviceOf<SourceServiceMethods>(
  "conveyor.source.SourceService",
);
const getWatermark = rawMethod(methods.getWatermark);
const response = codecOf<WatermarkResponse>(
  schema.lookupType("conveyor.source.WatermarkResponse"),
);
const nothing = new Uint8Array(0);

/** Asks until `signal` aborts, or the source says that it has none to tell. */
export async function followWatermarks(
  target: PullTarget,
  ports: PullPorts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await ask(target, ports, signal);
    } catch (thrown) {
      const { code, message } = asConveyorError(thrown);
      if (code === Code.Unimplemented) return;
      log.debug("Cannot ask a source for its watermarks for now", {
        source: target.sourceId,
        reason: message,
      });
    }
    await pause(ports, signal);
  }
}

async function ask(
  { url, sourceId }: PullTarget,
  { channels, progress }: PullPorts,
  signal: AbortSignal,
): Promise<void> {
  const limits = { timeoutMs: pullWatermarkTimeoutMs, signal };
  const bytes = await channels.call(url, getWatermark, nothing, limits);
  const risen = response.decode(bytes).watermarks.filter((watermark) =>
    // A source speaks for nobody else.
    watermark.sourceId === sourceId &&
    isLater(watermark, progress.watermark(sourceId, watermark.partition))
  );
  if (risen.length > 0) await progress.raise(risen);
}

/** Whether a watermark says more than the one that is known. */
function isLater(
  { timestamp, position }: Watermark,
  known: Pick<Watermark, "timestamp" | "position"> | undefined,
): boolean {
  if (timestamp === undefined) return false;
  if (known?.timestamp === undefined) return true;
  const seconds = timestamp.seconds - known.timestamp.seconds;
  const nanos = timestamp.nanos - known.timestamp.nanos;
  if (seconds !== 0n) return seconds > 0n;
  return nanos > 0 || nanos === 0 && position > known.position;
}

async function pause(
  { scheduler }: PullPorts,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = scheduler.after(pullWatermarkMs, resolve);
  await within(promise, signal).catch(() => {});
  cancel();
}

/** The services that connectors serve: TransformService, LookupService, SinkService and SourceService. */
import {
  type Connector,
  serveLookup,
  serveSink,
  serveSource,
  serveTransform,
} from "@conveyor/grpc/connector";
import { Code } from "../../../lib/errors.ts";
import {
  type LookupServiceMethods,
  LookupStatus,
} from "../../../proto/messages/lookup.ts";
import {
  type SinkServiceMethods,
  WriteStatus,
} from "../../../proto/messages/sink.ts";
import type { SourceServiceMethods } from "../../../proto/messages/source.ts";
import {
  type TransformServiceMethods,
  TransformStatus,
} from "../../../proto/messages/transform.ts";
import { serviceOf } from "../../../proto/service.ts";
import { type Called, Calls } from "./calls.ts";

const { methods: transform } = serviceOf<TransformServiceMethods>(
  "conveyor.transform.TransformService",
);
const { methods: lookup } = serviceOf<LookupServiceMethods>(
  "conveyor.lookup.LookupService",
);
const { methods: sink } = serviceOf<SinkServiceMethods>(
  "conveyor.sink.SinkService",
);
const { methods: source } = serviceOf<SourceServiceMethods>(
  "conveyor.source.SourceService",
);

const own = { address: "127.0.0.1:0", signals: false };
const record = { id: { sourceId: "numbers", sequenceNumber: 1n } };
const batch = { records: [record] };
const result = { recordId: record.id, success: true };

/** Calls each of their methods. */
export async function connectors(called: Called): Promise<void> {
  const to = ({ address }: Connector) => Calls.of(`http://${address}`, called);
  await using transforms = await serveTransform((record) => record, own);
  await using calls = await to(transforms);
  const { Success } = TransformStatus;
  await calls.answers(transform.getCapabilities, {});
  await calls.answers(transform.processBatch, { inputBatch: batch }, {
    results: [{ originalId: record.id, status: Success }],
  });
  await calls.answers(transform.processStream, { init: {} }, { ready: {} });

  await using lookups = await serveLookup(() => ({ city: "Seattle" }), own);
  await using finds = await to(lookups);
  const found = { originalId: record.id, status: LookupStatus.Found };
  await finds.answers(lookup.getCapabilities, {});
  await finds.answers(lookup.lookup, { inputRecord: record }, found);
  await finds.refuses(Code.InvalidArgument, lookup.lookup, {});
  await finds.answers(lookup.batchLookup, batch, { results: [found] });

  await using sinks = await serveSink(() => {}, own);
  await using writes = await to(sinks);
  await writes.answers(sink.getCapacity, {});
  await writes.answers(sink.flush, {}, { success: true, flushedRecords: 0n });
  await writes.answers(sink.writeBatch, { batch }, {
    status: WriteStatus.Success,
    results: [result],
  });
  await writes.answers(sink.writeStream, { init: {} }, { ready: {} });

  await using sources = await serveSource(async function* () {
    yield record;
  }, own);
  await using pulls = await to(sources);
  const of = { sourceId: "numbers", consumerId: "reader" };
  await pulls.answers(source.getWatermark, {});
  await pulls.refuses(Code.InvalidArgument, source.pullRecords, {});
  await pulls.answers(source.pullRecords, of, batch);
  await pulls.answers(source.acknowledge, of);
}

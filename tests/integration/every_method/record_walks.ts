/** SourceRouter, SourceService and SidecarDataPlane: records, pushed and pulled. */
import { assertEquals } from "@std/assert";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { dataPlaneService } from "../../../lib/handlers/data_plane_handler.ts";
import { Code } from "../../../lib/errors.ts";
import {
  AckStatus as PushStatus,
  type PushRecordsResponse,
  type SidecarDataPlaneMethods,
} from "../../../proto/messages/sidecar.ts";
import {
  AckStatus,
  type PushRequest,
  type PushResponse,
  type SourceRouterMethods,
  type SourceServiceMethods,
} from "../../../proto/messages/source.ts";
import { type Method, serviceOf } from "../../../proto/service.ts";
import { line } from "../../fixtures/router_setup.ts";
import { until } from "../../fixtures/until.ts";
import type { Calls } from "./calls.ts";
import type { Walk } from "./walk.ts";

const { methods: router } = serviceOf<SourceRouterMethods>(
  "conveyor.source.SourceRouter",
);
const { methods: source } = serviceOf<SourceServiceMethods>(
  "conveyor.source.SourceService",
);
const { methods: plane } = serviceOf<SidecarDataPlaneMethods>(
  dataPlaneService.name,
);
const { createPipeline, deletePipeline } = adminService.methods;

/** A pipeline from that source to the service "store", or to whoever pulls. */
function pipeline(sourceId: string, labels: Record<string, string> = {}) {
  const { stages, edges } = line("store");
  const [first, sink] = stages;
  const serviceSelector = { serviceName: sourceId };
  return {
    id: sourceId,
    enabled: true,
    stages: [
      { ...first!, serviceSelector },
      "conveyor/delivery" in labels
        ? { ...sink!, serviceSelector: { labels } }
        : sink!,
    ],
    edges,
  };
}

function batchOf(sourceId: string, sequenceNumber: bigint) {
  const id = { sourceId, sequenceNumber };
  return { batchId: `${sequenceNumber}`, records: [{ id }] };
}

/** What becomes of one record that is pushed. */
async function pushed(
  calls: Calls,
  method: Method<PushRequest, PushResponse>,
  sourceId: string,
  sequence: bigint,
): Promise<AckStatus | undefined> {
  const answers = await calls.stream(
    method,
    [{ batch: batchOf(sourceId, sequence) }],
    ({ ack }) => ack !== undefined,
  );
  return answers.at(-1)?.ack?.recordAcks[0]?.status;
}

function statusOf(answers: readonly PushRecordsResponse[]): string {
  return PushStatus[answers.at(-1)!.ack!.recordAcks[0]!.status];
}

export const recordWalks: readonly Walk[] = [
  {
    title: "records that are pushed, before there is a pipeline and with it",
    run: async (here, there, sourceId) => {
      const push = (
        calls: Calls,
        method: Method<PushRequest, PushResponse>,
        sequence: bigint,
      ) => pushed(calls, method, sourceId, sequence);
      const one = { sourceId, requestedCredits: 1n };
      const { pushRecords } = router;
      assertEquals(await push(here, pushRecords, 1n), AckStatus.Rejected);
      await here.answers(createPipeline, { config: pipeline(sourceId) });
      assertEquals(await push(here, pushRecords, 1n), AckStatus.Accepted);
      assertEquals(await push(here, pushRecords, 1n), AckStatus.Duplicate);
      assertEquals(
        await push(there, source.pushRecords, 2n),
        AckStatus.Accepted,
      );
      await here.answers(router.requestCredits, one);
      await there.answers(source.requestCredits, one);
      await here.refuses(Code.InvalidArgument, router.requestCredits, {});
      await here.answers(deletePipeline, { pipelineId: sourceId, force: true });
      assertEquals(await push(here, pushRecords, 3n), AckStatus.Rejected);
    },
  },
  {
    title: "records that are pulled, before there is a pipeline and with it",
    run: async (here, there, name) => {
      const of = { sourceId: `${name}/store`, consumerId: "reader" };
      await here.refuses(Code.NotFound, source.pullRecords, of);
      await here.refuses(Code.InvalidArgument, source.acknowledge, {});
      const labels = { "conveyor/delivery": "pull" };
      const config = pipeline(name, labels);
      await here.answers(createPipeline, { config });
      // The other node may be a moment behind.
      let acked: AckStatus | undefined;
      const settled = until(async () => {
        acked = await pushed(there, router.pushRecords, name, 1n);
        return acked !== AckStatus.Rejected;
      });
      const [batch] = await here.stream(
        source.pullRecords,
        [of],
        ({ records }) => records.length > 0,
      );
      const [record] = batch!.records;
      const ack = {
        ...of,
        recordAcks: [{ recordId: record!.id, status: AckStatus.Accepted }],
      };
      await here.answers(source.acknowledge, ack, { acknowledged: 1n });
      await settled;
      assertEquals(acked, AckStatus.Accepted);
      await here.answers(source.acknowledge, ack, { acknowledged: 0n });
      await here.answers(source.getWatermark, {});
      await there.answers(deletePipeline, { pipelineId: name, force: true });
    },
  },
  {
    title: "records of the data plane, before there is a pipeline and with it",
    run: async (here, there, name) => {
      const batch = batchOf(name, 1n);
      const hand = { pipelineId: name, stageId: "store", batch };
      const push = (calls: Calls) =>
        calls.stream(
          plane.pushRecords,
          [{ init: { sourceId: name } }, { batch }],
          ({ ack }) => ack !== undefined,
        );
      await here.refuses(Code.InvalidArgument, plane.pushRecords, { batch });
      assertEquals(statusOf(await push(here)), "Retry");
      await here.answers(plane.receiveRecords, hand, { success: false });
      await here.answers(createPipeline, { config: pipeline(name) });
      assertEquals(statusOf(await push(here)), "Success");
      assertEquals(statusOf(await push(there)), "Success");
      const next = { ...hand, batch: batchOf(name, 2n) };
      await there.answers(plane.receiveRecords, next, { success: true });
      await here.answers(deletePipeline, { pipelineId: name, force: true });
    },
  },
];

/** RouterAdmin. */
import { assertEquals } from "@std/assert";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { Code } from "../../../lib/errors.ts";
import { ClusterHealth } from "../../../proto/messages/router.ts";
import { line } from "../../fixtures/router_setup.ts";
import type { Walk } from "./walk.ts";

const admin = adminService.methods;

export const adminWalks: readonly Walk[] = [
  {
    title: "a pipeline, from before its creation to after its end",
    run: async (here, there, id) => {
      const of = { pipelineId: id };
      const config = { ...line("nobody"), id };
      const update = { ...of, config: { ...config, description: "new" } };
      const listed = async (includeDisabled: boolean): Promise<boolean> => {
        const { pipelines } = await there.answers(admin.listPipelines, {
          includeDisabled,
        });
        return pipelines.some((each) => each.id === id);
      };
      await here.answers(admin.getPipeline, of, { found: false });
      await here.refuses(Code.NotFound, admin.updatePipeline, update);
      await here.refuses(Code.NotFound, admin.enablePipeline, of);
      await here.refuses(Code.NotFound, admin.disablePipeline, of);
      await here.refuses(Code.NotFound, admin.deletePipeline, of);
      const endless = { ...config, edges: [] };
      await here.refuses(Code.InvalidArgument, admin.createPipeline, {
        config: endless,
      });

      await here.answers(admin.createPipeline, { config }, { success: true });
      await there.answers(admin.createPipeline, { config }, { success: false });
      await there.answers(admin.getPipeline, of, {
        found: true,
        status: { version: 1n, enabled: true },
      });
      await there.answers(admin.updatePipeline, update, {
        success: true,
        version: 2n,
      });
      await here.refuses(Code.InvalidArgument, admin.updatePipeline, {
        ...of,
        config: endless,
      });
      await here.answers(admin.getPipeline, of, {
        config: { description: "new" },
        status: { version: 2n },
      });
      assertEquals(await listed(false), true);
      await here.answers(admin.disablePipeline, { ...of, drain: true }, {
        pendingRecords: 0n,
      });
      assertEquals([await listed(false), await listed(true)], [false, true]);
      await there.answers(admin.enablePipeline, of, { success: true });
      await here.answers(admin.deletePipeline, of, { success: false });
      await here.answers(admin.deletePipeline, { ...of, force: true }, {
        success: true,
      });
      await there.answers(admin.getPipeline, of, { found: false });
      await there.refuses(Code.NotFound, admin.deletePipeline, of);
    },
  },
  {
    title: "how the cluster and a node are",
    run: async (here, there) => {
      const seen = await here.answers(admin.getClusterStatus, {}, {
        health: ClusterHealth.Healthy,
        nodes: [{ nodeId: 1n }, { nodeId: 2n }, { nodeId: 3n }],
      });
      const { leaderId, term } = seen;
      await there.answers(admin.getClusterStatus, {}, { leaderId, term });
      const { metrics } = await here.answers(admin.getMetrics, {});
      const [name] = Object.keys(metrics);
      const one = await here.answers(admin.getMetrics, {
        metricNames: [name!],
      });
      assertEquals(Object.keys(one.metrics), [name]);
    },
  },
];

/** SidecarCoordinator. */
import { assertEquals } from "@std/assert";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { sidecarService } from "../../../lib/handlers/sidecar_handler.ts";
import { Code } from "../../../lib/errors.ts";
import { EventType, ServiceType } from "../../../proto/messages/sidecar.ts";
import { line } from "../../fixtures/router_setup.ts";
import type { Walk } from "./walk.ts";

const sidecars = sidecarService.methods;
const admin = adminService.methods;

export const sidecarWalks: readonly Walk[] = [
  {
    title: "a sidecar, from before its registration to after its end",
    run: async (here, there, sidecarId) => {
      const of = { sidecarId };
      const pod = {
        sidecarId,
        sidecarEndpoint: "http://127.0.0.1:9",
        localServices: [{
          serviceName: sidecarId,
          serviceType: ServiceType.Sink,
          localEndpoint: "http://127.0.0.1:9",
        }],
        heartbeatInterval: { seconds: 600n, nanos: 0 },
      };
      const pipelineId = sidecarId;
      const nothing = { acknowledged: true, commands: [] };
      await here.answers(sidecars.heartbeat, of, { acknowledged: false });
      await here.refuses(Code.NotFound, sidecars.watchPipelineAssignments, of);
      await here.refuses(Code.NotFound, sidecars.deregisterSidecar, of);
      await here.refuses(Code.InvalidArgument, sidecars.registerSidecar, of);

      const first = await here.answers(sidecars.registerSidecar, pod, {
        success: true,
        initialAssignments: [],
      });
      await there.answers(sidecars.heartbeat, of, nothing);
      const config = { ...line(sidecarId), id: pipelineId };
      await here.answers(admin.createPipeline, { config });
      await there.answers(sidecars.heartbeat, of, {
        commands: [{ assign: { pipelineId } }],
      });
      await here.answers(sidecars.heartbeat, of, nothing);
      await here.answers(sidecars.watchPipelineAssignments, of, {
        eventType: EventType.Assigned,
        assignment: { pipelineId },
      });

      const watching = there.stream(
        sidecars.watchPipelineAssignments,
        [of],
        ({ eventType }) => eventType === EventType.Revoked,
      );
      await there.answers(sidecars.watchPipelineAssignments, of);
      await here.answers(admin.disablePipeline, { pipelineId });
      await there.answers(sidecars.heartbeat, of, {
        commands: [{ revoke: { pipelineId } }],
      });
      await here.answers(sidecars.heartbeat, of, nothing);
      assertEquals(
        (await watching).map(({ eventType }) => eventType),
        [EventType.Assigned, EventType.Revoked],
      );

      await here.answers(admin.enablePipeline, { pipelineId });
      const second = await there.answers(sidecars.registerSidecar, pod, {
        initialAssignments: [{ pipelineId }],
      });
      const { registrationId, versions } = second;
      await there.answers(sidecars.heartbeat, {
        ...of,
        registrationId: first.registrationId,
      }, { acknowledged: false });
      const known = { versions, draining: false };
      const beat = { ...of, registrationId, known };
      await here.answers(sidecars.heartbeat, beat, nothing);

      const leave = { ...of, registrationId, drain: true };
      await there.answers(sidecars.deregisterSidecar, leave, { success: true });
      await here.answers(sidecars.heartbeat, beat, { acknowledged: true });
      const gone = { ...leave, drain: false };
      await here.answers(sidecars.deregisterSidecar, gone, { success: true });
      await there.answers(sidecars.heartbeat, beat, { acknowledged: false });
      await there.refuses(Code.NotFound, sidecars.deregisterSidecar, gone);
      await here.answers(admin.deletePipeline, { pipelineId, force: true });
    },
  },
];

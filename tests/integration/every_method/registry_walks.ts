/** ServiceRegistry, and the offsets of groups that rest on it. */
import { assert, assertEquals, assertObjectMatch } from "@std/assert";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";
import { Code } from "../../../lib/errors.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import { EventType } from "../../../proto/messages/registry.ts";
import type { Walk } from "./walk.ts";

const registry = registryService.methods;
const { commitGroupOffset, getGroupOffsets } = checkpointService.methods;

/** A sink at that port, under a label of its own. */
function entry(serviceId: string, port: number, name = serviceId) {
  return {
    identity: { serviceId, name, serviceType: ServiceType.Sink },
    endpoint: { host: "127.0.0.1", port },
    metadata: { labels: { name } },
    heartbeatInterval: { seconds: 600n, nanos: 0 },
  };
}

export const registryWalks: readonly Walk[] = [
  {
    title: "a service, from before its registration to after its end",
    run: async (here, there, name) => {
      const named = { labelSelector: { name } };
      const beat = (registrationId: string) => ({
        serviceId: name,
        registrationId,
      });
      const heart = here.talk(registry.heartbeat);
      assertObjectMatch(await heart.say(beat("none")), { acknowledged: false });
      await here.answers(registry.listServices, named, { services: [] });
      const nowhere = { serviceName: name };
      await here.answers(registry.getServiceEndpoints, nowhere, {
        endpoints: [],
      });
      await here.refuses(Code.NotFound, registry.deregister, beat("none"));
      await here.refuses(Code.InvalidArgument, registry.register, {});

      const first = await here.answers(registry.register, entry(name, 1), {
        success: true,
      });
      const told = beat(first.registrationId);
      assertObjectMatch(await heart.say(told), { acknowledged: true });
      const at = (port: number) => ({
        endpoints: [{ serviceId: name, endpoint: { port } }],
      });
      await there.answers(registry.getServiceEndpoints, nowhere, at(1));
      await there.answers(registry.listServices, named, {
        services: [{ identity: { serviceId: name } }],
      });

      const watching = there.stream(
        registry.watchServices,
        [named],
        ({ eventType }) => eventType === EventType.Removed,
      );
      await there.answers(registry.watchServices, named, {
        eventType: EventType.Added,
      });
      const second = await here.answers(registry.register, entry(name, 2));
      assertObjectMatch(await heart.say(told), { acknowledged: false });
      await here.refuses(Code.FailedPrecondition, registry.deregister, told);
      const sick = {
        ...beat(second.registrationId),
        health: { status: HealthStatus.Degraded },
      };
      assertObjectMatch(await heart.say(sick), { acknowledged: true });
      await there.answers(registry.getServiceEndpoints, nowhere, at(2));

      const end = { ...beat(second.registrationId), graceful: true };
      await there.answers(registry.deregister, end, { success: true });
      assertObjectMatch(await heart.say(sick), { acknowledged: false });
      await here.refuses(Code.NotFound, registry.deregister, end);
      await here.answers(registry.listServices, named, { services: [] });
      const seen = await watching;
      assertEquals(seen[0]?.eventType, EventType.Added);
      assertEquals(seen.at(-1)?.service?.identity?.serviceId, name);
      await heart.end();
    },
  },
  {
    title: "a group, from before its first member to after its last",
    run: async (here, there, name) => {
      const [one, two] = [`${name}-1`, `${name}-2`];
      const of = (serviceId: string) => ({ serviceId, groupId: name });
      const commit = (
        serviceId: string,
        generation: bigint,
        offset: bigint,
      ) => ({ ...of(serviceId), generation, offset, sourceId: name });
      await here.refuses(Code.NotFound, registry.joinGroup, of(one));
      await here.refuses(Code.NotFound, registry.leaveGroup, of(one));
      await here.refuses(
        Code.NotFound,
        commitGroupOffset,
        commit(one, 1n, 1n),
      );
      await here.answers(getGroupOffsets, { groupId: name }, {
        sourceOffsets: {},
      });
      const { registrationId } = await here.answers(
        registry.register,
        entry(one, 1, name),
      );
      await here.answers(registry.register, entry(two, 2, name));

      const alone = await here.answers(registry.joinGroup, of(one));
      assertEquals(alone.assignedPartitions.length, 16);
      const heart = there.talk(registry.heartbeat);
      const beat = { serviceId: one, registrationId };
      const { generation } = alone;
      assertObjectMatch(await heart.say(beat), {
        commands: [{ assign: { groupId: name, generation } }],
      });
      await there.answers(commitGroupOffset, commit(one, generation, 5n), {
        success: true,
      });
      await here.answers(commitGroupOffset, commit(one, generation, 4n), {
        success: false,
      });

      const both = await there.answers(registry.joinGroup, of(two));
      assert(both.generation > generation);
      const { commands } = await heart.say(beat);
      const revoked = commands[0]?.revoke?.partitions ?? [];
      assertEquals(revoked.toSorted(), both.assignedPartitions.toSorted());
      assertEquals(commands[1]?.assign?.generation, both.generation);
      await here.answers(commitGroupOffset, commit(one, generation, 6n), {
        success: false,
      });
      await here.answers(commitGroupOffset, commit(two, both.generation, 6n), {
        success: true,
      });
      await there.answers(getGroupOffsets, { groupId: name }, {
        sourceOffsets: { [name]: { offsets: { 0: 6n } } },
      });
      await there.answers(registry.getServiceEndpoints, { groupId: name }, {
        endpoints: [{ serviceId: one }, { serviceId: two }],
      });

      await here.answers(registry.leaveGroup, of(two), { success: true });
      await here.refuses(Code.NotFound, registry.leaveGroup, of(two));
      await there.answers(commitGroupOffset, commit(two, both.generation, 7n), {
        success: false,
      });
      await here.answers(registry.deregister, beat);
      await there.refuses(Code.NotFound, registry.leaveGroup, of(one));
      await heart.end();
    },
  },
];

/** The commands about the services of a cluster, its nodes, and how far its sources are. */
import { invalidArgument } from "../../lib/errors.ts";
import { routerUrl } from "../../lib/address_forms.ts";
import { schema } from "../../proto/schema.ts";
import type { Call } from "./command.ts";
import { writeTimestamp } from "./form_times.ts";
import { type Column, fieldAt, rowsOf } from "./output.ts";
import { type Form, writeForm } from "./write_form.ts";

const serviceType = schema.lookupType("conveyor.registry.RegisteredService");
const clusterType = schema.lookupType(
  "conveyor.router.GetClusterStatusResponse",
);

const serviceColumns: readonly Column[] = [
  ["ID", "identity.service_id"],
  ["NAME", "identity.name"],
  ["TYPE", "identity.service_type"],
  [
    "ADDRESS",
    (form) =>
      `${fieldAt(form, "endpoint.host")}:${fieldAt(form, "endpoint.port")}`,
  ],
  ["HEALTH", "health.status"],
  ["GROUP", "identity.group_id"],
  ["PARTITIONS", "assigned_partitions"],
  ["LAST HEARTBEAT", "last_heartbeat"],
];
const nodeColumns: readonly Column[] = [
  ["NODE", "node_id"],
  ["ADDRESS", "address"],
  ["ROLE", "role"],
  ["HEALTHY", "healthy"],
  ["MATCH", "match_index"],
];
const offsetColumns: readonly Column[] = [
  ["PARTITION", "partition"],
  ["NEXT", "next"],
  ["WATERMARK", "watermark"],
];

export async function services({ session, show }: Call): Promise<void> {
  await using registry = await session.registry();
  const found = await registry.listServices({ includeUnhealthy: true });
  const forms = found.map((each) => writeForm(serviceType, each, true));
  show({ forms, table: () => rowsOf(serviceColumns, forms) });
}

export async function nodes({ session, show }: Call): Promise<void> {
  await using admin = await session.admin();
  const form = writeForm(clusterType, await admin.clusterStatus(), true);
  show({
    forms: form,
    table: () => rowsOf(nodeColumns, fieldAt(form, "nodes") as Form[]),
  });
}

/** Without a vote: who has not the log yet would count before it answers. */
export async function addNode({ session, say, words }: Call): Promise<void> {
  const nodeId = nodeIdOf(words[0]!);
  const address = routerUrl("ADDRESS", words[1]!, "http");
  await using cluster = await session.cluster();
  await cluster.addNode({ nodeId, address, learner: true });
  say(`node ${nodeId} added, without a vote; "nodes promote" gives it one`);
}

export async function promoteNode(
  { session, say, words }: Call,
): Promise<void> {
  const nodeId = nodeIdOf(words[0]!);
  await using cluster = await session.cluster();
  await cluster.promoteLearner(nodeId);
  say(`node ${nodeId} has a vote`);
}

export async function removeNode({ session, say, words }: Call): Promise<void> {
  const nodeId = nodeIdOf(words[0]!);
  await using cluster = await session.cluster();
  await cluster.removeNode(nodeId);
  say(`node ${nodeId} removed`);
}

export async function transferLead(
  { session, say, words }: Call,
): Promise<void> {
  const nodeId = words[0] === undefined ? 0n : nodeIdOf(words[0]);
  await using cluster = await session.cluster();
  await cluster.transferLeadership(nodeId);
  const { leader } = await cluster.listNodes();
  say(leader ? `node ${leader.nodeId} leads` : "no node leads yet");
}

/** Where a source goes on in each partition, and how far its event time has come. */
export async function offsets({ session, show, words }: Call): Promise<void> {
  const sourceId = words[0]!;
  await using checkpoints = await session.checkpoints();
  const positions = await checkpoints.resumePositions(sourceId);
  const { watermarks } = await checkpoints.watermarks(sourceId);
  const times = new Map(
    watermarks.map(({ partition, timestamp }) => [partition, timestamp]),
  );
  const partitions = [...new Set([...positions.keys(), ...times.keys()])];
  const forms = partitions.sort((a, b) => a - b).map((partition) => {
    const watermark = times.get(partition);
    return {
      partition,
      next: positions.get(partition) ?? 0n,
      ...watermark && { watermark: writeTimestamp(watermark) },
    };
  });
  show({ forms, table: () => rowsOf(offsetColumns, forms) });
}

function nodeIdOf(text: string): bigint {
  if (/^[1-9]\d{0,15}$/.test(text)) return BigInt(text);
  throw invalidArgument("NODE", "must be the number of a node", text);
}

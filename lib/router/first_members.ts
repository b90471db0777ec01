/**
 * Who begins a cluster, and where its nodes reach each other, by what the options of one node say. They
 * may say it in several ways, but not in two that differ.
 */
import { routerUrl } from "../address_forms.ts";
import { invalidArgument } from "../errors.ts";
import { integerOption, requiredObject } from "../options.ts";
import type { RouterServerOptions } from "./router_options.ts";

/** A member of a cluster that begins. */
export interface FirstMember {
  readonly id: number;
  /** Where the other nodes dial it: a URL. */
  readonly address: string;
}

/** Hosts that mean every interface. */
export const anyHosts: readonly string[] = ["0.0.0.0", "[::]"];

/** Those that begin the cluster, ids ascending; of a node that joins, or is alone, only itself. */
export function membersOf(
  options: RouterServerOptions,
  nodeId: number,
): FirstMember[] {
  const { join = [], advertiseAddr, raftAddr } = options;
  const peers = Object.entries(requiredObject("peers", options.peers ?? {}));
  if (peers.length > 0 && join.length > 0) {
    throw invalidArgument(
      "join",
      'must not be given with "peers": a node begins a cluster or joins one',
      join.join(", "),
    );
  }
  const members = peers.map(([id, address]) => ({
    id: integerOption(`peers.${id}`, Number(id), 0, 1),
    address: dialled(`peers.${id}`, address, options),
  })).sort((a, b) => a.id - b.id);
  if (members.length > 0) {
    return reached(withThisNode(members, nodeId), nodeId, options);
  }
  const own = advertiseAddr ?? (join.length > 0 ? raftAddr : undefined);
  if (own === undefined) {
    if (join.length === 0) return [{ id: nodeId, address: "" }];
    throw invalidArgument(
      "advertiseAddr",
      "must be given by a node that joins, so that the others reach it",
      undefined,
    );
  }
  return [{
    id: nodeId,
    address: dialled("advertiseAddr", own, options),
  }];
}

/** The URL at which the others dial a node; "every interface" is no place to dial. */
function dialled(
  name: string,
  address: string,
  options: RouterServerOptions,
): string {
  const url = routerUrl(name, address, schemeOf(options));
  if (!anyHosts.includes(new URL(url).hostname)) return url;
  throw invalidArgument(
    name,
    "must be an address that the other nodes can dial",
    address,
  );
}

/** Where the others reach this node is said once. */
function reached(
  members: FirstMember[],
  nodeId: number,
  options: RouterServerOptions,
): FirstMember[] {
  const { advertiseAddr } = options;
  const own = members.find(({ id }) => id === nodeId)!.address;
  if (
    advertiseAddr === undefined ||
    routerUrl("advertiseAddr", advertiseAddr, schemeOf(options)) === own
  ) return members;
  throw invalidArgument(
    "advertiseAddr",
    `must be that of this node among "peers", which is ${own}`,
    advertiseAddr,
  );
}

function withThisNode(members: FirstMember[], nodeId: number): FirstMember[] {
  if (members.some(({ id }) => id === nodeId)) return members;
  throw invalidArgument(
    "peers",
    `must name this node too, which is ${nodeId}`,
    members.map(({ id }) => id).join(", "),
  );
}

/** URLs of the routers that are to take the node in. */
export function joinUrls(options: RouterServerOptions): string[] {
  return (options.join ?? []).map((address) =>
    routerUrl("join", address, schemeOf(options))
  );
}

/** A node with TLS is one of a cluster with TLS. */
function schemeOf({ settings }: RouterServerOptions): "http" | "https" {
  return settings?.grpc?.tls ? "https" : "http";
}

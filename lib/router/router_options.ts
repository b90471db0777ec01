/**
 * Options of a router, resolved once. What a flag, a variable or a file may say of them is settled
 * before, by lib/config; here they are checked whatever they come from.
 */
import { formOption, listenForm, tcpListenForm } from "../address_forms.ts";
import {
  anyHosts,
  type FirstMember,
  joinUrls,
  membersOf,
} from "./first_members.ts";
import { dialOf } from "../rpc/dial.ts";
import type {
  ClientTlsOptions,
  ConnectOptions,
} from "../../clients/channel_options.ts";
import { resolveConsensusOptions } from "../consensus/settings.ts";
import type {
  ConsensusOptions,
  ConsensusSettings,
} from "../consensus/settings.ts";
import { invalidArgument } from "../errors.ts";
import { type FlowOptions, resolveFlowOptions } from "../flow/flow_options.ts";
import {
  drainTimeoutMs,
  messageBytesMax,
  routerMessageBytesMin,
} from "../limits.ts";
import {
  integerOption,
  requiredObject,
  requiredString,
  timeOption,
} from "../options.ts";
import {
  resolveRpcServerOptions,
  type RpcServerOptions,
} from "../rpc/server_options.ts";

/** Options of a `RouterServer`. */
export interface RouterServerOptions {
  /** Number of this node in its cluster, from 1; never that of a node that was removed. @default 1 */
  readonly nodeId?: number;
  /** Where sources, services and operators connect: `host:port`. @default "0.0.0.0:50051" */
  readonly grpcAddr?: string;
  /** Where the other nodes connect: `host:port`. Not listened on by a node without peers. @default "0.0.0.0:50052" */
  readonly raftAddr?: string;
  /** Where metrics and health are served by HTTP: `host:port`; empty: nowhere. @default "0.0.0.0:9464" */
  readonly httpAddr?: string;
  /**
   * The first members of the cluster: their numbers, and the addresses at which the other nodes reach
   * them, this node among them. Empty: this node is alone. @default {}
   */
  readonly peers?: { readonly [nodeId: number]: string };
  /**
   * Where the other nodes reach this one: `host:port`. Given alone, it lets a node that began alone
   * take others in. @default its address among the peers, or raftAddr
   */
  readonly advertiseAddr?: string;
  /** Routers of a cluster that is to take this node in: their gRPC addresses. @default [] */
  readonly join?: readonly string[];
  /** Where the metadata and the dead letters are kept. @default "./data" */
  readonly dataDir?: string;
  /** Everything that seldom needs to be set. @default {} */
  readonly settings?: RouterSettings;
}

/** Settings of a `RouterServer`. */
export interface RouterSettings {
  /** How the cluster times its elections and bounds its log. @default {} */
  readonly consensus?: ConsensusOptions;
  /** How many records the node holds, and when it commits offsets. @default {} */
  readonly flow?: FlowOptions;
  /** Message sizes, keepalive and TLS of the gRPC server. @default {} */
  readonly grpc?: RpcServerOptions;
  /**
   * TLS towards services and other nodes whose address is `https`; the certificate for those that ask for
   * one. @default the runtime's authorities, and the certificate of `grpc.tls`
   */
  readonly dialTls?: ClientTlsOptions;
  /** Time that records under way get to settle when the router closes, in ms. @default 10000 */
  readonly drainTimeoutMs?: number;
}

/** Options with their defaults. */
export interface ResolvedRouterOptions {
  readonly nodeId: number;
  readonly grpcAddr: string;
  readonly raftAddr: string;
  readonly httpAddr: string;
  /** Those that begin the cluster, ids ascending; of one that joins, only this node. */
  readonly members: readonly FirstMember[];
  /** URLs of routers that are to take this node in. */
  readonly join: readonly string[];
  readonly dataDir: string;
  readonly consensus: ConsensusSettings;
  readonly flow: FlowOptions;
  readonly grpc: RpcServerOptions;
  /** How services and other nodes are dialled. */
  readonly dial:
    & Pick<ConnectOptions, "tls">
    & Required<Pick<ConnectOptions, "messageBytesMax">>;
  readonly drainTimeoutMs: number;
}

/** Checks `options` and fills in the defaults. */
export function resolveRouterOptions(
  options: RouterServerOptions = {},
): ResolvedRouterOptions {
  requiredObject("options", options);
  const settings = requiredObject("settings", options.settings ?? {});
  const nodeId = integerOption("nodeId", options.nodeId, 1, 1);
  const members = membersOf(options, nodeId);
  return {
    nodeId,
    ...addressesOf(options, isReachable({ nodeId, members })),
    members,
    join: joinUrls(options),
    dataDir: requiredString("dataDir", options.dataDir ?? "./data"),
    consensus: resolveConsensusOptions(settings.consensus),
    flow: checkedFlow(settings.flow),
    grpc: checkedGrpc(settings.grpc),
    dial: {
      ...dialOf(settings.dialTls, settings.grpc?.tls),
      messageBytesMax: settings.grpc?.messageBytesMax ?? messageBytesMax,
    },
    drainTimeoutMs: timeOption(
      "settings.drainTimeoutMs",
      settings.drainTimeoutMs,
      drainTimeoutMs,
    ),
  };
}

function checkedFlow(flow: FlowOptions = {}): FlowOptions {
  resolveFlowOptions(flow);
  return flow;
}

function checkedGrpc(grpc: RpcServerOptions = {}): RpcServerOptions {
  resolveRpcServerOptions(grpc);
  integerOption(
    "messageBytesMax",
    grpc.messageBytesMax,
    messageBytesMax,
    routerMessageBytesMin,
  );
  return grpc;
}

/** Where it listens: at each address once, or else the second to come finds its own node there. */
function addressesOf(
  {
    grpcAddr = "0.0.0.0:50051",
    raftAddr = "0.0.0.0:50052",
    httpAddr = "0.0.0.0:9464",
  }: RouterServerOptions,
  hasPeers: boolean,
): Pick<ResolvedRouterOptions, "grpcAddr" | "raftAddr" | "httpAddr"> {
  formOption("grpcAddr", grpcAddr, listenForm);
  formOption("raftAddr", raftAddr, listenForm);
  if (httpAddr !== "") formOption("httpAddr", httpAddr, tcpListenForm);
  const listened = new Map<string, string>();
  for (
    const [name, address] of Object.entries({
      grpcAddr,
      ...hasPeers ? { raftAddr } : {},
      httpAddr,
    })
  ) {
    const other = listened.get(address);
    if (other !== undefined && !address.endsWith(":0")) {
      throw invalidArgument(name, `must be another than "${other}"`, address);
    }
    listened.set(address, name);
  }
  return { grpcAddr, raftAddr, httpAddr };
}

/** Whether other nodes may reach this one. */
export function isReachable(
  { nodeId, members }: Pick<ResolvedRouterOptions, "nodeId" | "members">,
): boolean {
  return members.some(({ id, address }) => id === nodeId && address !== "");
}

/** Where others reach the address that is listened on: by a host of this node that they know. */
export function reachedAt(
  bound: string,
  { nodeId, members }: Pick<ResolvedRouterOptions, "nodeId" | "members">,
): string {
  const colon = bound.lastIndexOf(":");
  const own = members.find(({ id }) => id === nodeId)?.address;
  if (!own || !anyHosts.includes(bound.slice(0, colon))) {
    return bound;
  }
  return `${new URL(own).hostname}${bound.slice(colon)}`;
}

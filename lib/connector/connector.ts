/**
 * Services from functions: a transform, a sink, a lookup or a source that any Conveyor router, and
 * any gRPC client, can call. Each comes with health checks, reflection and a drain on SIGTERM.
 *
 * This file re-exports, as only `mod.ts` otherwise does, because it is an entry of the package of its
 * own: whoever only serves does not load the router.
 *
 * @example A transform in one statement
 * ```ts
 * import { serveTransform } from "@conveyor/grpc/connector";
 *
 * await using server = await serveTransform(
 *   (record) => ({ ...record, recordType: record.recordType.toUpperCase() }),
 *   { address: "127.0.0.1:0" },
 * );
 * console.log(`transform on ${server.address}`);
 * ```
 *
 * @module
 */
export type { Connector, ConnectorOptions } from "./serve.ts";
export type { RegisterOptions } from "./registration.ts";
export { AckStatus } from "../../proto/messages/source.ts";
export type { RecordAck } from "../../proto/messages/source.ts";
export { ServiceType } from "../../proto/messages/common.ts";
export type { ServiceIdentity } from "../../proto/messages/common.ts";
export type {
  AssignPartitions,
  ConfigUpdate,
  DrainCommand,
  ResumeCommand,
  RevokePartitions,
  RouterCommand,
  ServiceMetadata,
} from "../../proto/messages/registry.ts";
export type {
  RpcServerOptions,
  ServerTlsOptions,
} from "../rpc/server_options.ts";
export { serveTransform } from "./serve_transform.ts";
export type {
  TransformContext,
  TransformFunction,
  TransformHandlers,
  TransformOptions,
  TransformOutput,
} from "./serve_transform.ts";
export { serveSink } from "./serve_sink.ts";
export type { SinkContext, SinkFunction, SinkHandlers } from "./serve_sink.ts";
export { serveLookup } from "./serve_lookup.ts";
export type { LookupFunction, LookupOutput } from "./serve_lookup.ts";
export { serveSource } from "./serve_source.ts";
export type {
  PullStart,
  SourceFunction,
  SourceHandlers,
} from "./serve_source.ts";

/**
 * Conveyor: a gRPC router for data pipelines, as a library. This module has the clients of
 * transform, sink and lookup services in any language, and those of the router itself, which take the
 * addresses of one router or of several of a cluster; `@conveyor/grpc/connector` serves such services
 * from a TypeScript function.
 *
 * @example Have a batch of records transformed
 * ```ts
 * import { TransformClient } from "@conveyor/grpc";
 * import { serveTransform } from "@conveyor/grpc/connector";
 *
 * await using server = await serveTransform(
 *   (record) => ({ ...record, recordType: record.recordType.toUpperCase() }),
 *   { address: "127.0.0.1:0" },
 * );
 * await using client = await TransformClient.connect(`http://${server.address}`, "upper");
 * const { results } = await client.processBatch({
 *   records: [{ id: { sourceId: "orders", sequenceNumber: 1n }, recordType: "order" }],
 * });
 * console.log(results[0]?.outputRecords[0]?.recordType); // ORDER
 * ```
 *
 * @module
 */
export { Code, ConveyorError } from "./lib/errors.ts";
export type {
  CallMetadata,
  ConveyorErrorOptions,
  FieldViolation,
} from "./lib/errors.ts";
export type { RetryPolicy } from "./lib/delivery/retry.ts";
export type {
  ClientTlsOptions,
  ConnectOptions,
} from "./clients/channel_options.ts";
export type { Answer, CallOptions, Transport } from "./clients/transport.ts";
export { TransformClient } from "./clients/transform_client.ts";
export type {
  ProcessStreamOptions,
  TransformConfig,
} from "./clients/transform_client.ts";
export type { Records } from "./clients/record_stream.ts";
export { SinkClient } from "./clients/sink_client.ts";
export type { WriteStreamOptions } from "./clients/sink_client.ts";
export { LookupClient } from "./clients/lookup_client.ts";
export { SourceClient } from "./clients/source_client.ts";
export type {
  PushAllOptions,
  PushSummary,
  SidecarConnectOptions,
  SidecarPushOptions,
} from "./clients/source_client.ts";
export type { RecordOutcome } from "./clients/push_ledger.ts";
export { AckStatus } from "./proto/messages/source.ts";
export { AdminClient } from "./clients/admin_client.ts";
export type { PipelineDescription } from "./clients/admin_client.ts";
export { RegistryClient } from "./clients/registry_client.ts";
export type { DeregisterOptions } from "./clients/registry_client.ts";
export { CoordinatorClient } from "./clients/coordinator_client.ts";
export { CheckpointClient } from "./clients/checkpoint_client.ts";
export type { Positions } from "./clients/checkpoint_client.ts";
export { DeadLetterClient } from "./clients/dead_letter_client.ts";
export type {
  ListLettersOptions,
  ReplayOptions,
} from "./clients/dead_letter_client.ts";
export { ReplayStatus } from "./proto/messages/dead_letters.ts";
export type {
  DeadLetter,
  DeadLetterCount,
  DeadLetterFilter,
  DeadLetterStats,
  ReplayResult,
} from "./proto/messages/dead_letters.ts";
export { BackupClient } from "./clients/backup_client.ts";
export type { DownloadOptions } from "./clients/backup_client.ts";
export { CompressionType } from "./proto/messages/backup.ts";
export type {
  CreateSnapshotResponse,
  RestoreSnapshotResponse,
  SnapshotInfo,
  StateMetadata,
} from "./proto/messages/backup.ts";
export { ClusterClient } from "./clients/cluster_client.ts";
export { RouterServer } from "./lib/router_server.ts";
export type {
  RouterServerOptions,
  RouterSettings,
} from "./lib/router/router_options.ts";
export type { RouterAddresses } from "./lib/router/running_router.ts";
export type { ConsensusOptions } from "./lib/consensus/settings.ts";
export type { FlowOptions } from "./lib/flow/flow_options.ts";
export type {
  RpcServerOptions,
  ServerTlsOptions,
} from "./lib/rpc/server_options.ts";
export { Sidecar } from "./lib/sidecar/sidecar.ts";
export type { SidecarAddresses } from "./lib/sidecar/running_sidecar.ts";
export type {
  PodService,
  SidecarOptions,
  SidecarSettings,
} from "./lib/sidecar/sidecar_options.ts";
export { SidecarCoordinatorImpl } from "./lib/handlers/sidecar_handler.ts";
export type { CallContext } from "./lib/rpc/handler.ts";
export {
  EventType as AssignmentEventType,
  ServiceType as LocalServiceType,
} from "./proto/messages/sidecar.ts";
export type {
  DeregisterSidecarRequest,
  DeregisterSidecarResponse,
  DrainCommand as SidecarDrainCommand,
  HeartbeatResponse as SidecarHeartbeatResponse,
  KnownAssignments,
  LocalService,
  LocalServiceHealth,
  PipelineAssignment,
  PipelineAssignmentEvent,
  PipelineRevocation,
  RegisterSidecarRequest,
  RegisterSidecarResponse,
  RemoteSidecar,
  SidecarCommand,
  SidecarHeartbeatRequest,
  SidecarLoad,
  StageAssignment,
  WatchAssignmentsRequest,
} from "./proto/messages/sidecar.ts";
export { EventType as ServiceEventType } from "./proto/messages/registry.ts";
export type {
  AssignPartitions,
  ComponentHealth,
  ConfigUpdate,
  DrainCommand,
  EndpointInfo,
  GetServiceEndpointsRequest,
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  ListServicesRequest,
  RegisteredService,
  RegisterRequest,
  RegisterResponse,
  ResumeCommand,
  RevokePartitions,
  RouterCommand,
  ServiceEvent,
  ServiceHealth,
  ServiceLoad,
  ServiceMetadata,
  WatchServicesRequest,
} from "./proto/messages/registry.ts";
export { HealthStatus, ServiceType } from "./proto/messages/common.ts";
export type {
  CommitGroupOffsetRequest,
  GetCheckpointResponse,
  GetPipelineCheckpointsResponse,
  GetWatermarkResponse,
  PartitionOffsets,
  SaveCheckpointRequest,
  SaveCheckpointResponse,
  ServiceCheckpoint,
  WatermarkResponse,
} from "./proto/messages/checkpoint.ts";
export {
  NodeRole as RaftRole,
  NodeSuffrage,
  ReplicationState,
} from "./proto/messages/cluster.ts";
export type {
  AddNodeRequest,
  ClusterNode,
  LeaderHint,
  ListNodesResponse,
  NodeProgress,
  StatusResponse,
} from "./proto/messages/cluster.ts";
export {
  ClusterHealth,
  LoadBalanceStrategy,
  LookupMissPolicy,
  NodeRole,
  StageType,
  UnavailablePolicy,
  UnroutedPolicy,
} from "./proto/messages/router.ts";
export type {
  AndCondition,
  BatchPolicy,
  Condition,
  DeadLetterPolicy,
  Edge,
  GetClusterStatusResponse,
  LookupConfig,
  MetadataMatch,
  NodeStatus,
  NotCondition,
  OrCondition,
  PipelineConfig,
  PipelineStatus,
  RetryPolicy as StageRetryPolicy,
  RoutingRule,
  ServiceSelector,
  Stage,
  StageStatus,
} from "./proto/messages/router.ts";
export type { Codec, MessageInit } from "./proto/codec.ts";
export type { Method, MethodKind } from "./proto/service.ts";
export type {
  Endpoint,
  Record,
  RecordBatch,
  RecordId,
  Watermark,
} from "./proto/messages/common.ts";
export type { Duration, Timestamp } from "./proto/messages/google.ts";
export type {
  Capabilities as TransformCapabilities,
  ProcessBatchResponse,
  TransformResult,
} from "./proto/messages/transform.ts";
export { TransformStatus } from "./proto/messages/transform.ts";
export type {
  CapacityResponse,
  FlushResponse,
  RecordWriteResult,
  WriteBatchResponse,
  WriteOptions,
} from "./proto/messages/sink.ts";
export { DeliveryGuarantee, WriteStatus } from "./proto/messages/sink.ts";
export type {
  BatchLookupResponse,
  BatchStats,
  Capabilities as LookupCapabilities,
  LookupResponse,
} from "./proto/messages/lookup.ts";
export { LookupStatus } from "./proto/messages/lookup.ts";

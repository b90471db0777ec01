/**
 * Every bound of the package, in one place, each with its unit in its name and a word on what
 * happens when it is reached. A bound that a user may set is the default of an option.
 */

/** Largest message sent or received; a larger one is ResourceExhausted. */
export const messageBytesMax = 64 * 1024 * 1024;
/** The least that a router may be given: a checkpoint, and a frame between nodes, have to pass. */
export const routerMessageBytesMin = 2 * 1024 * 1024;
/** Bytes of a stream handed to the socket and not yet taken by it; the writer waits above this. */
export const streamUnsentBytesMax = 256 * 1024;
/** Bytes of a message written to a stream at once, a frame of HTTP/2; the next ones wait until these have gone. */
export const streamPieceBytes = 16 * 1024;
/** Buffers of less are left to the collector: Node keeps those of under 4 KiB in pools. */
export const releasedBytesMin = 4 * 1024;
/** Bytes of a stream read before they are asked for, and messages; one message is always read. */
export const streamUnreadBytesMax = 256 * 1024;
export const streamUnreadMessagesMax = 16;
/** Nesting of messages inside messages; deeper input is malformed. */
export const messageDepthMax = 100;

/** A unary call without a deadline of its own ends after this with DeadlineExceeded. */
export const callTimeoutMs = 30_000;
/** A service that has answered everything ends its stream within this, or the call is cancelled. */
export const streamEndTimeoutMs = 5_000;
/** `connect` gives up after this with Unavailable. */
export const connectTimeoutMs = 10_000;
/** The client of operators gives up after this: somebody waits for it, and a router may be restarting. */
export const operatorConnectTimeoutMs = 3_000;
/** A larger file of pipelines is refused: it takes some 40 times its size to read one. */
export const pipelineFileBytesMax = 16 * 1024 * 1024;
/** A peer that says nothing for so long to a new connection loses it; another attempt makes a new one. */
export const handshakeTimeoutMs = 20_000;
/**
 * Longest time a timer of the platform can wait, in whole seconds: gRPC rounds a long deadline up to
 * these. A longer one is refused.
 */
export const timeoutMsMax = 2_147_483_000;

/** Idle time after which a peer is pinged, so that a half-open connection is found. */
export const keepaliveTimeMs = 30_000;
/** A ping unanswered for this long closes the connection. */
export const keepaliveTimeoutMs = 10_000;
/** A connection without any call is closed after this; the peer's channel reconnects by itself. */
export const connectionIdleMs = 10 * 60_000;
/** Calls under way on one connection; a peer waits with the next. */
export const concurrentStreamsMax = 1_000;
/** Waiting time between two attempts of a client to reach its server: first, and largest. */
export const reconnectBackoffMs = 200;
export const reconnectBackoffMsMax = 5_000;

/** A server that closes lets calls finish for this long, then cancels them. */
export const drainTimeoutMs = 10_000;

/** Attempts of one call where a retry policy is asked for without a number. */
export const retryAttempts = 4;
/** Pause before the first retry, and the largest pause. */
export const retryBackoffMs = 100;
export const retryBackoffMsMax = 5_000;
/** Each pause is the last one times this. */
export const retryMultiplier = 2;

/** Records of one stream to a service that it has not answered; the next one waits. */
export const recordsInFlightMax = 10_000;
/** Records that one connector works on at the same time; the option is refused above this. */
export const recordsAtOnceMax = 10_000;
/** Records in one pulled batch, where the puller states no bound. */
export const pullBatchRecords = 500;

/** Partitions of one source that nodes share between them; a source that has more is refused. */
export const pullPartitionsMax = 256;
/** Serialized acks in one call to a source that is pulled from; more follow in the next. */
export const pullAckBytes = 1024 * 1024;
/** Pause before a source is pulled from anew: first, and largest. */
export const pullBackoffMs = 200;
export const pullBackoffMsMax = 5_000;
/** A share that has come to a node is pulled after this: whoever had it has heard of it by then. */
export const pullBeginMs = 250;
/** What a consumer gave back is sent again after this. */
export const pullGivenBackMs = 1_000;
/** Pause between two questions to a source for its watermarks, and how long it may take to answer. */
export const pullWatermarkMs = 5_000;
export const pullWatermarkTimeoutMs = 5_000;
/** Pause between two looks for other nodes that have what a consumer pulls. */
export const relayLookMs = 1_000;
/** Watermarks in one answer; more are refused, since clients take no larger message. */
export const watermarksAtOnceMax = 50_000;
/** Time in which changes gather before a node looks anew what it is to pull. */
export const pullLookMs = 20;
/** What was read of a pull that is over is acknowledged if it settles within this. */
export const pullLeaveMs = 10_000;
/** Bytes of the records of one pulled batch; a single larger record goes alone. Any router takes as much. */
export const pullBatchBytes = 1024 * 1024;

/** Records that a source client sends as one batch, unless the router recommends another number. */
export const pushBatchRecords = 500;
/** Bytes of the records of such a batch; a single larger record goes alone. Any router takes as much. */
export const pushBatchBytes = 1024 * 1024;
/** Time that a source client waits for more records before it sends a batch that is not full. */
export const pushLingerMs = 5;
/** A source client without credit asks for some after this. */
export const creditRequestMs = 1_000;

/** Records in one view; more are refused, since empty records cost more there than on the wire. */
export const viewRecordsMax = 1_000_000;
/** Texts kept to be given out again; a new one replaces the one with its hash. A power of 2. */
export const cachedTextsMax = 2_048;
/** Longer texts are decoded each time they are read. */
export const cachedTextBytesMax = 128;

/** Characters of an id that the state keeps; a longer one is InvalidArgument. */
export const idCharsMax = 512;
/** Labels of one service, and of what selects services; more are InvalidArgument. */
export const serviceLabelsMax = 256;
/** Characters of all that one service says of itself; more are InvalidArgument. */
export const serviceCharsMax = 65_536;
/** Services registered at one time; one more is ResourceExhausted. */
export const servicesMax = 1_000_000;
/** Longest lease that may be asked for. */
export const leaseTtlMsMax = 24 * 3_600_000;
/** Pipelines at one time; one more is ResourceExhausted. */
export const pipelinesMax = 100_000;
/** A serialized pipeline; a larger one is InvalidArgument. */
export const pipelineBytesMax = 1024 * 1024;
/** Partitions with an offset, over all sources; one more is ResourceExhausted. */
export const partitionOffsetsMax = 10_000_000;

/** Partitions in one entry of a snapshot. */
export const snapshotPartitions = 256;
/** Pause between two heartbeats of a leader. */
export const heartbeatIntervalMs = 100;
/** Time without a leader before a node runs, the least of it. */
export const electionTimeoutMs = 1_000;
/** Entries in one append message; a larger one would delay the heartbeat behind it. */
export const appendBytesMax = 256 * 1024;
/** How long a message that only tells the commit index waits for one that tells it too. */
export const commitNoticeMs = 2;
/** Append messages, and their bytes, that a follower has not answered; the next ones wait. */
export const appendsInFlightMax = 256;
export const appendBytesInFlightMax = 16 * 1024 * 1024;
/** Committed entries given out and not yet applied; further ones wait in the log. */
export const applyingBytesMax = 8 * 1024 * 1024;
/** Time in which entries are applied before other work gets its turn. */
export const applySliceMs = 2;
/** Time in which pipelines are made ready to run before other work gets its turn. */
export const pipelinesSliceMs = 5;
/** Proposed and not yet applied on a leader; further proposals are ResourceExhausted. */
export const uncommittedBytesMax = 64 * 1024 * 1024;
/** Proposals that wait on one node; further ones are ResourceExhausted. */
export const proposalsWaitingMax = 50_000;
/** Linearizable reads that wait on one node; further ones are ResourceExhausted. */
export const readsWaitingMax = 50_000;
/** Rounds of reads, each of one node, that a leader confirms at once; the next ones are asked again. */
export const readRoundsMax = 1_000;
/** Raft messages that wait for a node to look at them; further ones are lost, as on a bad network. */
export const inboxMessagesMax = 20_000;
/** Messages that a node looks at before other work gets its turn. */
export const inboxSliceMessages = 2_000;
/** One command; a larger one is ResourceExhausted and never enters the log. */
export const commandBytesMax = 2 * 1024 * 1024;

/** Log after which the state is written as a snapshot. */
export const snapshotLogBytes = 32 * 1024 * 1024;
/** Entries kept behind a snapshot, so that a node a little behind needs no snapshot. */
export const logTailEntries = 10_000;
/** One chunk that a state machine writes of itself, and the largest that is read back. */
export const snapshotChunkBytesMax = 256 * 1024;
export const snapshotFrameBytesMax = 64 * 1024 * 1024;

/** Requests whose answers are kept for repeated ones, and the bytes of these; the oldest go first. */
export const requestsKeptMax = 65_536;
export const requestsKeptBytesMax = 16 * 1024 * 1024;
/** Events kept for watchers; one that is further behind is told to start again. */
export const watchEventsMax = 10_000;
/** A learner within this many entries of the commit index may become a voter. */
export const promoteLagEntries = 1_000;
/** Time that the one who shall lead has to take over. */
export const transferTimeoutMs = 5_000;
/** Stages, and edges, of one pipeline; a larger one is refused. */
export const pipelineStagesMax = 1_000;
export const pipelineEdgesMax = 10_000;
/** Routing rules of one stage, and targets of one rule; more are refused. */
export const stageRulesMax = 1_000;
/** Conditions of one pipeline, those inside others included; more are refused. */
export const pipelineConditionsMax = 10_000;
/** Conditions inside one another; deeper ones are refused. */
export const conditionDepthMax = 32;
/** Faults of one pipeline that are reported one by one; the rest are counted. */
export const pipelineFaultsMax = 100;
/** Unknown names in a pipeline for which the one meant is looked for, and their characters. */
export const hintsMax = 20;
export const hintCharsMax = 64;
/** Characters of an id or name in a pipeline; a longer one is refused. */
export const nameCharsMax = 255;

/** Characters of an expression, and of a pattern; a longer one is refused. */
export const expressionCharsMax = 8_192;
export const patternCharsMax = 1_024;
/** Operators, operands and calls of an expression, and their nesting; more are refused. */
export const expressionNodesMax = 1_000;
export const expressionDepthMax = 50;
/** Elements of a list or map written out in an expression; more are refused. */
export const expressionElementsMax = 500;
/** `exists`, `all`, `map` and the like inside one another; more are refused. */
export const expressionLoopsMax = 2;
/** Payload that expressions read as JSON; a larger one counts as a failure of the expression. */
export const jsonPayloadBytesMax = 1024 * 1024;
/** Values in a payload or metadata that an expression with one loop, or with loops in a loop, may read. */
export const loopValuesMax = 20_000;
export const nestedLoopValuesMax = 1_000;
/** Regular expressions made from records' data and kept; all are dropped when there are more. */
export const cachedRegexesMax = 256;

/** Texts that one regular expression remembers its answers for; all are dropped when there are more. */
export const rememberedTextsMax = 256;
/** The answer for a longer text is not remembered. */
export const rememberedTextCharsMax = 128;

/** Lanes of a stage; more are refused. */
export const parallelismMax = 1_024;
/** Records that wait before a stage where it states no bound, and the largest bound it may state. */
export const stageQueueRecords = 10_000;
export const stageQueueRecordsMax = 10_000_000;
/** What ends a batch where a stage does not say, and the most that it may say. */
export const batchRecords = 500;
export const batchRecordsMax = 100_000;
export const batchBytes = 1024 * 1024;
export const batchBytesMax = 32 * 1024 * 1024;
export const batchLingerMs = 5;
export const batchLingerMsMax = 60_000;
/** Records that a batch takes of those that wait already, where a stage states no bound. */
export const batchRecordsWaiting = 2_000;
/** Attempts and growth of pauses that a retry policy may ask for. */
export const retryAttemptsMax = 1_000;
export const retryMultiplierMax = 100;
/** How long one attempt at a stage may take where it does not say; it may ask for no more than the other. */
export const attemptTimeoutMs = 30_000;
export const attemptTimeoutMsMax = 60 * 60_000;
/** Key fields, and cached answers, of a lookup stage; more are refused. */
export const lookupKeyFieldsMax = 32;
export const lookupCacheEntriesMax = 1_000_000;
/** Room for indexes of records that is kept between batches; what a larger batch needed is let go. */
export const viewRecordsKept = 16_384;
/** How long a pipeline may have its dead letters kept. */
export const deadLetterAgeMsMax = 10 * 365 * 24 * 60 * 60_000;

/** Pause between two looks at how late the event loop is. */
export const loopLagProbeMs = 500;
/** Partitions whose watermarks a node keeps; above it the idle ones are forgotten, or new ones refused. */
export const watermarkPartitionsMax = 100_000;

/** Snapshots received whole and not yet installed; the oldest is dropped for one more. */
export const receivedSnapshotsMax = 2;

/** Pause between two looks for leases that have run out. */
export const leaseSweepMs = 250;
/** Leases that one look proposes to end; the others follow with the next. More would be more events
 * at once than watchers are kept. */
export const leaseSweepMax = 1_000;
/** Time that a node gathers heartbeats before it tells the leader, and how many go in one call. */
export const leaseRenewalsWaitMs = 50;
export const leaseRenewalsMax = 10_000;
/** Heartbeats that wait on one node for the leader; further ones are ResourceExhausted. */
export const leaseRenewalsWaitingMax = 200_000;
/** A lease lasts this many of its holder's heartbeat intervals, and no less than a second. */
export const leaseTtlPerHeartbeat = 3;
export const leaseTtlMsMin = 1_000;
/** Pause between a service's heartbeats where it does not say. */
export const serviceHeartbeatMs = 5_000;
/** Heartbeats of one stream that are answered at the same time; the next one waits. */
export const heartbeatsAtOnceMax = 1_000;
/** A service that leaves may finish for this long where it does not say, and the most it may say. */
export const serviceDrainMs = 10_000;
export const serviceDrainMsMax = 60 * 60_000;
/** A node waits so long for the leader's view of the cluster, then tells its own. */
export const clusterStatusTimeoutMs = 2_000;
/** Routers that one client knows; more are refused, and leaders that are named not followed. */
export const routersMax = 16;
/** A client that connects to several routers dials the next one so much later. */
export const routerStaggerMs = 250;
/** Attempts of a call that may go to any router, where nothing else is asked for. */
export const routerAttempts = 8;
/** A router that has not answered a call for so long is left for another one. */
export const routerAttemptTimeoutMs = 10_000;
/** Changes of one kind that wait on one node; further ones are ResourceExhausted. */
export const gatheredWaitingMax = 100_000;
/** Changes that go in one command; the others follow with the next. */
export const gatheredMax = 10_000;
/** A partition that reports no watermark for so long holds the global one back no more. */
export const watermarkIdleMs = 60_000;
/** With more partitions than the first the global watermark is looked for once in the second. */
export const globalWatermarkScanMax = 1_000;
export const globalWatermarkFreshMs = 100;
/** Records that a source may send before it has been granted anything on its stream. */
export const initialCredits = 1_000;
/** Raft messages that go as one frame; one that is larger goes alone. */
export const raftFrameBytesMax = 256 * 1024;
/** Raft messages that wait for one peer; further ones are lost, and Raft sends again. */
export const raftQueueMessagesMax = 10_000;
export const raftQueueBytesMax = 32 * 1024 * 1024;
/** A peer that answers no ping for this long is taken for dead, and its stream for broken. */
export const peerDeadMs = 1_000;
/** Pause before a peer is dialled again: first, and largest. */
export const peerBackoffMs = 25;
export const peerBackoffMsMax = 1_000;
/**
 * Time until a dialled peer must have answered, or else is dialled anew: first, and largest. It is
 * long, because grpc-js keeps the socket of an attempt that was given up for as long as the peer does.
 */
export const peerDialTimeoutMs = 1_000;
export const peerDialTimeoutMsMax = 5 * 60_000;
/** Node ids whose last incarnation is remembered; the one heard longest ago is forgotten. */
export const knownPeersMax = 1_000;
/** Reasons of refusals that are remembered so as to be logged once; the oldest is forgotten. */
export const refusalsRememberedMax = 1_000;
/** Bytes of snapshots sent in a second to one peer, so that appends are not delayed. */
export const snapshotBytesPerSecondMax = 64 * 1024 * 1024;
/** A snapshot's transfer without a stored chunk for this long is broken. */
export const snapshotStallMs = 10_000;
/** Transfers of a snapshot in a row that brought nothing; after these Raft is told that it failed. */
export const snapshotAttempts = 5;
/**
 * Bounds of Deno KV: bytes of a value, and bytes, writes and bytes a key is reckoned at of a commit.
 * Each a little below what it refuses (65,536; 819,200; 1,000), since it counts its own framing too.
 */
export const kvValueBytesMax = 60_000;
export const kvCommitBytesMax = 780_000;
export const kvCommitMutationsMax = 900;
export const kvKeyBytes = 64;
/** Entries put into one value of the log; a larger entry takes several values. */
export const logBlockBytesMax = kvValueBytesMax;
/**
 * Slow work on a disk (chunks of a snapshot, deletes) pauses after this many commits, for this long:
 * what is urgent then waits as long as it does alone, but for one commit in a hundred.
 */
export const slowWritesPerPause = 2;
export const slowWritePauseMs = 50;
/** Writes of one commit that deletes what is no longer needed, and the bytes these free. */
export const dropWritesMax = 250;
export const dropBytesMax = 512 * 1024;

/** Points of an instance on the ring of consistent hashing, for each unit of its weight. */
export const ringPointsPerWeight = 100;
/** A larger weight counts as this on the ring. */
export const ringWeightMax = 32;
/** Groups that have members; one more is ResourceExhausted. */
export const groupsMax = 10_000;
/** Members of a group; one more is ResourceExhausted. */
export const groupMembersMax = 10_000;
/** Partitions of a group whose stage does not say how many lanes it has. */
export const groupPartitions = 16;
/** Partitions of a group; a larger parallelism counts as this. */
export const groupPartitionsMax = 10_000;
/** Partitions with a watermark, over all sources; one more is ResourceExhausted. */
export const watermarksMax = 1_000_000;
/** A snapshot that is brought back; a larger one is ResourceExhausted. */
export const restoreBytesMax = 2 * 1024 * 1024 * 1024;
/** One whose next part does not come for so long is given up: the node that brought it back died. */
export const restoreIdleMs = 60_000;
/** Bytes of a backup that are read, sent or brought back at a time. */
export const backupPieceBytes = 256 * 1024;
/** Pieces of a backup that is brought back which are on their way through the log at a time. */
export const restorePartsInFlightMax = 4;
/** A client waits so long for a snapshot to be made or brought back. */
export const backupTimeoutMs = 10 * 60_000;
/** Backups that a router keeps; one more is ResourceExhausted. */
export const backupsMax = 100;
/** Data of one checkpoint; more is InvalidArgument. */
export const checkpointBytesMax = 1024 * 1024;
/** Data of all checkpoints; more is ResourceExhausted. */
export const checkpointBytesTotalMax = 512 * 1024 * 1024;
/** Positions that belong to one checkpoint; more are InvalidArgument. */
export const checkpointOffsetsMax = 65_536;
/** Sources whose records are all answered have so long to read the answers when a sidecar ends. */
export const farewellMs = 500;
/** Records that another sidecar has not settled within this are handed over again. */
export const relayTimeoutMs = 24 * 3_600_000;
/** Records handed to another sidecar in one call, unless the stage asks for more. */
export const relayBatchRecords = 5_000;
/** Offsets that a sidecar commits at the same time; the others follow. */
export const sidecarCommitsAtOnce = 64;
/** Sources whose offsets a sidecar remembers; those asked for longest ago are asked for again. */
export const sidecarSourcesKeptMax = 10_000;
/** Ports that a sidecar looks at for services at the same time, and in all. */
export const probesAtOnce = 64;
export const discoveryPortsMax = 4_096;
/** A port that does not tell within this what it serves has nothing that pipelines can use. */
export const discoveryTimeoutMs = 1_000;
/** A port that was of no use is left alone for more and more looks, up to so many. */
export const uselessPortLooksMax = 32;
/** A service of a pod that does not answer its health check within this has failed it. */
export const healthCheckTimeoutMs = 1_000;
/** Health checks in a row that a service may fail: with the last one it counts as broken. */
export const healthFailuresMax = 2;
/** A source that opens its stream waits so long for its offsets, then begins without. */
export const offsetLookupTimeoutMs = 2_000;
/** Sidecars registered at one time; one more is ResourceExhausted. */
export const sidecarsMax = 100_000;
/** Services of one sidecar; more are InvalidArgument. */
export const sidecarServicesMax = 256;
/** Nodes of the router; one more is ResourceExhausted. */
export const routerNodesMax = 1_000;

/** A node that is not heard of for so long pulls nothing any more, and others do. */
export const nodeLeaseMs = 3_000;
/** A node that leaves waits so long until the others know. */
export const nodeLeaveMs = 1_000;

/** A client that closes waits so long for its connection to end. */
export const sessionEndTimeoutMs = 100;
/** Records of all sources that are not settled, and their bytes; a source is then kept waiting. */
export const bufferRecordsMax = 1_000_000;
export const bufferBytesMax = 512 * 1024 * 1024;
/** The same of one source. */
export const sourceRecordsMax = 100_000;
export const sourceBytesMax = 128 * 1024 * 1024;
/** Parts of its bound from which a source is told of more and more pressure. */
export const pressureThresholds: readonly number[] = [0.6, 0.8, 0.9, 0.95];
/** How far below its threshold a level of pressure ends. */
export const pressureHysteresis = 0.05;
/** Bytes of answers that the source of a push stream has not read; above it the stream is not read either. */
export const pushAnswersBytesMax = 4 * 1024 * 1024;
/** Records that one push stream may have under way and credit for, together. */
export const creditWindowRecords = 20_000;
/** What is left of a grant of credit lapses after this. */
export const creditTtlMs = 60_000;
/** Grants of one stream that are counted apart; further ones are added to the last. */
export const grantsKeptMax = 64;
/** For how long a rejected record holds its partition's offset back, so that it may be sent again. */
export const refusedHoldMs = 60_000;
/** Partitions whose records are told from duplicates at one time; records of others are rejected. */
export const partitionsTrackedMax = 200_000;
/** Offsets are committed after this, or after so many settled records. */
export const offsetCommitMs = 200;
export const offsetCommitRecords = 10_000;
/** Offsets in one commit; more follow in the next. */
export const offsetsAtOnceMax = 10_000;
/** A version of a pipeline that was replaced has so long to finish its records; then they begin anew in the next. */
export const replacedVersionMs = 10_000;
/** Pause between two looks at credit that lapsed, idle partitions, and pipelines that were replaced. */
export const housekeepingMs = 1_000;

/** Room that a window of records, and the table of records under way, begins with. */
export const windowEntriesAtFirst = 16;
/** Room that an empty window of records keeps. A power of 2. */
export const windowEntriesKept = 1_024;
/** Entries of a window from which refused records are no longer kept apart from what lies between them. */
export const windowRefusedKept = 64;
export const slotsAtFirst = 1_024;
/** Records of a lane for which room is kept between batches. */
export const workRecordsKept = 4_096;
/** Bytes of room for rewritten records that is kept between batches; what a larger batch needed is let go. */
export const rewrittenBytesKept = 2 * 1024 * 1024;
/** Views kept to be used again, of each kind. */
export const viewsKeptMax = 64;
/** Bytes of records that wait before a stage; above it the stages before wait. */
export const stageQueueBytesMax = 64 * 1024 * 1024;
/** Failures in a row after which a service counts as not available. */
export const unavailableAfterFailures = 3;
/** Instances of one stage whose failures are remembered; the oldest are forgotten first. */
export const breakersKeptMax = 1_000;
/** Records given up in a row, with no success between, before the service is doubted instead. */
export const givenUpInARowMax = 3;
/** Tries of one record while the service is doubted; it is then given up as well. */
export const doubtfulTriesMax = 10;
/** Records written to a sink and pending there; above it the stage waits for a flush. */
export const pendingRecordsMax = 10_000;
/** Time after which pending records are flushed. */
export const flushMs = 200;
/** Dead letters that wait to be stored, and their bytes; above either the stage waits. */
export const lettersWaitingMax = 1_000;
export const letterBytesWaitingMax = 16 * 1024 * 1024;
/** Dead letters, and their bytes, that are stored at a time. */
export const lettersAtOnceMax = 500;
export const letterBytesAtOnce = 4 * 1024 * 1024;
/** Bytes of the answers that one lookup stage keeps, and of one answer that is kept. */
export const lookupCacheBytesMax = 64 * 1024 * 1024;
export const lookupCacheAnswerBytesMax = 64 * 1024;
/** How long a source that is to pause is advised to wait, unless it is told otherwise before. */
export const pauseHintMs = 1_000;
/** A service instance that does not answer a new connection within this is not available. */
export const serviceConnectTimeoutMs = 2_000;
/** Pause between two attempts of a node to become a member with a vote. */
export const joinRetryMs = 200;
/** A node that waits for a majority of its cluster says so again after so long. */
export const waitingWordMs = 10_000;
/** Dead letters that a node keeps, and bytes of them; at either the stages wait. */
export const deadLettersMax = 500_000;
export const deadLetterBytesMax = 1024 * 1024 * 1024;
/** Those of one pipeline that does not say. */
export const pipelineLettersMax = 100_000;
/** How long they are kept where the pipeline does not say. */
export const deadLetterAgeMs = 30 * 24 * 60 * 60_000;
/** A larger record stands beside its letter, in values of its own. */
export const letterInlineBytesMax = 40_000;
/** Characters of what went wrong that a letter keeps; the rest is cut. */
export const letterMessageCharsMax = 4_096;
/** Pause between two looks for letters whose time is over. */
export const letterSweepMs = 10_000;
/** Letters that are looked at, or removed, before other work gets its turn. */
export const letterSliceMax = 5_000;
/** Letters that are read from the disk at a time, and their bytes; one that is larger goes alone. */
export const letterReadsAtOnce = 64;
export const letterReadBytesAtOnce = 1024 * 1024;
/** Dead letters that one call sends through at a time, and the pause while there is no room for one. */
export const letterReplaysMax = 256;
export const letterReplayPauseMs = 20;
/** How far ahead the clock of a process may be that names its dead letters itself. */
export const letterClockSkewMsMax = 60 * 60_000;
/** Ids that a filter of dead letters names. */
export const letterIdsMax = 1_000;
/** Bytes that a peer may send on one stream, and on one connection, before anything of it is read. */
export const streamWindowBytes = 1024 * 1024;
export const connectionWindowBytes = 4 * 1024 * 1024;
/** Pause between two looks for stages that wait, of which the log is to tell. */
export const troubleLogMs = 2_000;

/** Counts of what the flow has done, from the start of the process: plain numbers, for metrics. */

/** The counts of one node. */
export class FlowCounters {
  /** What sources were told of their records. */
  accepted = 0;
  duplicates = 0;
  rejected = 0;
  /** Records that were under way when they came again. */
  joined = 0;
  /** Records that ended without a sink: of a stage, or since no edge or rule took them on. */
  filtered = 0;
  unrouted = 0;
  /** Records that ended because a service was not available, or a lookup found nothing. */
  dropped = 0;
  deadLettered = 0;
  /** Records whose pipeline was removed while they were under way. */
  abandoned = 0;
  /** Conditions that failed on a record; they counted as false. */
  conditionFailures = 0;
  offsetCommits = 0;
  offsetCommitFailures = 0;
}

/** The counts of one stage. */
export class StageCounters {
  /** Records that the stage has done with. */
  processed = 0;
  /** Attempts of a record, or calls for lack of the service, that failed. */
  errors = 0;
  deadLettered = 0;
  dropped = 0;
  /** Calls that were answered, and the time that they took. */
  calls = 0;
  callMs = 0;
  /** Results about records that were not sent. */
  unknownResults = 0;
}

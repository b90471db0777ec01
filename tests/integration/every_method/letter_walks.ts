/** DeadLetters. */
import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import {
  type DeadLettersMethods,
  ReplayStatus,
} from "../../../proto/messages/dead_letters.ts";
import { serviceOf } from "../../../proto/service.ts";
import type { Walk } from "./walk.ts";

const { methods: letters } = serviceOf<DeadLettersMethods>(
  "conveyor.router.DeadLetters",
);

export const letterWalks: readonly Walk[] = [
  {
    title:
      "dead letters, from before they are kept to after they are discarded",
    run: async (here, there, pipelineId) => {
      const filter = { pipelineId };
      const letter = (sequenceNumber: bigint) => ({
        record: { id: { sourceId: pipelineId, sequenceNumber } },
        pipelineId,
        stageId: "store",
        errorCode: "DATA_LOSS",
      });
      const keep = { letters: [letter(1n), letter(2n)] };
      assertEquals(await here.stream(letters.list, [{ filter }]), []);
      await here.refuses(Code.NotFound, letters.get, { deadLetterId: "none" });
      await here.answers(letters.stats, { filter }, { count: 0n });
      await here.refuses(Code.InvalidArgument, letters.keep, {
        letters: [{ pipelineId }],
      });

      await here.answers(letters.keep, keep);
      const kept = await here.stream(letters.list, [{ filter }]);
      const ids = kept.map(({ deadLetterId }) => deadLetterId);
      assertEquals(ids.length, 2);
      await here.answers(letters.get, { deadLetterId: ids[0]! }, {
        pipelineId,
      });
      await here.answers(letters.stats, { filter }, { count: 2n });
      // Each node has its own.
      await there.answers(letters.stats, { filter }, { count: 0n });
      const replayed = await here.stream(letters.replay, [{ filter }]);
      const refused = replayed.filter(({ status }) =>
        status !== ReplayStatus.Settled
      );
      assertEquals(refused.length, 2, "there is no such pipeline");

      await here.refuses(Code.InvalidArgument, letters.replay, {});
      await here.refuses(Code.InvalidArgument, letters.discard, {});
      const one = { deadLetterIds: ids.slice(0, 1) };
      await here.answers(letters.discard, { filter: one }, { discarded: 1n });
      await here.answers(letters.discard, { filter: one }, { discarded: 0n });
      await here.answers(letters.discard, { filter }, { discarded: 1n });
      await here.refuses(Code.NotFound, letters.get, {
        deadLetterId: ids[0]!,
      });
    },
  },
];

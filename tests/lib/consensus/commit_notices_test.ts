import { assertEquals } from "@std/assert";
import { CommitNotices } from "../../../lib/consensus/commit_notices.ts";
import { commitNoticeMs } from "../../../lib/limits.ts";
import type { Message } from "../../../lib/raft/types.ts";
import { append, heartbeat } from "../../fixtures/raft_messages.ts";

const notice = (to: number, commit: number): Message => ({
  ...append(1, to, commit, 0, 0),
  commit,
});
const entries = (to: number): Message => append(1, to, 7, 2, 10);

/** Notices whose time passes when `pass` is called. */
function start(): {
  notices: CommitNotices;
  sent: Message[];
  waits: number[];
  pass: () => void;
} {
  const sent: Message[] = [];
  const waits: number[] = [];
  let work: (() => void) | undefined;
  const notices = new CommitNotices({
    soon: () => {},
    after: (ms, then) => {
      waits.push(ms);
      work = then;
      return () => work = undefined;
    },
  }, (messages) => sent.push(...messages));
  return { notices, sent, waits, pass: () => work?.() };
}

Deno.test("withhold() keeps the latest notice for each peer, and sends it a moment later", () => {
  const { notices, sent, waits, pass } = start();
  assertEquals(notices.withhold([notice(2, 5), notice(3, 5)]), []);
  assertEquals(notices.withhold([notice(2, 6)]), []);
  assertEquals(waits, [commitNoticeMs]);
  pass();
  assertEquals(sent, [notice(2, 6), notice(3, 5)]);
  pass();
  assertEquals(sent.length, 2);
  notices.withhold([notice(2, 7)]);
  assertEquals(waits.length, 2);
});

Deno.test("withhold() drops a notice when an append to the same peer goes after it", () => {
  const { notices, sent, pass } = start();
  notices.withhold([notice(2, 5), notice(3, 5)]);
  assertEquals(notices.withhold([entries(2)]), [entries(2)]);
  pass();
  assertEquals(sent, [notice(3, 5)]);
});

Deno.test("withhold() lets everything else pass in order", () => {
  const { notices } = start();
  const messages = [heartbeat(1, 2, 4), entries(3), heartbeat(1, 3, 4)];
  const mixed = [messages[0]!, notice(2, 5), messages[1]!, messages[2]!];
  assertEquals(notices.withhold(mixed), messages);
});

Deno.test("close() drops what is held back, and flush() sends it at once", () => {
  const { notices, sent, pass } = start();
  notices.withhold([notice(2, 5)]);
  notices.close();
  pass();
  assertEquals(sent, []);
  notices.withhold([notice(2, 6)]);
  notices.flush();
  pass();
  assertEquals(sent, [notice(2, 6)]);
});

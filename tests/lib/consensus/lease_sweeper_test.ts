import { assertEquals } from "@std/assert";
import { LeaseSweeper } from "../../../lib/consensus/lease_sweeper.ts";
import { leaseSweepMs } from "../../../lib/limits.ts";
import { LeaseTable } from "../../../lib/registry/lease.ts";
import { LeaseKind, type LeaseRef } from "../../../proto/messages/state.ts";
import { ManualTime } from "../../fixtures/manual_time.ts";

const ttlMs = 3_000;

function leaseOf(id: string): LeaseRef {
  return { kind: LeaseKind.Service, id, registrationId: `${id}-registration` };
}

/** A sweeper whose commands take as long as they are let, over leases that began just now. */
class Setup {
  readonly time: ManualTime = new ManualTime();
  readonly table: LeaseTable = new LeaseTable();
  readonly proposed: string[] = [];
  #end: () => void = () => {};
  readonly sweeper: LeaseSweeper;

  constructor(...ids: readonly string[]) {
    const { time, table } = this;
    for (const id of ids) this.follow("leaseStarted", id);
    this.sweeper = new LeaseSweeper(
      table,
      (action) => {
        this.proposed.push(action);
        return new Promise((resolve) => this.#end = resolve);
      },
      time,
      time,
    );
  }

  /** Ends the command under way. */
  end = async (): Promise<void> => {
    this.#end();
    await this.time.advance(0);
  };

  follow(kind: "leaseStarted" | "leaseExpired", id: string): void {
    const lease = leaseOf(id);
    this.table.follow({ kind, lease, ttlMs }, this.time.monotonicMs());
  }
}

Deno.test("LeaseSweeper proposes nothing again while it is under way, and what is still due after", async () => {
  const { time, sweeper, proposed, end } = new Setup("a");
  await time.advance(ttlMs + 10 * leaseSweepMs);
  assertEquals(proposed, ["expire leases"]);
  await end();
  await time.advance(leaseSweepMs);
  assertEquals(proposed, ["expire leases", "expire leases"]);
  sweeper.close();
});

Deno.test("LeaseSweeper revives who is heard of in between with one command after the other", async () => {
  const setup = new Setup("a", "b");
  const { time, sweeper, proposed, end } = setup;
  for (const id of ["a", "b"]) setup.follow("leaseExpired", id);
  sweeper.revive(leaseOf("a"));
  await time.advance(0);
  sweeper.revive(leaseOf("b"));
  await time.advance(2 * leaseSweepMs);
  assertEquals(proposed, ["revive leases"]);
  await end();
  await time.advance(leaseSweepMs);
  assertEquals(proposed, ["revive leases", "revive leases"]);
  sweeper.close();
});

Deno.test("LeaseSweeper.close() ends its timers, and proposes nothing more", async () => {
  const { time, sweeper, proposed } = new Setup("a");
  sweeper.close();
  sweeper.revive(leaseOf("a"));
  await time.advance(2 * ttlMs);
  assertEquals([proposed, time.waiting], [[], 0]);
});

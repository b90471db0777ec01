// deno-lint-ignore-file no-console -- its output is what it is for
/** A line that says how it goes, written over itself twice a second; a plain line where nobody looks. */
import { AdminClient } from "@conveyor/grpc";

/** The line of one run. */
export class LiveLine {
  /** Records settled so far. */
  settled = 0;
  readonly #routers: readonly AdminClient[];
  readonly #terminal = Deno.stdout.isTerminal();
  readonly #startMs = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(routers: readonly AdminClient[]) {
    this.#routers = routers;
    this.#timer = setInterval(() => this.#writing = this.#write(), 500);
  }

  /** Begins the line of routers that run. */
  static async open(urls: readonly string[]): Promise<LiveLine> {
    return new LiveLine(
      await Promise.all(urls.map((url) => AdminClient.connect(url))),
    );
  }

  /** Writes no more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    if (this.#terminal) console.log();
    for (const router of this.#routers) await router.close();
  }

  async #write(): Promise<void> {
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const rate = Math.round(this.settled / seconds);
    const [held, letters] = await this.#sums();
    const text = `${
      String(rate).padStart(7)
    } records/s, ${held} in flight, ${this.settled} settled, ${letters} dead letters`;
    if (!this.#terminal) return console.log(text);
    Deno.stdout.writeSync(new TextEncoder().encode(`\r\x1b[2K${text}`));
  }

  /** Records under way and dead letters, over the routers that answer. */
  async #sums(): Promise<[held: number, letters: number]> {
    const answers = await Promise.allSettled(
      this.#routers.map((router) => router.metrics([], { timeoutMs: 400 })),
    );
    let [held, letters] = [0, 0];
    for (const answer of answers) {
      if (answer.status === "rejected") continue;
      for (const [name, value] of Object.entries(answer.value)) {
        if (name === "conveyor_records_under_way") held += value;
        if (name.startsWith("conveyor_stage_dead_letters_total")) {
          letters += value;
        }
      }
    }
    return [held, letters];
  }
}

/**
 * A script of this folder in a process of its own, which prints lines. It ends
 * with its standard input, so it cannot outlive us, and disposing of it kills it.
 */
import { signalled } from "../fixtures/signalled.ts";

/** A running script; it is killed when this is disposed of. */
export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #stdin: WritableStream<Uint8Array>;
  readonly #lines: AsyncGenerator<string, void, void>;
  readonly #errorText: Promise<string>;
  #exited: Deno.CommandStatus | undefined;

  constructor(script: string, ...args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-A",
        new URL(script, import.meta.url).pathname,
        ...args,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#process.stdin;
    this.#lines = linesOf(this.#process.stdout);
    this.#errorText = new Response(this.#process.stderr).text();
    this.#process.status.then((status) => this.#exited = status);
  }

  /** How the process ended; undefined while it runs. */
  get exited(): Deno.CommandStatus | undefined {
    return this.#exited;
  }

  /** The next line it prints; rejects when it ends before. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(await this.epitaph());
    return value;
  }

  /** Reads a line that must be `text`. */
  async expect(text: string): Promise<void> {
    const line = await this.line();
    if (line !== text) throw new Error(`expected "${text}", found "${line}"`);
  }

  /** Resolves once it ended by itself. */
  ended(): Promise<Deno.CommandStatus> {
    return this.#process.status;
  }

  /** Asks it to end; the status comes once it did. */
  terminate(): Promise<Deno.CommandStatus> {
    signalled(this.#process, "SIGTERM");
    return this.#process.status;
  }

  /** What it died of, once it has. */
  async epitaph(): Promise<string> {
    const { code, signal } = await this.#process.status;
    const [message] = (await this.#errorText).trim().split("\n");
    return `${signal ?? `exit code ${code}`}: ${message || "no message"}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    signalled(this.#process, "SIGKILL");
    await this.#process.status;
    await this.#errorText;
    for await (const _ of this.#lines);
    await this.#stdin.close().catch(() => {});
  }
}

async function* linesOf(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void, void> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

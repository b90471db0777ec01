/** Simulations on several threads, each thread with one after another. */
import type { SimulationOutcome } from "./sim_worker.ts";
import type { SimulationOptions } from "./simulation.ts";

interface Thread {
  readonly worker: Worker;
  busy: boolean;
}

export class SimPool implements Disposable {
  readonly #threads: readonly Thread[];
  #free: (() => void)[] = [];

  constructor(threads: number) {
    const url = new URL("./sim_worker.ts", import.meta.url);
    this.#threads = Array.from({ length: threads }, () => ({
      worker: new Worker(url, { type: "module" }),
      busy: false,
    }));
  }

  get size(): number {
    return this.#threads.length;
  }

  /** Runs one simulation as soon as a thread is free. */
  async run(options: SimulationOptions): Promise<SimulationOutcome> {
    const { worker, release } = await this.#take();
    const { promise, resolve, reject } = Promise.withResolvers<
      SimulationOutcome
    >();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`seed ${options.seed}: ${event.message}`));
    };
    worker.postMessage(options);
    try {
      return await promise;
    } finally {
      release();
    }
  }

  [Symbol.dispose](): void {
    for (const { worker } of this.#threads) worker.terminate();
  }

  async #take(): Promise<
    { readonly worker: Worker; readonly release: () => void }
  > {
    for (;;) {
      const thread = this.#threads.find(({ busy }) => !busy);
      if (thread === undefined) {
        await new Promise<void>((resolve) => this.#free.push(resolve));
        continue;
      }
      thread.busy = true;
      const release = (): void => {
        thread.busy = false;
        this.#free.shift()?.();
      };
      return { worker: thread.worker, release };
    }
  }
}

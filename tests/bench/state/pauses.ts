/** How long pieces of work keep the event loop. */
import process from "node:process";

/** What pieces of work took, in ms. */
export class Pauses {
  tookMs = 0;
  longestMs = 0;
  /** Of the processor: not what others on the machine have had of it meanwhile. */
  cpuMs = 0;
  longestCpuMs = 0;

  during<T>(work: () => T): T {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const result = work();
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    const cpuMs = (user + system) / 1_000;
    this.tookMs += ms;
    this.cpuMs += cpuMs;
    this.longestMs = Math.max(this.longestMs, ms);
    this.longestCpuMs = Math.max(this.longestCpuMs, cpuMs);
    return result;
  }

  get took(): string {
    return shown(this.tookMs, this.cpuMs);
  }

  get longest(): string {
    return shown(this.longestMs, this.longestCpuMs);
  }
}

function shown(ms: number, cpuMs: number): string {
  return `${ms.toFixed(0)} ms, of the processor ${cpuMs.toFixed(0)}`;
}

/**
 * How much of what it may use a process uses: processor time and memory, each from 0 to 1. What it may use
 * is what its container grants, where that can be read, or else the whole machine.
 */
import process from "node:process";
import type { Clock } from "../clock.ts";

/** What a process may use. */
export interface ProcessBounds {
  /** Processors; a part of one too. */
  readonly cpus: number;
  /** Bytes; undefined: not known. */
  readonly memoryBytes: number | undefined;
}

/** What a process uses. */
export interface ProcessUse {
  /** Processor time since the process began, in ms. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** Shares in use. */
export interface ProcessShares {
  readonly cpu: number;
  /** 0 where it is not known how much there is. */
  readonly memory: number;
}

/** The shares of one process. */
export class ProcessShare {
  readonly #clock: Clock;
  readonly #bounds: ProcessBounds;
  readonly #use: () => ProcessUse;
  #readAtMs: number;
  #cpuMs: number;

  constructor(
    clock: Clock,
    bounds: ProcessBounds = processBounds(),
    use: () => ProcessUse = processUse,
  ) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#use = use;
    this.#readAtMs = clock.monotonicMs();
    this.#cpuMs = use().cpuMs;
  }

  /** The memory in use now, and the processor time since the last reading. */
  read(): ProcessShares {
    const nowMs = this.#clock.monotonicMs();
    const { cpuMs, memoryBytes } = this.#use();
    const passedMs = nowMs - this.#readAtMs;
    const { cpus, memoryBytes: most } = this.#bounds;
    const cpu = passedMs > 0 ? share(cpuMs - this.#cpuMs, passedMs * cpus) : 0;
    this.#readAtMs = nowMs;
    this.#cpuMs = cpuMs;
    return { cpu, memory: most === undefined ? 0 : share(memoryBytes, most) };
  }
}

/** What this process has used so far. */
export function processUse(): ProcessUse {
  const { user, system } = process.cpuUsage();
  return {
    cpuMs: (user + system) / 1_000,
    memoryBytes: Deno.memoryUsage().rss,
  };
}

/** What this process may use, as the files of control groups (version 2) say where they may be read. */
export function processBounds(
  read: (path: string) => string | undefined = permittedText,
): ProcessBounds {
  const { hardwareConcurrency } = navigator;
  const [quota, period] = read("/sys/fs/cgroup/cpu.max")?.split(" ") ?? [];
  const granted = Number(quota) / Number(period);
  const limit = Number(read("/sys/fs/cgroup/memory.max") ?? NaN);
  return {
    cpus: granted > 0
      ? Math.min(granted, hardwareConcurrency)
      : hardwareConcurrency,
    memoryBytes: limit > 0 ? limit : machineMemory(),
  };
}

function machineMemory(): number | undefined {
  const kind = "systemMemoryInfo";
  if (!isPermitted({ name: "sys", kind })) return undefined;
  return Deno.systemMemoryInfo().total;
}

/** The text of a file; undefined where it is not there, or not for this process: nobody is asked. */
function permittedText(path: string): string | undefined {
  if (!isPermitted({ name: "read", path })) return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

function isPermitted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

function share(part: number, whole: number): number {
  return Math.min(1, Math.max(0, part / whole));
}

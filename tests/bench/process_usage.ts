/** What a process has used, as the kernel of Linux counts it. */

/** User and system time, in ms; it is counted in hundredths of a second. */
export function cpuMsOf(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!
    .split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** The memory that it has resident, in bytes. */
export function rssOf(pid: number): number {
  return memoryOf(pid, "VmRSS");
}

/** The most memory that it has had resident, in bytes. */
export function rssMaxOf(pid: number): number {
  return memoryOf(pid, "VmHWM");
}

function memoryOf(pid: number, name: string): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const [, kilobytes] = new RegExp(`${name}:\\s+(\\d+)`).exec(status)!;
  return 1_024 * Number(kilobytes);
}

/** What a process has used, as the kernel of Linux counts it. */

/** User and system time, in ms; it is counted in hundredths of a second. */
export function cpuMsOf(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!
    .split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** The most memory that it has had resident, in bytes. */
export function rssMaxOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return 1_024 * Number(/VmHWM:\s+(\d+)/.exec(status)![1]);
}

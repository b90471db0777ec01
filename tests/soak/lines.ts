/** Lines between processes and to the terminal, written when they are said. */
const encoder = new TextEncoder();

export function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

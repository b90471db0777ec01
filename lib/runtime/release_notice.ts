/** Says once, where a process first serves or dials, that its Deno release is not fit for it. */
import { log } from "../log.ts";
import { releaseWarning } from "./deno_release.ts";

let said = false;

/** Logs the warning about `version`, if there is one, unless this process has said it before. */
export function noticeRelease(version: string = Deno.version.deno): void {
  if (said) return;
  const warning = releaseWarning(version);
  if (warning === undefined) return;
  said = true;
  log.warn(warning);
}

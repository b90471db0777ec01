/** What an operator names to be read. */
import { Code, ConveyorError, messageOf } from "../../lib/errors.ts";
import { requirePermissions } from "./require_permissions.ts";

/** The text of a file, or of standard input for "-". */
export async function readText(path: string): Promise<string> {
  requirePermissions({ read: path === "-" ? [] : [path] });
  if (path === "-") return await new Response(Deno.stdin.readable).text();
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    // Deno's own words end with the call that failed.
    const reason = messageOf(error).replace(/ \(os error \d+\).*$/, "");
    throw new ConveyorError(
      Code.InvalidArgument,
      `Cannot read "${path}": ${reason}`,
    );
  }
}

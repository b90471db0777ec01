/** What every router has of its own is asked of each of them in turn. */
import { asConveyorError, ConveyorError } from "../../lib/errors.ts";
import type { Call } from "./command.ts";

/**
 * Does `work` with a client of each router; one that cannot be asked is told, and the next is asked. How
 * many could.
 */
export async function onEachRouter<Client extends AsyncDisposable>(
  { session: { routers }, fail }: Call,
  connect: (router: string) => Promise<Client>,
  work: (client: Client, router: string) => Promise<void>,
): Promise<number> {
  let answered = 0;
  for (const router of routers) {
    try {
      await using client = await connect(router);
      await work(client, router);
      answered++;
    } catch (thrown) {
      const { code, message } = asConveyorError(thrown);
      const place = routers.length > 1 ? `${router}: ` : "";
      fail(new ConveyorError(code, place + message, { cause: thrown }));
    }
  }
  return answered;
}

/** The rows of the demo that ended as dead letters, as the routers keep them. */
import { DeadLetterClient } from "@conveyor/grpc";

/** How many rows; one that two routers kept, since one of them was killed, counts once. */
export async function spoiltRows(urls: readonly string[]): Promise<number> {
  const rows = new Set<string>();
  for (const url of urls) {
    await using letters = await DeadLetterClient.connect(url);
    for await (const { record } of letters.list({ stageId: "parse" })) {
      rows.add(`${record?.id?.partition}/${record?.id?.sequenceNumber}`);
    }
  }
  return rows.size;
}

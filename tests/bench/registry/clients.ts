/** The connections over which one process speaks for many services and watchers. */
import { Channel } from "../../../clients/channel.ts";
import { RegistryClient } from "../../../clients/registry_client.ts";

export const connections = 25;
/** Such a process may be busy with what it speaks for already. */
const connectTimeoutMs = 60_000;

export async function connectedClients(
  url: string,
): Promise<readonly RegistryClient[]> {
  return await Promise.all(
    Array.from({ length: connections }, async () => {
      const channel = await Channel.connect(url, { connectTimeoutMs });
      return new RegistryClient(channel);
    }),
  );
}

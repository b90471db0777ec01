/**
 * The sidecar as a process: flags and environment in; a sidecar that runs until it is told to end. The
 * first signal drains it, the second stops it at once.
 *
 * ```sh
 * SIDECAR_ID=pod-7 CLUSTER_ENDPOINT=http://10.0.0.1:50051,http://10.0.0.2:50051 \
 *   LOCAL_SERVICES=enrich=transform@http://localhost:50061 \
 *   deno run -A jsr:@conveyor/grpc/sidecar
 * ```
 *
 * @module
 */
import { type Command, runCommand } from "../config/command.ts";
import { wouldAsk } from "../permissions.ts";
import {
  sidecarNeeds,
  sidecarSettings,
  toSidecarOptions,
} from "../config/sidecar_settings.ts";
import type { SidecarOptions } from "./sidecar_options.ts";

const command: Command<SidecarOptions> = {
  name: "sidecar",
  usage: "lib/sidecar/main.ts [flags]",
  settings: sidecarSettings,
  optionsOf: (config, read) => toSidecarOptions(config, read, firstAddress),
  needsOf: sidecarNeeds,
  make: async (options) => {
    const { Sidecar } = await import("./sidecar.ts");
    const sidecar = new Sidecar(options);
    return {
      start: async () => ({ ...await sidecar.start() }),
      run: () => sidecar.run(),
      close: () => sidecar.close(),
    };
  },
};

/** An address of this machine that others may dial. */
function firstAddress(): string | undefined {
  // Without the permission the operator says it.
  if (wouldAsk({ name: "sys", kind: "networkInterfaces" })) return undefined;
  try {
    return Deno.networkInterfaces().find(({ family, address }) =>
      family === "IPv4" && !address.startsWith("127.")
    )?.address;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

if (import.meta.main) Deno.exit(await runCommand(command, Deno.args));

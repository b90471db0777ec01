/**
 * The router as a process: flags, environment and a configuration file in; a router that runs until
 * it is told to end. The first signal drains it, the second stops it at once.
 *
 * ```sh
 * deno run -A jsr:@conveyor/grpc/server --listen-addr 127.0.0.1:50051 --data-dir ./data
 * ```
 *
 * @module
 */
import { type Command, runCommand } from "./lib/config/command.ts";
import {
  routerNeeds,
  serverSettings,
  toRouterOptions,
} from "./lib/config/server_settings.ts";
import type { RouterServerOptions } from "./lib/router/router_options.ts";

const command: Command<RouterServerOptions> = {
  name: "router",
  usage: "server.ts [flags]",
  settings: serverSettings,
  optionsOf: toRouterOptions,
  needsOf: routerNeeds,
  make: async (options) => {
    const { RouterServer } = await import("./lib/router_server.ts");
    const router = new RouterServer(options);
    return {
      start: async () => {
        const { grpc, raft, http } = await router.start();
        return { grpc, ...(raft ? { raft } : {}), ...(http ? { http } : {}) };
      },
      run: () => router.run(),
      close: () => router.close(),
    };
  },
};

if (import.meta.main) Deno.exit(await runCommand(command, Deno.args));

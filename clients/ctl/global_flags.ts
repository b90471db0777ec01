/** The flags that every command takes: which router, by which means, and how to print. */
import type { Flag } from "./command.ts";
import { outputs } from "./output.ts";

/** Where a router is looked for that nobody names. */
export const routerDefault = "http://127.0.0.1:50051";

export const globalFlags: readonly Flag[] = [
  {
    name: "router",
    value: "URL,…",
    variable: "CONVEYOR_ROUTER",
    options: ["url", "routers"],
    help: `routers of the cluster (default: ${routerDefault})`,
  },
  {
    name: "tls-ca",
    value: "FILE",
    variable: "CONVEYOR_TLS_CA",
    options: ["tls", "tls.ca", "tls.caFile"],
    help: "authorities that are trusted (PEM) (default: the runtime's)",
  },
  {
    name: "tls-cert",
    value: "FILE",
    variable: "CONVEYOR_TLS_CERT",
    options: ["tls", "tls.cert", "tls.certFile"],
    help: "certificate chain to show (PEM)",
  },
  {
    name: "tls-key",
    value: "FILE",
    variable: "CONVEYOR_TLS_KEY",
    options: ["tls", "tls.key", "tls.keyFile"],
    help: "its private key (PEM)",
  },
  {
    name: "tls-server-name",
    value: "NAME",
    variable: "CONVEYOR_TLS_SERVER_NAME",
    options: ["tls", "tls.serverName"],
    help: "name that the router's certificate is for (default: the host)",
  },
  {
    name: "bearer-token",
    value: "TOKEN",
    variable: "CONVEYOR_BEARER_TOKEN",
    options: ["bearerToken"],
    help: "sent with every call; better by its variable",
  },
  {
    name: "timeout-ms",
    value: "MS",
    variable: "CONVEYOR_TIMEOUT_MS",
    options: ["timeoutMs", "connectTimeoutMs"],
    help: "time that connecting, or a call, may take (default: 3000, or 30000)",
  },
  {
    name: "output",
    short: "o",
    value: "FORM",
    choices: outputs,
    help: `${outputs.join(", ")}`,
  },
  { name: "help", short: "h", help: "shows this text" },
  { name: "version", help: "shows the version" },
];

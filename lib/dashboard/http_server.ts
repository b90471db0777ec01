/**
 * The router's plain HTTP side: metrics for Prometheus, and what an orchestrator asks. It serves
 * readers only; nothing can be changed through it.
 */
import { formOption, tcpListenForm } from "../address_forms.ts";
import { bindError } from "../bind_error.ts";
import { exposition, expositionType } from "../metrics/exposition.ts";
import type { MetricSource } from "../metrics/sample.ts";

/** What the pages are made from. */
export interface HttpContent {
  readonly metrics: readonly MetricSource[];
  /** Why the node is not ready to take records; undefined when it is. */
  readonly unready: () => string | undefined;
}

/** A running HTTP server. */
export class HttpServer implements AsyncDisposable {
  /** Where it listens: `host:port`. */
  readonly address: string;
  readonly #server: Deno.HttpServer;

  private constructor(server: Deno.HttpServer, address: string) {
    this.#server = server;
    this.address = address;
  }

  /**
   * Serves at `address`, `host:port`, which is the value of `option`; port 0 takes a free one.
   * Unavailable when it is taken, InvalidArgument when it is malformed.
   */
  static async listen(
    address: string,
    content: HttpContent,
    option = "address",
  ): Promise<HttpServer> {
    formOption(option, address, tcpListenForm);
    const colon = address.lastIndexOf(":");
    const hostname = address.slice(0, colon).replace(/^\[(.+)\]$/, "$1");
    const bound = Promise.withResolvers<Deno.NetAddr>();
    try {
      const server = Deno.serve({
        hostname,
        port: Number(address.slice(colon + 1)),
        onListen: bound.resolve,
      }, (request) => answer(request, content));
      const { port } = await bound.promise;
      return new HttpServer(server, address.replace(/\d+$/, String(port)));
    } catch (cause) {
      throw bindError(option, address, cause);
    }
  }

  /** Stops; requests under way are answered. Idempotent. */
  close(): Promise<void> {
    return this.#server.shutdown();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function answer(request: Request, content: HttpContent): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text(405, "Only GET is served here\n");
  }
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/metrics":
      return new Response(exposition(content.metrics), {
        headers: { "content-type": expositionType },
      });
    case "/healthz":
      return text(200, "alive\n");
    case "/readyz": {
      const reason = content.unready();
      return reason === undefined
        ? text(200, "ready\n")
        : text(503, `${reason}\n`);
    }
    default:
      return text(404, "Served here: /metrics, /healthz, /readyz\n");
  }
}

function text(status: number, body: string): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}

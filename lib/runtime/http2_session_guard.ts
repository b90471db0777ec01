/**
 * Keeps the process alive when an HTTP/2 peer says goodbye.
 *
 * Deno 2.9.4 to 2.9.6 abort (an nghttp2 assertion, or a segmentation fault) when
 * a peer closes its session cleanly: the runtime answers GOAWAY by closing the
 * session from inside nghttp2's own callback; with no stream left, that frees
 * the native session while nghttp2 is still walking it (denoland/deno issue
 * 36788). Hostile peers also bring out an uncaught "The stream has been
 * destroyed". So every session is closed and destroyed one turn later than asked,
 * when nghttp2 is off the stack. Callers see no difference: `closed` and
 * `destroyed` read true at once, and the arguments of the first call count.
 *
 * Unnecessary from the first release that passes `deno task soak` unguarded; the
 * test of this file fails on a release that survives without it.
 */
import type { Http2Session } from "node:http2";
import { hookHttp2 } from "./http2_hooks.ts";

/** Guards every session that is made from now on; harmless when done before. */
export function installHttp2SessionGuard(): void {
  hookHttp2("session guard", {
    session: (session, side) => {
      deferEnd(session);
      if (side === "client") noteEnd(session);
    },
  });
}

/** Client sessions that were asked to end and have not yet. */
const ending = new Map<Http2Session, Promise<void>>();

/**
 * Resolves when every client session of the process that was asked to end by now has ended, or after
 * `ms`. grpc-js lets go of a session's timers only then, and tells nobody.
 */
export async function clientSessionsEnded(ms: number): Promise<void> {
  // What was asked of grpc-js a moment ago reaches its session a turn later.
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (ending.size === 0) return;
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([Promise.all(ending.values()), late]);
  clearTimeout(timer);
}

function noteEnd(session: Http2Session): void {
  for (const method of ["close", "destroy"] as const) {
    const run = session[method] as (...args: unknown[]) => void;
    session[method] = (...args: unknown[]): void => {
      if (!ending.has(session) && !session.destroyed) {
        const { promise, resolve } = Promise.withResolvers<void>();
        ending.set(session, promise);
        session.once("close", () => {
          ending.delete(session);
          resolve();
        });
      }
      run.apply(session, args);
    };
  }
}

function deferEnd(session: Http2Session): void {
  deferMethod(session, "close", "closed");
  deferMethod(session, "destroy", "destroyed");
}

/** Makes `session[method]` run a turn later, and `session[flag]` true meanwhile. */
function deferMethod(
  session: Http2Session,
  method: "close" | "destroy",
  flag: "closed" | "destroyed",
): void {
  const run = session[method] as (...args: unknown[]) => void;
  const prototype = Object.getPrototypeOf(session);
  let pending = false;
  Object.defineProperty(session, flag, {
    configurable: true,
    get: () => pending || Reflect.get(prototype, flag, session),
  });
  session[method] = (...args: unknown[]): void => {
    if (session[flag]) return;
    pending = true;
    // At once: a session that ends by itself meanwhile would never call back.
    if (method === "close" && typeof args[0] === "function") {
      session.once("close", args.shift() as () => void);
    }
    setImmediate(() => {
      // Down before the method runs: with its flag up it would do nothing.
      pending = false;
      run.apply(session, args);
    });
  };
}

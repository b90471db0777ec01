import { assertEquals } from "@std/assert";
import { bindError } from "../../lib/bind_error.ts";
import { Code } from "../../lib/errors.ts";

Deno.test("bindError() says in words why nobody listens, and in which option the address stands", () => {
  const told: [cause: string, reason: string][] = [
    ["[listen EADDRINUSE: address already in use a:1]", "it is in use"],
    ["Address already in use (os error 98)", "it is in use"],
    [
      "[listen EINVAL: invalid argument a:1]",
      "this machine has no such address",
    ],
    [
      "Cannot assign requested address (os error 99)",
      "this machine has no such address",
    ],
    [
      "[listen EACCES: permission denied a:1]",
      "this process may not listen there; ports below 1024 need a privilege",
    ],
    [
      "Name resolution failed for target dns:a:1",
      "no address has this name",
    ],
    [
      "No address added out of total 1 resolved errors: [listen ENOENT: no such file or directory /x/y]",
      "there is no such folder",
    ],
    ["something else", "something else"],
  ];
  for (const [cause, reason] of told) {
    const error = bindError("grpcAddr", "a:1", new Error(cause));
    assertEquals(
      error.message,
      `Cannot listen on "a:1", which is "grpcAddr": ${reason}`,
    );
    assertEquals([error.code, error.details[0]?.field], [
      Code.Unavailable,
      "grpcAddr",
    ]);
  }
});

import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  pinnedDenoRelease,
  releaseWarning,
} from "../../../lib/runtime/deno_release.ts";

Deno.test("releaseWarning() says nothing about a release not known to be unfit", () => {
  for (
    const version of [
      pinnedDenoRelease,
      "2.9.4",
      "2.9.4+abc1234",
      "2.10.0",
      "3.0.0",
    ]
  ) {
    assertEquals(releaseWarning(version), undefined, version);
  }
});

Deno.test("releaseWarning() names the release, the reason and the cure", () => {
  assertEquals(
    releaseWarning("2.6.10"),
    "Deno 2.6.10 is unfit for this package: it cannot serve grpc-js; use Deno 2.9.6",
  );
  for (const version of ["2.7.0", "2.9.3", "2.9.4-rc.1"]) {
    assertStringIncludes(
      releaseWarning(version) ?? "",
      "leaks memory",
      version,
    );
  }
});

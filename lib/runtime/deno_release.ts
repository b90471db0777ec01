/**
 * Which Deno releases must not carry records: the one table of them. A release
 * that is not listed may be new; `deno task soak` tells whether it is fit.
 */

/** The releases before `before`, and `from` on, are unfit for `reason`. */
interface UnfitRange {
  readonly from: string;
  readonly before: string;
  readonly reason: string;
}

/** The release that this package is tested and soaked with. */
export const pinnedDenoRelease = "2.9.6";

/** In order; measured with grpc-js 1.14.7. */
const unfitRanges: readonly UnfitRange[] = [
  { from: "0.0.0", before: "2.7.0", reason: "it cannot serve grpc-js" },
  {
    from: "2.7.0",
    before: "2.9.4",
    reason: "it buffers without bound for a peer that does not read, " +
      "and leaks memory with every connection",
  },
];

/** One sentence for the log when Deno `version` is known to be unfit. */
export function releaseWarning(version: string): string | undefined {
  const unfit = unfitRanges.find(({ from, before }) =>
    !isOlder(version, from) && isOlder(version, before)
  );
  return unfit &&
    `Deno ${version} is unfit for this package: ${unfit.reason}; ` +
      `use Deno ${pinnedDenoRelease}`;
}

/** A release candidate is older than its release; a canary ("+") is not. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [parse(version), parse(than)];
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i]! < b[i]!;
  }
  return false;
}

function parse(version: string): readonly number[] {
  const [release = "", candidate] = version.split("+", 1)[0]!.split("-", 2);
  return [...release.split(".").map(Number), candidate === undefined ? 1 : 0];
}

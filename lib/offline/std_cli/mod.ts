/**
 * What this project uses of `jsr:@std/cli`, for machines that cannot reach jsr.io.
 */
export * from "./parse_args.ts";

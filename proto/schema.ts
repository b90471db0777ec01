/**
 * Every `.proto` of this folder, parsed once into one protobufjs Root: what
 * codecs, services and the generator work from.
 */
import protobuf from "protobufjs";
import type { Root } from "protobufjs";
import backup from "./backup.proto" with { type: "text" };
import checkpoint from "./checkpoint.proto" with { type: "text" };
import cluster from "./cluster.proto" with { type: "text" };
import common from "./common.proto" with { type: "text" };
import deadLetters from "./dead_letters.proto" with { type: "text" };
import health from "./health.proto" with { type: "text" };
import lookup from "./lookup.proto" with { type: "text" };
import reflection from "./reflection.proto" with { type: "text" };
import reflectionV1alpha from "./reflection_v1alpha.proto" with {
  type: "text",
};
import registry from "./registry.proto" with { type: "text" };
import router from "./router.proto" with { type: "text" };
import sidecar from "./sidecar.proto" with { type: "text" };
import sink from "./sink.proto" with { type: "text" };
import source from "./source.proto" with { type: "text" };
import state from "./state.proto" with { type: "text" };
import status from "./status.proto" with { type: "text" };
import transform from "./transform.proto" with { type: "text" };

/** A file of the contract, as it is written. */
export interface ProtoFile {
  /** Its name, as other files import it: "common.proto". */
  readonly name: string;
  readonly text: string;
}

/** Every file of the contract, in order of name. */
export const protoFiles: readonly ProtoFile[] = [
  { name: "backup.proto", text: backup },
  { name: "checkpoint.proto", text: checkpoint },
  { name: "cluster.proto", text: cluster },
  { name: "common.proto", text: common },
  { name: "dead_letters.proto", text: deadLetters },
  { name: "health.proto", text: health },
  { name: "lookup.proto", text: lookup },
  { name: "reflection.proto", text: reflection },
  { name: "reflection_v1alpha.proto", text: reflectionV1alpha },
  { name: "registry.proto", text: registry },
  { name: "router.proto", text: router },
  { name: "sidecar.proto", text: sidecar },
  { name: "sink.proto", text: sink },
  { name: "source.proto", text: source },
  { name: "state.proto", text: state },
  { name: "status.proto", text: status },
  { name: "transform.proto", text: transform },
];

/**
 * The types of protobuf that the contract uses. protobufjs brings them along
 * too, but without comments, and with other field names than it gives all else.
 */
const google: ProtoFile = {
  name: "google.proto",
  text: `
syntax = "proto3";

package google.protobuf;

// Any message, with the URL of its type.
message Any {
  // Full name of the type after a slash: "type.googleapis.com/google.rpc.BadRequest".
  string type_url = 1;
  // The message, serialized.
  bytes value = 2;
}

// A length of time. Both parts have the same sign.
message Duration {
  // Whole seconds: -315,576,000,000 to 315,576,000,000.
  int64 seconds = 1;
  // The rest, in nanoseconds: -999,999,999 to 999,999,999.
  int32 nanos = 2;
}

// A point in time, from the year 1 to the year 9999.
message Timestamp {
  // Whole seconds since 1970-01-01T00:00:00Z; negative before it.
  int64 seconds = 1;
  // The rest, in nanoseconds, counting forward: 0 to 999,999,999.
  int32 nanos = 2;
}
`,
};

/** All types and services of the contract; each knows the file it stands in. */
export const schema: Root = parseFiles([google, ...protoFiles]);

/** One Root of `files`, its references resolved. */
export function parseFiles(files: readonly ProtoFile[]): Root {
  const root = new protobuf.Root();
  // The parser takes the name of the file from here; its types leave it out.
  const parser: { filename?: string } = protobuf.parse as object;
  for (const { name, text } of files) {
    parser.filename = name;
    protobuf.parse(text, root, { alternateCommentMode: true });
  }
  root.resolveAll();
  return root;
}

/**
 * Every `.proto` of this folder, parsed once into one protobufjs Root: what codecs, services and
 * the generator work from.
 */
import protobuf from "protobufjs";
import type { Root } from "protobufjs";
import backup from "./backup.proto" with { type: "text" };
import checkpoint from "./checkpoint.proto" with { type: "text" };
import common from "./common.proto" with { type: "text" };
import health from "./health.proto" with { type: "text" };
import lookup from "./lookup.proto" with { type: "text" };
import registry from "./registry.proto" with { type: "text" };
import router from "./router.proto" with { type: "text" };
import sidecar from "./sidecar.proto" with { type: "text" };
import sink from "./sink.proto" with { type: "text" };
import source from "./source.proto" with { type: "text" };
import status from "./status.proto" with { type: "text" };
import transform from "./transform.proto" with { type: "text" };

/** The texts of the files, by name. */
export const protoTexts: { readonly [name: string]: string } = {
  "backup.proto": backup,
  "checkpoint.proto": checkpoint,
  "common.proto": common,
  "health.proto": health,
  "lookup.proto": lookup,
  "registry.proto": registry,
  "router.proto": router,
  "sidecar.proto": sidecar,
  "sink.proto": sink,
  "source.proto": source,
  "status.proto": status,
  "transform.proto": transform,
};

/** protobufjs brings these along too, but names their fields otherwise than it names all others. */
const wellKnownTypes = `
syntax = "proto3";

package google.protobuf;

/* Any message, with the URL of its type. */
message Any {
  /* Full name of the type behind a slash: "type.googleapis.com/google.rpc.BadRequest". */
  string type_url = 1;
  /* The message, serialized. */
  bytes value = 2;
}

/* A length of time; both parts have the same sign. */
message Duration {
  /* Whole seconds. */
  int64 seconds = 1;
  /* The rest, in nanoseconds: less than one second. */
  int32 nanos = 2;
}

/* A point in time. */
message Timestamp {
  /* Whole seconds since 1970-01-01T00:00:00Z. */
  int64 seconds = 1;
  /* The rest, in nanoseconds, counting forward: 0 to 999,999,999. */
  int32 nanos = 2;
}
`;

/** All types and services of the wire contract. */
export const schema: Root = parseAll();

function parseAll(): Root {
  const root = new protobuf.Root();
  protobuf.parse(wellKnownTypes, root, { alternateCommentMode: true });
  for (const [name, text] of Object.entries(protoTexts)) {
    // Read by the parser, and kept in every object: which file it stands in.
    (protobuf.parse as unknown as { filename: string }).filename = name;
    protobuf.parse(text, root, { alternateCommentMode: true });
  }
  root.resolveAll();
  return root;
}

/**
 * Server reflection over the descriptors that protoc made of the wire contract, for grpcurl and its
 * like. Own code because the npm package brings 25 MB, an old proto loader and file reads along; what
 * it would save is one stream over a committed descriptor set.
 */
import { descriptorSetBase64 } from "../../proto/descriptor_set.ts";
import type {
  ServerReflectionMethods,
  ServerReflectionRequest,
  ServerReflectionResponse,
} from "../../proto/messages/reflection.ts";
import type { MessageInit } from "../../proto/codec.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { WireReader } from "../../proto/wire.ts";
import { schema } from "../../proto/schema.ts";
import { Code } from "../errors.ts";
import type { Handlers } from "./handler.ts";

/** Both versions of the reflection service; older tools know only the second. */
export const reflectionServices: readonly Service<ServerReflectionMethods>[] = [
  serviceOf("grpc.reflection.v1.ServerReflection"),
  serviceOf("grpc.reflection.v1alpha.ServerReflection"),
];

/** The handlers of reflection for a server with these services. */
export function reflectionHandlers(
  services: readonly string[],
): Handlers<ServerReflectionMethods> {
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield {
          validHost: request.host,
          originalRequest: request,
          ...answer(request, services),
        };
      }
    },
  };
}

function answer(
  request: ServerReflectionRequest,
  services: readonly string[],
): MessageInit<ServerReflectionResponse> {
  const { fileByFilename, fileContainingSymbol, listServices } = request;
  if (listServices !== undefined) {
    return {
      listServicesResponse: { service: services.map((name) => ({ name })) },
    };
  }
  const file = fileByFilename ??
    (fileContainingSymbol === undefined
      ? undefined
      : fileOf(fileContainingSymbol));
  if (file === undefined || !descriptors().has(file)) {
    const asked = fileByFilename ?? fileContainingSymbol ?? "an extension";
    return {
      errorResponse: {
        errorCode: Code.NotFound,
        errorMessage:
          `Cannot find "${asked}" among the descriptors of this server`,
      },
    };
  }
  return { fileDescriptorResponse: { fileDescriptorProto: withImports(file) } };
}

/** A descriptor, and the names of the files it imports. */
interface FileDescriptor {
  readonly bytes: Uint8Array;
  readonly imports: readonly string[];
}

let read: ReadonlyMap<string, FileDescriptor> | undefined;

/** The descriptors by file name, read when first asked for. */
function descriptors(): ReadonlyMap<string, FileDescriptor> {
  return read ??= readDescriptors();
}

function readDescriptors(): Map<string, FileDescriptor> {
  const files = new Map<string, FileDescriptor>();
  // Field 1 of google.protobuf.FileDescriptorSet: its files.
  const set = new WireReader(Uint8Array.fromBase64(descriptorSetBase64));
  while (set.pos < set.end) {
    set.tag();
    const bytes = set.bytes();
    const imports: string[] = [];
    let name = "";
    const file = new WireReader(bytes);
    while (file.pos < file.end) {
      const tag = file.tag();
      // Fields 1 and 3 of google.protobuf.FileDescriptorProto: name and dependency.
      if (tag >>> 3 === 1) name = file.string();
      else if (tag >>> 3 === 3) imports.push(file.string());
      else file.skip(tag & 7, tag >>> 3);
    }
    files.set(name, { bytes, imports });
  }
  return files;
}

/** The file that declares a service, method, message or field. */
function fileOf(symbol: string): string | undefined {
  for (
    let name = symbol;
    name !== "";
    name = name.slice(0, Math.max(0, name.lastIndexOf(".")))
  ) {
    const found = schema.lookup(name);
    if (!found) continue;
    if (found.fullName !== `.${name}`) continue;
    if (found.fullName.startsWith(".google.protobuf.")) {
      return `google/protobuf/${found.name.toLowerCase()}.proto`;
    }
    return found.filename ?? undefined;
  }
  return undefined;
}

function withImports(first: string): Uint8Array[] {
  const names = new Set([first]);
  // A set is iterated in the order of insertion, what is added meanwhile included.
  for (const name of names) {
    for (const imported of descriptors().get(name)?.imports ?? []) {
      names.add(imported);
    }
  }
  return [...names].map((name) => descriptors().get(name)!.bytes);
}

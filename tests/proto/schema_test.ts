/**
 * The schema against tables that were not made from it: the contract as the
 * design states it (tests/fixtures/wire_contract.txt), and the standard
 * services and types as their specifications do.
 */
import { assert, assertEquals } from "@std/assert";
import protobuf, {
  Enum,
  type Field,
  MapField,
  type Method,
  Namespace,
  OneOf,
  type ReflectionObject,
  Service,
  Type,
} from "protobufjs";
import { parseFiles, protoFiles, schema } from "../../proto/schema.ts";

const contract = new URL("../fixtures/wire_contract.txt", import.meta.url);

/** Facts about the standard services, in the form of wire_contract.txt. */
const standardFacts = `\
service grpc.health.v1.Health
rpc grpc.health.v1.Health Check grpc.health.v1.HealthCheckRequest -> grpc.health.v1.HealthCheckResponse
rpc grpc.health.v1.Health List grpc.health.v1.HealthListRequest -> grpc.health.v1.HealthListResponse
rpc grpc.health.v1.Health Watch grpc.health.v1.HealthCheckRequest -> stream grpc.health.v1.HealthCheckResponse
message grpc.health.v1.HealthCheckRequest
field grpc.health.v1.HealthCheckRequest 1 service string
message grpc.health.v1.HealthCheckResponse
enum grpc.health.v1.HealthCheckResponse.ServingStatus
value grpc.health.v1.HealthCheckResponse.ServingStatus 0 UNKNOWN
value grpc.health.v1.HealthCheckResponse.ServingStatus 1 SERVING
value grpc.health.v1.HealthCheckResponse.ServingStatus 2 NOT_SERVING
value grpc.health.v1.HealthCheckResponse.ServingStatus 3 SERVICE_UNKNOWN
field grpc.health.v1.HealthCheckResponse 1 status grpc.health.v1.HealthCheckResponse.ServingStatus
message grpc.health.v1.HealthListRequest
message grpc.health.v1.HealthListResponse
field grpc.health.v1.HealthListResponse 1 statuses map<string, grpc.health.v1.HealthCheckResponse>
service grpc.reflection.v1.ServerReflection
rpc grpc.reflection.v1.ServerReflection ServerReflectionInfo stream grpc.reflection.v1.ServerReflectionRequest -> stream grpc.reflection.v1.ServerReflectionResponse
message grpc.reflection.v1.ServerReflectionRequest
field grpc.reflection.v1.ServerReflectionRequest 1 host string
field grpc.reflection.v1.ServerReflectionRequest 3 file_by_filename string oneof message_request
field grpc.reflection.v1.ServerReflectionRequest 4 file_containing_symbol string oneof message_request
field grpc.reflection.v1.ServerReflectionRequest 5 file_containing_extension grpc.reflection.v1.ExtensionRequest oneof message_request
field grpc.reflection.v1.ServerReflectionRequest 6 all_extension_numbers_of_type string oneof message_request
field grpc.reflection.v1.ServerReflectionRequest 7 list_services string oneof message_request
message grpc.reflection.v1.ExtensionRequest
field grpc.reflection.v1.ExtensionRequest 1 containing_type string
field grpc.reflection.v1.ExtensionRequest 2 extension_number int32
message grpc.reflection.v1.ServerReflectionResponse
field grpc.reflection.v1.ServerReflectionResponse 1 valid_host string
field grpc.reflection.v1.ServerReflectionResponse 2 original_request grpc.reflection.v1.ServerReflectionRequest
field grpc.reflection.v1.ServerReflectionResponse 4 file_descriptor_response grpc.reflection.v1.FileDescriptorResponse oneof message_response
field grpc.reflection.v1.ServerReflectionResponse 5 all_extension_numbers_response grpc.reflection.v1.ExtensionNumberResponse oneof message_response
field grpc.reflection.v1.ServerReflectionResponse 6 list_services_response grpc.reflection.v1.ListServiceResponse oneof message_response
field grpc.reflection.v1.ServerReflectionResponse 7 error_response grpc.reflection.v1.ErrorResponse oneof message_response
message grpc.reflection.v1.FileDescriptorResponse
field grpc.reflection.v1.FileDescriptorResponse 1 file_descriptor_proto repeated bytes
message grpc.reflection.v1.ExtensionNumberResponse
field grpc.reflection.v1.ExtensionNumberResponse 1 base_type_name string
field grpc.reflection.v1.ExtensionNumberResponse 2 extension_number repeated int32
message grpc.reflection.v1.ListServiceResponse
field grpc.reflection.v1.ListServiceResponse 1 service repeated grpc.reflection.v1.ServiceResponse
message grpc.reflection.v1.ServiceResponse
field grpc.reflection.v1.ServiceResponse 1 name string
message grpc.reflection.v1.ErrorResponse
field grpc.reflection.v1.ErrorResponse 1 error_code int32
field grpc.reflection.v1.ErrorResponse 2 error_message string
message google.rpc.Status
field google.rpc.Status 1 code int32
field google.rpc.Status 2 message string
field google.rpc.Status 3 details repeated google.protobuf.Any
message google.rpc.BadRequest
message google.rpc.BadRequest.FieldViolation
field google.rpc.BadRequest.FieldViolation 1 field string
field google.rpc.BadRequest.FieldViolation 2 description string
field google.rpc.BadRequest 1 field_violations repeated google.rpc.BadRequest.FieldViolation
message google.rpc.RetryInfo
field google.rpc.RetryInfo 1 retry_delay google.protobuf.Duration
`;

Deno.test("schema has every fact of the wire contract", () => {
  const facts = linesOf(Deno.readTextFileSync(contract));
  assert(facts.length > 800, `only ${facts.length} facts were read`);
  const found = new Set(factsOf(schema));
  assertEquals(facts.filter((fact) => !found.has(fact)), []);
});

Deno.test("schema adds nothing to the wire contract but what it leaves open", () => {
  const facts = new Set(linesOf(Deno.readTextFileSync(contract)));
  const added = factsOf(schema.lookup("conveyor") as Namespace)
    .filter((fact) => !facts.has(fact))
    .map((fact) => fact.split(" ")[1]!)
    // What nodes say to each other, and keep in their log, is left to them.
    .filter((name) => !/^conveyor\.(cluster|state)\./.test(name));
  // The messages of DeadLetters are described in words only.
  assertEquals([...new Set(added)].sort(), [
    "conveyor.router.DeadLetterCount",
    "conveyor.router.DeadLetterFilter",
    "conveyor.router.DeadLetterStats",
    "conveyor.router.DeadLetterStatsRequest",
    "conveyor.router.DiscardDeadLettersRequest",
    "conveyor.router.DiscardResult",
    "conveyor.router.GetDeadLetterRequest",
    "conveyor.router.ListDeadLettersRequest",
    "conveyor.router.ReplayDeadLettersRequest",
    "conveyor.router.ReplayResult",
    "conveyor.router.ReplayStatus",
    // The partitions that one node of several pulls.
    "conveyor.source.PullRequest",
  ]);
});

Deno.test("schema has the standard services as they are specified", () => {
  const own = ["grpc.health", "grpc.reflection.v1", "google.rpc"]
    .flatMap((name) => factsOf(schema.lookup(name) as Namespace));
  assertEquals(own.sort(), linesOf(standardFacts).sort());
});

Deno.test("schema has reflection v1alpha like v1 when the package's name is left aside", () => {
  const [v1, v1alpha] = ["grpc.reflection.v1", "grpc.reflection.v1alpha"]
    .map((name) => factsOf(schema.lookup(name) as Namespace));
  assertEquals(
    v1alpha!.map((fact) => fact.replaceAll("v1alpha", "v1")),
    v1!,
  );
});

for (const name of ["any", "duration", "timestamp"]) {
  Deno.test(`schema has google.protobuf's ${name} as protobufjs has it`, () => {
    const bundled = protobuf.Root.fromJSON(
      protobuf.common.get(`google/protobuf/${name}.proto`)!,
    ).resolveAll();
    const found = new Set(factsOf(schema));
    for (const fact of factsOf(bundled)) assert(found.has(fact), fact);
  });
}

Deno.test("schema has a comment on every service, method, message, field and enum value", () => {
  const bare = allObjects(schema).flatMap((object): string[] => {
    const name = object.fullName;
    const parts: [string, string | null | undefined][] = [[
      name,
      object.comment,
    ]];
    if (object instanceof Type) parts.push(...comments(object.fieldsArray));
    if (object instanceof Service) {
      parts.push(...comments(object.methodsArray));
    }
    if (object instanceof Enum) {
      for (const value of Object.keys(object.values)) {
        parts.push([`${name}.${value}`, object.comments[value]]);
      }
    }
    return parts.filter(([, comment]) => !comment).map(([name]) => name);
  });
  assertEquals(bare, []);
});

Deno.test("protoFiles holds every .proto of the folder, by its name", () => {
  const folder = new URL("../../proto/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".proto"));
  assertEquals(protoFiles.map(({ name }) => name), names.sort());
  for (const { name, text } of protoFiles) {
    assertEquals(text, Deno.readTextFileSync(new URL(name, folder)));
  }
});

Deno.test("parseFiles() marks each type with its file and resolves over files", () => {
  const root = parseFiles([
    {
      name: "a.proto",
      text: 'syntax = "proto3"; package a; message A { b.B b_field = 7; }',
    },
    {
      name: "b.proto",
      text: 'syntax = "proto3"; package b; message B {}',
    },
  ]);
  const a = root.lookupType("a.A");
  assertEquals(a.filename, "a.proto");
  assertEquals(a.fields["bField"]?.id, 7);
  assertEquals(a.fields["bField"]?.resolvedType, root.lookupType("b.B"));
  assertEquals(root.lookupType("b.B").filename, "b.proto");
});

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && line[0] !== "#");
}

/** All that is nested in a namespace, to any depth, but not the packages. */
function allObjects(namespace: Namespace): ReflectionObject[] {
  return namespace.nestedArray.flatMap((object) => {
    const inner = object instanceof Namespace ? allObjects(object) : [];
    return object instanceof Type || object instanceof Service ||
        object instanceof Enum
      ? [object, ...inner]
      : inner;
  });
}

function comments(
  objects: readonly (Field | Method)[],
): [string, string | null][] {
  return objects.map(({ fullName, comment }) => [fullName, comment]);
}

/** What is in a namespace, in the form of wire_contract.txt. */
function factsOf(namespace: Namespace): string[] {
  return allObjects(namespace).flatMap((object) => {
    const name = fullName(object);
    if (object instanceof Type) {
      return [
        `message ${name}`,
        ...object.fieldsArray.map((field) => `field ${name} ${fact(field)}`),
      ];
    }
    if (object instanceof Enum) {
      return [
        `enum ${name}`,
        ...Object.entries(object.values).map(([value, number]) =>
          `value ${name} ${number} ${value}`
        ),
      ];
    }
    const methods = (object as Service).methodsArray.map((method) =>
      `rpc ${name} ${method.name} ${
        side(method.requestStream, method.resolvedRequestType)
      } -> ${side(method.responseStream, method.resolvedResponseType)}`
    );
    return [`service ${name}`, ...methods];
  });
}

function fact(field: Field): string {
  const name = snake(field.name);
  const value = field.resolvedType ? fullName(field.resolvedType) : field.type;
  const type = field instanceof MapField
    ? `map<${field.keyType}, ${value}>`
    : value;
  const oneof = field.partOf instanceof OneOf ? field.partOf : undefined;
  // An optional field is alone in a oneof of the parser's making.
  const optional = oneof?.name.startsWith("_") ?? false;
  const label = field.repeated && !(field instanceof MapField)
    ? "repeated "
    : optional
    ? "optional "
    : "";
  const inOneof = oneof && !optional ? ` oneof ${snake(oneof.name)}` : "";
  return `${field.id} ${name} ${label}${type}${inOneof}`;
}

function side(stream: boolean | undefined, type: Type | null): string {
  return `${stream ? "stream " : ""}${type ? fullName(type) : "?"}`;
}

function fullName(object: ReflectionObject): string {
  return object.fullName.slice(1);
}

function snake(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

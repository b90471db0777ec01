/** The commands about snapshots of what routers replicate. The first router that is named keeps them. */
import { Code, ConveyorError } from "../../lib/errors.ts";
import { schema } from "../../proto/schema.ts";
import type { Call } from "./command.ts";
import { readBytes, writeBytes } from "./files.ts";
import { writeTimestamp } from "./form_times.ts";
import { type Column, fieldAt, rowsOf } from "./output.ts";
import { writeForm } from "./write_form.ts";

const snapshotType = schema.lookupType("conveyor.backup.SnapshotInfo");

const columns: readonly Column[] = [
  ["ID", "snapshot_id"],
  ["BYTES", "size_bytes"],
  [
    "CREATED",
    (form) =>
      writeTimestamp({
        seconds: fieldAt(form, "created_at") as bigint,
        nanos: 0,
      }),
  ],
];

export async function create({ session, say, words }: Call): Promise<void> {
  await using backups = await session.backups();
  const { snapshotId, sizeBytes } = await backups.create(words[0]);
  say(`snapshot "${snapshotId}" created, of ${sizeBytes} bytes`);
}

export async function list({ session, show }: Call): Promise<void> {
  await using backups = await session.backups();
  const found = await backups.list();
  const forms = found.map((each) => writeForm(snapshotType, each, true));
  show({ forms, table: () => rowsOf(columns, forms) });
}

/** Puts a snapshot, that the router keeps or that is in a file, in place of the state of the cluster. */
export async function restore(
  { session, say, words, flags }: Call,
): Promise<void> {
  const file = flags.text("file");
  const [named] = words;
  if ((named === undefined) === (file === undefined)) {
    throw new ConveyorError(
      Code.InvalidArgument,
      "Cannot restore a snapshot: say which, either by its ID or by --file",
    );
  }
  await using backups = await session.backups();
  const id = named ?? await backups.upload(readBytes(file!));
  if (flags.isSet("dry-run")) {
    await backups.validate(id);
    say(`snapshot "${id}" can be restored`);
  } else {
    await backups.restore(id);
    say(`snapshot "${id}" restored`);
  }
}

export async function remove({ session, say, words }: Call): Promise<void> {
  const id = words[0]!;
  await using backups = await session.backups();
  if (!await backups.delete(id)) {
    throw new ConveyorError(Code.NotFound, `There is no snapshot "${id}"`);
  }
  say(`snapshot "${id}" deleted`);
}

export async function download(
  { session, say, words }: Call,
): Promise<void> {
  const [id, path] = [words[0]!, words[1]!];
  await using backups = await session.backups();
  await writeBytes(path, backups.download(id));
  say(`snapshot "${id}" written to ${path}`);
}

/** What a command found, as the text that it prints. */
import { stringify } from "yaml";
import type { Form } from "./write_form.ts";

/** The forms in which things are printed. */
export const outputs = ["table", "json", "yaml"] as const;
export type Output = typeof outputs[number];

/** Things that a command found. */
export interface Findings {
  /** One thing, or any number of them. */
  readonly forms: Form | readonly Form[];
  /** Heads of the columns, and the cells below. */
  readonly table: () => readonly (readonly string[])[];
}

/** The text of `found`; lists are an array in JSON and a document each in YAML. */
export function render(output: Output, { forms, table }: Findings): string {
  switch (output) {
    case "table":
      return tableOf(table());
    case "json":
      return escaped(`${JSON.stringify(forms, wideAsText, 2)}\n`);
    case "yaml":
      return escaped(
        (Array.isArray(forms) ? forms : [forms])
          .map((form) => stringify(form, { lineWidth: 0 })).join("---\n"),
      );
    default:
      return output satisfies never;
  }
}

/** The head of a column, and the field of a thing that stands in it, or what makes a text of the thing. */
export type Column = readonly [
  head: string,
  content: string | ((form: Form) => Form | undefined),
];

/** A table of things, with a row for each. */
export function rowsOf(
  columns: readonly Column[],
  forms: readonly Form[],
): string[][] {
  return [
    columns.map(([head]) => head),
    ...forms.map((form) =>
      columns.map(([, content]) =>
        cellOf(
          typeof content === "string" ? fieldAt(form, content) : content(form),
        )
      )
    ),
  ];
}

/** The field of this path in a thing: "identity.name". */
export function fieldAt(form: Form, path: string): Form | undefined {
  return path.split(".").reduce<Form | undefined>(
    (inner, name) =>
      typeof inner === "object"
        ? (inner as { readonly [name: string]: Form })[name]
        : undefined,
    form,
  );
}

function cellOf(value: Form | undefined): string {
  if (Array.isArray(value)) return cellOf(value.map(cellOf).join(","));
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = value === undefined ? "" : `${value}`;
  return text === "" ? "-" : text;
}

/** Columns under their heads, two spaces apart. A cell is on one line. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => printable(cell).replaceAll("\n", " "))
  );
  const widths = cells[0]!.map((_, at) =>
    cells.reduce((most, row) => Math.max(most, widthOf(row[at]!)), 0)
  );
  const padded = (cell: string, at: number): string =>
    cell + " ".repeat(widths[at]! - widthOf(cell));
  return cells.map((row) => `${row.map(padded).join("  ").trimEnd()}\n`)
    .join("");
}

/** `text` without what would control a terminal; only the ends of its lines are left. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is meant
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]+/g, " ");
}

/** Of the characters that control a terminal, those that JSON and YAML leave as they are, in quotes. */
function escaped(text: string): string {
  return text.replace(
    /[\x7f-\x9f]/g,
    (each) => `\\u00${each.charCodeAt(0).toString(16)}`,
  );
}

/** Columns of a terminal that `text` takes: two for each wide character, one for what is composed. */
function widthOf(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  return [...graphemes.segment(text)]
    .reduce((width, { segment }) => width + (wide.test(segment) ? 2 : 1), 0);
}

const graphemes = new Intl.Segmenter();
const wide =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;

/** Integers of 64 bits are texts in the JSON of protobuf: most readers would round them. */
function wideAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

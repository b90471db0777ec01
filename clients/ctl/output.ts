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
      return `${JSON.stringify(forms, wideAsText, 2)}\n`;
    case "yaml":
      return (Array.isArray(forms) ? forms : [forms])
        .map((form) => stringify(form, { lineWidth: 0 })).join("---\n");
    default:
      return output satisfies never;
  }
}

/** Columns under their heads, two spaces apart. A cell is on one line. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(oneLine));
  const widths = cells[0]!.map((_, at) =>
    Math.max(...cells.map((row) => row[at]!.length))
  );
  return cells.map((row) =>
    `${row.map((cell, at) => cell.padEnd(widths[at]!)).join("  ").trimEnd()}\n`
  ).join("");
}

/** What controls a terminal would be obeyed by it. */
function oneLine(cell: string): string {
  // deno-lint-ignore no-control-regex -- these are what is meant
  return cell.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ");
}

/** Integers of 64 bits are texts in the JSON of protobuf: most readers would round them. */
function wideAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

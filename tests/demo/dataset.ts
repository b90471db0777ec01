/**
 * Real data for the demo: 20,000 flights within the USA and the airports they use, from the npm
 * package vega-datasets. Some rows are spoilt on purpose, as rows are in life.
 */

// Imported for the sake of its data: the runtime then fetches the package, and knows where it is.
import "vega-datasets";

/** A flight as the file has it. */
export interface Flight {
  readonly date: string;
  /** Minutes; negative when it was early. */
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** An airport. */
export interface Airport {
  readonly name: string;
  readonly city: string;
  readonly state: string;
}

/** One row in so many is cut short. */
const spoiltEach = 1_000;

/** The rows of the flights file as text, some of them spoilt. */
export async function flightRows(): Promise<readonly string[]> {
  const flights = JSON.parse(await read("flights-20k.json")) as Flight[];
  return flights.map((flight, at) => {
    const row = JSON.stringify(flight);
    return at % spoiltEach === spoiltEach / 2 ? row.slice(0, 40) : row;
  });
}

/** The airports by their three letters. */
export async function airports(): Promise<ReadonlyMap<string, Airport>> {
  const [, ...lines] = (await read("airports.csv")).trim().split("\n");
  return new Map(lines.map((line) => {
    const [iata, name, city, state] = fields(line);
    return [iata!, { name: name!, city: city!, state: state! }];
  }));
}

/** Over 60,000 rows of real data, each on one line: the flights, and the postal codes of the USA. */
export async function manyRows(): Promise<readonly string[]> {
  const codes = (await read("zipcodes.csv")).trim().split("\n").slice(1);
  return [...await flightRows(), ...codes.map((code) => code.trim())];
}

/** The flight in a row; throws when it is spoilt. */
export function parseFlight(row: string): Flight {
  const flight = JSON.parse(row) as Flight;
  if (typeof flight.origin !== "string" || !Number.isFinite(flight.delay)) {
    throw new TypeError("a flight has an origin and a delay");
  }
  return flight;
}

async function read(file: string): Promise<string> {
  // The package's entry is build/index.js, and the data is not among what it exports.
  const data = new URL("../data/", import.meta.resolve("vega-datasets"));
  return await Deno.readTextFile(new URL(file, data));
}

/** The fields of a line of CSV, in which some are quoted. */
function fields(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, field]) =>
    field!.startsWith('"') ? field!.slice(1, -1).replaceAll('""', '"') : field!
  );
}

import type { Calls } from "./calls.ts";

/** The methods of a service, in an order that matters. */
export interface Walk {
  readonly title: string;
  /** Through one node; what has to be seen everywhere is looked at through another. `name` is its own. */
  readonly run: (here: Calls, there: Calls, name: string) => Promise<void>;
}

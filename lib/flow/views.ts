/**
 * Views to be used again: their columns are the largest part of what a batch would allocate. A view
 * that has grown with a huge batch is let go.
 */
import { viewRecordsKept, viewsKeptMax } from "../limits.ts";
import { LookupResultView } from "../../proto/lookup_result_view.ts";
import { RelayAckView } from "../../proto/relay_ack_view.ts";
import { RecordView } from "../../proto/record_view.ts";
import { TransformResultView } from "../../proto/transform_result_view.ts";
import { WriteResultView } from "../../proto/write_result_view.ts";

const empty: Uint8Array = new Uint8Array(0);

interface Reusable {
  readonly count: number;
  reset(bytes: Uint8Array): unknown;
}

class Pool<View extends Reusable> {
  readonly #make: () => View;
  readonly #kept: View[] = [];

  constructor(make: () => View) {
    this.#make = make;
  }

  take(): View {
    return this.#kept.pop() ?? this.#make();
  }

  /** Takes back a view that held so many records. */
  give(view: View, records: number = view.count): void {
    if (this.#kept.length >= viewsKeptMax || records > viewRecordsKept) return;
    view.reset(empty);
    this.#kept.push(view);
  }
}

/** The views of one flow. */
export class Views {
  readonly records: Pool<RecordView> = new Pool(() => new RecordView());
  readonly transforms: Pool<TransformResultView> = new Pool(() =>
    new TransformResultView()
  );
  readonly lookups: Pool<LookupResultView> = new Pool(() =>
    new LookupResultView()
  );
  readonly relays: Pool<RelayAckView> = new Pool(() => new RelayAckView());
  readonly writes: Pool<WriteResultView> = new Pool(() =>
    new WriteResultView()
  );
}

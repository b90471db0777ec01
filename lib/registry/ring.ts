/**
 * A ring of hashes: a key belongs to the first point at or after its hash. Each instance has points
 * in proportion to its weight, so that when one comes or goes only the keys next to its points move.
 */
import { ringPointsPerWeight, ringWeightMax } from "../limits.ts";
import { hashPair, hashText } from "./rendezvous.ts";

/** What has points on the ring. */
export interface RingMember {
  readonly id: string;
  /** 0 is the same as 1. */
  readonly weight: number;
}

/** The ring. */
export class Ring<M extends RingMember> {
  readonly #points: Uint32Array;
  /** The member of each point. */
  readonly #members: readonly M[];

  constructor(members: readonly M[]) {
    const points = members.flatMap((member) => {
      const hash = hashText(member.id);
      const weight = Math.min(Math.max(member.weight, 1), ringWeightMax);
      return Array.from(
        { length: weight * ringPointsPerWeight },
        (_, i) => ({ point: hashPair(hash, i), member }),
      );
    });
    // Where two have the same point, the order of ids decides.
    points.sort((a, b) =>
      a.point - b.point || (a.member.id < b.member.id ? -1 : 1)
    );
    this.#points = Uint32Array.from(points, ({ point }) => point);
    this.#members = points.map(({ member }) => member);
  }

  /** The member that has the keys of that hash; undefined when there is none. */
  at(hash: number): M | undefined {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#points[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return this.#members[low < this.#points.length ? low : 0];
  }
}

/**
 * What can be told of a directed graph whose nodes are the integers from 0: `next[a]` are the nodes
 * that edges lead to from node a. Every answer is in a fixed order, so that equal graphs give equal
 * messages.
 */

/** The nodes that can be reached from `starts`, these included. */
export function reachable(
  next: readonly (readonly number[])[],
  starts: readonly number[],
): ReadonlySet<number> {
  const found = new Set(starts);
  // A Set goes on with what is added while it is walked.
  for (const node of found) {
    for (const other of next[node]!) found.add(other);
  }
  return found;
}

/** The same graph with every edge turned round. */
export function reversed(next: readonly (readonly number[])[]): number[][] {
  const back: number[][] = next.map(() => []);
  next.forEach((others, node) => {
    for (const other of others) back[other]!.push(node);
  });
  return back;
}

/** All nodes, each after those that lead to it; undefined when there is a cycle. */
export function topologicalOrder(
  next: readonly (readonly number[])[],
): number[] | undefined {
  const before = next.map(() => 0);
  for (const other of next.flat()) before[other]!++;
  const order: number[] = [];
  before.forEach((count, node) => {
    if (count === 0) order.push(node);
  });
  for (const node of order) {
    for (const other of next[node]!) {
      if (--before[other]! === 0) order.push(other);
    }
  }
  return order.length === next.length ? order : undefined;
}

/**
 * Cycles, each as its nodes in order, the first not repeated at the end. No node is in two of them,
 * and there is one at least wherever nodes lead to themselves: who breaks these may find more.
 */
export function cycles(next: readonly (readonly number[])[]): number[][] {
  const found: number[][] = [];
  const done = new Set<number>();
  const told = new Set<number>();
  for (let start = 0; start < next.length; start++) {
    // The way from `start`, and how many edges have been tried at each node of it.
    const way: number[] = done.has(start) ? [] : [start];
    const tried: number[] = [0];
    while (way.length > 0) {
      const at = way.length - 1;
      const node = way[at]!;
      const other = next[node]![tried[at]!++];
      if (other === undefined) {
        done.add(node);
        way.pop();
        tried.pop();
        continue;
      }
      const from = way.indexOf(other);
      if (from >= 0) {
        const cycle = way.slice(from);
        if (!cycle.some((each) => told.has(each))) {
          cycle.forEach((each) => told.add(each));
          found.push(cycle);
        }
      } else if (!done.has(other)) {
        way.push(other);
        tried.push(0);
      }
    }
  }
  return found;
}

/**
 * Where the modules of the service graph are drawn: in columns, each module
 * right of everything it needs. Lines that pass a column get a slot of their own
 * there, so that none runs behind a module that it has nothing to do with.
 *
 * After Sugiyama, Tagawa and Toda, "Methods for visual understanding of
 * hierarchical system structures" (1981), for a few dozen modules.
 *
 * @module
 */

/** What the layout asks of a module. */
export interface GraphNode {
  readonly name: string;
  readonly needs: readonly string[];
}

/** A place: the middle of a slot, in columns from the left and rows from the top. */
export interface Place {
  readonly column: number;
  readonly row: number;
}

/** A module and its place. */
export interface Placed<T extends GraphNode> extends Place {
  readonly node: T;
}

/** A line from what is needed to who needs it, through slots in between. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** At least two: both ends, and one for each column between them. */
  readonly points: readonly Place[];
}

/** A drawn graph, in columns and rows. */
export interface GraphLayout<T extends GraphNode> {
  readonly placed: readonly Placed<T>[];
  readonly edges: readonly GraphEdge[];
  readonly columns: number;
  readonly rows: number;
}

/** Something that takes room in a column: a module, or a line that passes. */
interface Slot {
  readonly id: string;
  readonly height: number;
  readonly before: Slot[];
  readonly after: Slot[];
  row: number;
}

/** Room for a line that passes, in rows. */
const PASSING = 0.4;
const SWEEPS = 6;

/**
 * Lays a graph out. Needs that are not among the nodes are left out, and so are
 * lines that others imply; a circle of needs is cut somewhere.
 */
export function layoutGraph<T extends GraphNode>(
  nodes: readonly T[],
): GraphLayout<T> {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const columnOf = columnsOf(nodes, byName);
  const columns: Slot[][] = [];
  const slots = new Map<string, Slot>();
  const add = (column: number, id: string, height: number): Slot => {
    const slot = { id, height, before: [], after: [], row: 0 };
    (columns[column] ??= []).push(slot);
    return slot;
  };
  for (const node of nodes) {
    slots.set(node.name, add(columnOf.get(node.name) ?? 0, node.name, 1));
  }
  const chains = nodes.flatMap((node) =>
    directNeeds(node, byName).flatMap((from) => {
      const first = columnOf.get(from) ?? 0;
      const last = columnOf.get(node.name) ?? 0;
      const start = slots.get(from);
      const end = slots.get(node.name);
      if (first >= last || start === undefined || end === undefined) return [];
      const chain: Slot[] = [start];
      for (let column = first + 1; column < last; column++) {
        chain.push(add(column, `${from}>${node.name}`, PASSING));
      }
      chain.push(end);
      chain.forEach((slot, at) => {
        const next = chain[at + 1];
        if (next === undefined) return;
        slot.after.push(next);
        next.before.push(slot);
      });
      return [{ from, to: node.name, first, chain }];
    })
  );
  const rows = Math.max(0, ...columns.map(heightOf));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forward = sweep % 2 === 0;
    for (const column of forward ? columns : columns.toReversed()) {
      arrange(column, forward, rows);
    }
  }
  return {
    placed: nodes.map((node) => ({
      node,
      column: columnOf.get(node.name) ?? 0,
      row: slots.get(node.name)?.row ?? 0,
    })),
    edges: chains.map(({ from, to, first, chain }) => ({
      from,
      to,
      points: chain.map((slot, at) => ({ column: first + at, row: slot.row })),
    })),
    columns: columns.length,
    rows,
  };
}

function heightOf(column: readonly Slot[]): number {
  return column.reduce((sum, slot) => sum + slot.height, 0);
}

/** Orders a column by where its neighbours on one side are, and centres it. */
function arrange(column: Slot[], forward: boolean, rows: number): void {
  const pull = new Map(column.map((slot) => {
    const near = forward ? slot.before : slot.after;
    return [
      slot,
      near.length === 0
        ? slot.row
        : near.reduce((sum, other) => sum + other.row, 0) / near.length,
    ];
  }));
  column.sort((a, b) => (pull.get(a) ?? 0) - (pull.get(b) ?? 0));
  let top = (rows - heightOf(column)) / 2;
  for (const slot of column) {
    slot.row = top + slot.height / 2;
    top += slot.height;
  }
}

/** The column of each node: one right of the rightmost of its needs. */
function columnsOf(
  nodes: readonly GraphNode[],
  byName: ReadonlyMap<string, GraphNode>,
): ReadonlyMap<string, number> {
  const columns = new Map<string, number>();
  const visit = (name: string, path: ReadonlySet<string>): number => {
    const known = columns.get(name);
    if (known !== undefined) return known;
    const longer = new Set(path).add(name);
    let column = 0;
    for (const need of byName.get(name)?.needs ?? []) {
      if (!byName.has(need) || longer.has(need)) continue;
      column = Math.max(column, visit(need, longer) + 1);
    }
    columns.set(name, column);
    return column;
  };
  for (const node of nodes) visit(node.name, new Set());
  return columns;
}

/** The needs of a node that no other of its needs has already. */
function directNeeds(
  node: GraphNode,
  byName: ReadonlyMap<string, GraphNode>,
): readonly string[] {
  const needs = [...new Set(node.needs)].filter((need) => byName.has(need));
  return needs.filter((need) =>
    !needs.some((other) => other !== need && reaches(other, need, byName))
  );
}

function reaches(
  from: string,
  to: string,
  byName: ReadonlyMap<string, GraphNode>,
): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const need of byName.get(name)?.needs ?? []) {
      if (need === to) return true;
      if (!seen.has(need)) {
        seen.add(need);
        open.push(need);
      }
    }
  }
  return false;
}

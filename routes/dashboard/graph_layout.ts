/**
 * Where the modules of the service graph are drawn: in columns, each module
 * right of everything it needs.
 *
 * @module
 */

/** What the layout asks of a module. */
export interface GraphNode {
  readonly name: string;
  readonly needs: readonly string[];
}

/** A module and its place. */
export interface Placed<T extends GraphNode> {
  readonly node: T;
  readonly column: number;
  /** Place in its column; columns are centred, so this can end in a half. */
  readonly row: number;
}

/** A line from what is needed to who needs it. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
}

/** A drawn graph, in columns and rows. */
export interface GraphLayout<T extends GraphNode> {
  readonly placed: readonly Placed<T>[];
  readonly edges: readonly GraphEdge[];
  readonly columns: number;
  readonly rows: number;
}

/**
 * Lays a graph out. Needs that are not among the nodes are left out, and so are
 * lines that others imply; a circle of needs ends in the first column.
 */
export function layoutGraph<T extends GraphNode>(
  nodes: readonly T[],
): GraphLayout<T> {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const column = new Map<string, number>();
  const columnOf = (name: string, path: readonly string[]): number => {
    const known = column.get(name);
    if (known !== undefined) return known;
    let place = 0;
    for (const need of byName.get(name)?.needs ?? []) {
      if (!byName.has(need) || path.includes(need)) continue;
      place = Math.max(place, columnOf(need, [...path, need]) + 1);
    }
    column.set(name, place);
    return place;
  };
  const columns: T[][] = [];
  for (const node of nodes) {
    (columns[columnOf(node.name, [node.name])] ??= []).push(node);
  }
  const rows = Math.max(0, ...columns.map((members) => members.length));

  const placed: Placed<T>[] = [];
  const row = new Map<string, number>();
  columns.forEach((members, at) => {
    const pull = new Map(
      members.map((node, index) => [node.name, meanRow(node, row) ?? index]),
    );
    const sorted = members.toSorted((a, b) =>
      (pull.get(a.name) ?? 0) - (pull.get(b.name) ?? 0)
    );
    sorted.forEach((node, index) => {
      const place = index + (rows - members.length) / 2;
      row.set(node.name, place);
      placed.push({ node, column: at, row: place });
    });
  });
  return {
    placed,
    edges: nodes.flatMap((node) =>
      directNeeds(node, byName).map((from) => ({ from, to: node.name }))
    ),
    columns: columns.length,
    rows,
  };
}

function meanRow(
  node: GraphNode,
  row: ReadonlyMap<string, number>,
): number | undefined {
  const rows = node.needs.flatMap((need) => row.get(need) ?? []);
  return rows.length === 0
    ? undefined
    : rows.reduce((sum, place) => sum + place, 0) / rows.length;
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

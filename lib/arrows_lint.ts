/**
 * The architecture as lint rules.
 *
 * `arrows/one-way`: a room imports only rooms of lower rank; types may also be
 * imported sideways. `arrows/pure-room`: rooms of rank 0 to 3 touch no Deno, no
 * node: module, no timer, no date, no random source. `arrows/commands-in-kernel`:
 * `Deno.Command` appears in lib/kernel only.
 *
 * The rank table is the one of lib/README.md.
 *
 * @module
 */

/** Rooms and their ranks; a folder missing here is an error, so a new room is a decision. */
export const RANKS: Readonly<Record<string, number>> = {
  "lib/base": 0,
  "lib/net": 1,
  "lib/cluster": 2,
  "lib/dataplane": 2,
  "lib/ipvs": 3,
  "lib/firewall": 3,
  "lib/bgp": 3,
  "lib/routing": 3,
  "lib/kernel": 4,
  "lib/watcher": 4,
  "lib/speaker": 4,
  "lib/observe": 4,
  "lib/agent": 5,
  "lib/cli": 6,
  "routes": 6,
};

const PURE_RANK = 3;

/** The room a file belongs to, or undefined outside the rooms (tests, main.ts). */
export function roomOf(path: string): string | undefined {
  const match = /(?:^|\/)(lib\/[a-z0-9_]+|routes)\//.exec(path);
  return match?.[1];
}

/** Resolves a relative import against the importing file, as a normalised slash path. */
export function resolveImport(fromFile: string, source: string): string {
  const parts = fromFile.split("/").slice(0, -1);
  for (const step of source.split("/")) {
    if (step === "..") parts.pop();
    else if (step !== ".") parts.push(step);
  }
  return parts.join("/");
}

/** Says what is wrong with one import, or undefined when the arrow is allowed. */
export function judgeImport(
  fromFile: string,
  source: string,
  typeOnly: boolean,
): string | undefined {
  const from = roomOf(fromFile);
  if (from === undefined) return undefined;
  const fromRank = RANKS[from];
  if (fromRank === undefined) {
    return `room "${from}" has no rank in lib/arrows_lint.ts`;
  }
  if (source.startsWith("node:") && fromRank <= PURE_RANK) {
    return `pure room "${from}" must not import ${source}`;
  }
  if (!source.startsWith(".")) return undefined;
  const to = roomOf(resolveImport(fromFile, source));
  if (to === undefined || to === from) return undefined;
  const toRank = RANKS[to];
  if (toRank === undefined) {
    return `room "${to}" has no rank in lib/arrows_lint.ts`;
  }
  if (toRank < fromRank || (typeOnly && toRank === fromRank)) return undefined;
  return `arrow points ${
    toRank === fromRank ? "sideways" : "up"
  }: ${from} -> ${to}`;
}

const IMPURE_GLOBALS = new Set([
  "setTimeout",
  "setInterval",
  "queueMicrotask",
  "fetch",
]);

const plugin: Deno.lint.Plugin = {
  name: "arrows",
  rules: {
    "one-way": {
      create(context): Deno.lint.LintVisitor {
        const check = (
          node: Deno.lint.Node,
          source: string | undefined,
          typeOnly: boolean,
        ): void => {
          if (source === undefined) return;
          const message = judgeImport(context.filename, source, typeOnly);
          if (message !== undefined) context.report({ node, message });
        };
        return {
          ImportDeclaration(node): void {
            check(node, node.source.value, node.importKind === "type");
          },
          ExportNamedDeclaration(node): void {
            check(node, node.source?.value, node.exportKind === "type");
          },
          ExportAllDeclaration(node): void {
            check(node, node.source.value, node.exportKind === "type");
          },
        };
      },
    },
    "pure-room": {
      create(context): Deno.lint.LintVisitor {
        const room = roomOf(context.filename);
        const rank = room === undefined ? undefined : RANKS[room];
        if (rank === undefined || rank > PURE_RANK) return {};
        return {
          MemberExpression(node): void {
            if (
              node.object.type !== "Identifier" ||
              node.property.type !== "Identifier"
            ) return;
            const name = `${node.object.name}.${node.property.name}`;
            if (
              node.object.name === "Deno" || name === "Date.now" ||
              name === "Math.random" ||
              node.object.name === "performance" ||
              node.object.name === "crypto"
            ) {
              context.report({
                node,
                message: `pure room "${room}" must not touch ${name}`,
              });
            }
          },
          NewExpression(node): void {
            if (
              node.callee.type === "Identifier" &&
              node.callee.name === "Date" &&
              node.arguments.length === 0
            ) {
              context.report({
                node,
                message: `pure room "${room}" must not read the clock`,
              });
            }
          },
          CallExpression(node): void {
            if (
              node.callee.type === "Identifier" &&
              IMPURE_GLOBALS.has(node.callee.name)
            ) {
              context.report({
                node,
                message:
                  `pure room "${room}" must not call ${node.callee.name}()`,
              });
            }
          },
        };
      },
    },
    "commands-in-kernel": {
      create(context): Deno.lint.LintVisitor {
        const room = roomOf(context.filename);
        if (room === undefined || room === "lib/kernel") return {};
        return {
          MemberExpression(node): void {
            if (
              node.object.type === "Identifier" &&
              node.object.name === "Deno" &&
              node.property.type === "Identifier" &&
              node.property.name === "Command"
            ) {
              context.report({
                node,
                message: `Deno.Command belongs in lib/kernel, not in ${room}`,
              });
            }
          },
        };
      },
    },
  },
};

export default plugin;

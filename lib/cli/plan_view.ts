/**
 * What would change in the kernel, for people.
 *
 * @module
 */

import type { AgentPlan, PlanStep } from "../agent/plan.ts";
import { formatIssue } from "../base/issue.ts";
import { printable } from "../base/printable.ts";
import type { Paint, Tone } from "./terminal.ts";

const SIGN: Readonly<Record<PlanStep["kind"], readonly [string, Tone]>> = {
  add: ["+", "good"],
  change: ["~", "warn"],
  remove: ["-", "bad"],
};

/** Renders a plan; the last line sums it up. */
export function renderPlan(plan: AgentPlan, paint: Paint): string {
  const lines: string[] = [];
  for (const target of plan.targets) {
    if (target.error !== null) {
      lines.push(
        `${paint("strong", target.name)}: ${
          paint("bad", `cannot be read: ${printable(target.error)}`)
        }`,
        "",
      );
      continue;
    }
    if (target.steps.length === 0) continue;
    lines.push(`${paint("strong", target.name)}: ${tally(target.steps)}`);
    for (const step of target.steps) {
      const [sign, tone] = SIGN[step.kind];
      for (const line of step.text.split("\n")) {
        lines.push(paint(tone, `  ${sign} ${printable(line)}`));
      }
    }
    lines.push("");
  }
  if (plan.issues.length > 0) {
    lines.push(paint("strong", "To mend"));
    lines.push(
      ...plan.issues.map((issue) => `  ${printable(formatIssue(issue))}`),
      "",
    );
  }
  lines.push(lastLine(plan));
  return lines.join("\n") + "\n";
}

function lastLine(plan: AgentPlan): string {
  const steps = plan.targets.flatMap((target) => target.steps);
  const unread = plan.targets.filter((target) => target.error !== null).length;
  const rest = unread === 0
    ? ""
    : `; ${unread} of ${plan.targets.length} tools could not be read`;
  return steps.length === 0
    ? `Nothing to do${
      unread === 0 ? ": the kernel holds what is wanted" : rest
    }.`
    : `Plan: ${tally(steps)}${rest}. Nothing was changed.`;
}

function tally(steps: readonly PlanStep[]): string {
  const count = (kind: PlanStep["kind"]): number =>
    steps.filter((step) => step.kind === kind).length;
  return `${count("add")} to add, ${count("change")} to change, ${
    count("remove")
  } to remove`;
}

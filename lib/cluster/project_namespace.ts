/**
 * v1 Namespace → model.
 *
 * @module
 */

import type { Namespace } from "./model.ts";
import { project, type Projected, readLabels } from "./projection.ts";

/**
 * Projects a v1 Namespace from untrusted JSON. The label
 * `kubernetes.io/metadata.name` is set to the name, as the API server does, so
 * that a manifest need not carry it.
 */
export function projectNamespace(raw: unknown): Projected<Namespace> {
  return project("Namespace", raw, (object) => ({
    key: object.key,
    name: object.name,
    labels: readLabels(object, { "kubernetes.io/metadata.name": object.name }),
  }));
}

/**
 * Online Boutique in the lab: where it lies, and who may reach what by its
 * policies, read by a person.
 *
 * @module
 */

/** The released workloads and policies; a clone may not have them beside it. */
const DIRECTORY = `${
  Deno.env.get("LAB_ROOT") ?? new URL("../../", import.meta.url).pathname
}/../shared/data/online-boutique`;

/** The YAML texts, or undefined in a clone without the data. */
export async function readOnlineBoutique(): Promise<
  { readonly workloads: string; readonly policies: string } | undefined
> {
  try {
    const [workloads, policies] = await Promise.all(
      ["workloads", "network-policies"].map((name) =>
        Deno.readTextFile(`${DIRECTORY}/${name}.yaml`)
      ),
    );
    return workloads && policies ? { workloads, policies } : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The services, and which Deployments' pods their policies let in; `*`: everyone. */
export const ONLINE_BOUTIQUE: Readonly<Record<string, readonly string[]>> = {
  frontend: ["*"],
  "frontend-external": ["*"],
  adservice: ["frontend"],
  cartservice: ["frontend", "checkoutservice"],
  checkoutservice: ["frontend"],
  currencyservice: ["frontend", "checkoutservice"],
  emailservice: ["checkoutservice"],
  paymentservice: ["checkoutservice"],
  productcatalogservice: [
    "frontend",
    "checkoutservice",
    "recommendationservice",
  ],
  recommendationservice: ["frontend"],
  "redis-cart": ["cartservice"],
  shippingservice: ["frontend", "checkoutservice"],
};

/**
 * Whether the pods of a Deployment, or a host outside, may reach a service. A
 * pod always reaches itself, so for a service's own pods there is no answer.
 */
export function mayReach(from: string, service: string): boolean | undefined {
  const allowed = ONLINE_BOUTIQUE[service] ?? [];
  if (allowed.includes("*")) return true;
  if (from === service) return undefined;
  return allowed.includes(from);
}

/**
 * The state of the agent as JSON, under `/api/v1`.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { describeRoute, openAPIRouteHandler, resolver } from "hono-openapi";
import { z } from "zod";
import type { AgentState, BgpRouteStatus } from "../lib/agent/state.ts";
import type { Clock } from "../lib/base/clock.ts";
import type { EventStream } from "./event_stream.ts";
import { problem } from "./problem.ts";
import * as schemas from "./schemas.ts";
import { summarise } from "./summary.ts";

/** What the routes need beside the state. */
export interface ApiRouteOptions {
  readonly clock: Clock;
  readonly stream: EventStream;
}

const filter = z.string().min(1).max(253).optional();
const objectFilter = z.strictObject({ namespace: filter, name: filter });
const bgpFilter = z.strictObject({ prefix: filter, peer: filter });
const noFilter = z.strictObject({});

/** One route: its answer is what its schema describes. */
interface Resource<Filter, Answer> {
  readonly path: string;
  readonly summary: string;
  readonly filter: z.ZodType<Filter>;
  readonly schema: z.ZodType<NoInfer<Answer>>;
  readonly read: (filter: Filter) => Answer;
}

/** The routes of the state API. */
export function apiRoutes(state: AgentState, options: ApiRouteOptions): Hono {
  const api = new Hono();

  function serve<Filter, Answer>(resource: Resource<Filter, Answer>): void {
    api.get(resource.path, describe(resource), (c) => {
      const filter = resource.filter.safeParse(c.req.query());
      if (!filter.success) return badQuery(c, filter.error);
      return c.json(resource.read(filter.data));
    });
  }

  serve({
    path: "/status",
    summary: "The agent at a glance",
    filter: noFilter,
    schema: schemas.summarySchema,
    read: () => summarise(state, options.clock.now()),
  });
  serve({
    path: "/graph",
    summary: "The service graph: modules, what they need, how they are",
    filter: noFilter,
    schema: schemas.graphSchema,
    read: () => ({ ready: state.readiness().ready, modules: state.graph() }),
  });
  serve({
    path: "/targets",
    summary: "The kernel tools: wanted and existing state, drift, refusals",
    filter: noFilter,
    schema: schemas.targetsSchema,
    read: () => ({ items: state.targets() }),
  });
  serve({
    path: "/services",
    summary: "Services with their virtual IPs and endpoints",
    filter: objectFilter,
    schema: schemas.servicesSchema,
    read: (filter) => ({ items: byName(state.services(), filter) }),
  });
  serve({
    path: "/ipvs",
    summary: "IPVS virtual servers and their destinations",
    filter: noFilter,
    schema: schemas.ipvsSchema,
    read: () => ({ items: state.ipvs() }),
  });
  serve({
    path: "/policies",
    summary: "NetworkPolicies and what became of them on this node",
    filter: objectFilter,
    schema: schemas.policiesSchema,
    read: (filter) => ({ items: byName(state.policies(), filter) }),
  });
  serve({
    path: "/firewall",
    summary: "The nftables table: chains, rules and sets",
    filter: noFilter,
    schema: schemas.firewallSchema,
    read: () => state.firewall(),
  });
  serve({
    path: "/bgp/peers",
    summary: "BGP peers and their sessions",
    filter: noFilter,
    schema: schemas.peersSchema,
    read: () => ({ items: state.peers() }),
  });
  serve({
    path: "/bgp/routes",
    summary: "BGP paths received, chosen and advertised",
    filter: bgpFilter,
    schema: schemas.bgpRoutesSchema,
    read: (filter) => {
      const { received, best, advertised } = state.bgpRoutes();
      const wanted = (route: BgpRouteStatus): boolean =>
        (filter.prefix ?? route.prefix) === route.prefix &&
        (filter.peer ?? route.peer) === route.peer;
      return {
        received: received.filter(wanted),
        best: best.filter(wanted),
        advertised: advertised.filter(wanted),
      };
    },
  });
  serve({
    path: "/routes",
    summary: "Kernel routes of Fairway's",
    filter: noFilter,
    schema: schemas.routesSchema,
    read: () => ({ items: state.routes() }),
  });
  serve({
    path: "/watcher",
    summary: "Where the cluster's objects come from, and how that goes",
    filter: noFilter,
    schema: schemas.watcherSchema,
    read: () => state.watcher(),
  });
  serve({
    path: "/issues",
    summary: "What is wrong with objects and files now, and the mend",
    filter: noFilter,
    schema: schemas.issuesSchema,
    read: () => ({ items: state.issues() }),
  });

  api.get(
    "/events",
    describeRoute({
      summary: "Events as they happen; each message is one Event",
      responses: {
        200: {
          description: "Server-sent events",
          content: {
            "text/event-stream": { schema: resolver(schemas.eventSchema) },
          },
        },
      },
    }),
    (c) => options.stream.serve(c),
  );
  api.get(
    "/openapi.json",
    openAPIRouteHandler(api, {
      documentation: {
        info: {
          title: "Fairway",
          version: state.version,
          description: "The state of one node's network agent. It only reads.",
        },
        servers: [{ url: "/api/v1" }],
      },
    }),
  );
  return api;
}

function byName<
  T extends { readonly namespace: string; readonly name: string },
>(
  objects: readonly T[],
  filter: z.infer<typeof objectFilter>,
): readonly T[] {
  return objects.filter((object) =>
    (filter.namespace ?? object.namespace) === object.namespace &&
    (filter.name ?? object.name) === object.name
  );
}

function badQuery(c: Context, error: z.ZodError): Response {
  const detail = error.issues.map((issue) =>
    issue.path.length === 0
      ? issue.message
      : `${issue.path.join(".")}: ${issue.message}`
  ).join("; ");
  return problem(c, 400, `the query is not usable: ${detail}`, "input.invalid");
}

function describe<Filter, Answer>(
  resource: Resource<Filter, Answer>,
): ReturnType<typeof describeRoute> {
  const problemContent = {
    "application/problem+json": { schema: resolver(schemas.problemSchema) },
  };
  return describeRoute({
    summary: resource.summary,
    parameters: parametersOf(resource.filter),
    responses: {
      200: {
        description: resource.summary,
        content: { "application/json": { schema: resolver(resource.schema) } },
      },
      400: { description: "The query is not usable", content: problemContent },
      401: { description: "The token is missing", content: problemContent },
    },
  });
}

/** Query parameters by the names of a filter; all are texts that may be left out. */
function parametersOf(
  filter: z.ZodType,
): {
  name: string;
  in: "query";
  required: false;
  schema: { type: "string" };
}[] {
  const names = filter instanceof z.ZodObject ? Object.keys(filter.shape) : [];
  return names.map((name) => ({
    name,
    in: "query",
    required: false,
    schema: { type: "string" },
  }));
}

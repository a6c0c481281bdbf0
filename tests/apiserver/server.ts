/**
 * A Kubernetes API server for tests, with faults on demand.
 *
 * @module
 */

import { expired } from "./api_error.ts";
import { type Admission, countingAdmission } from "./admission.ts";
import { FaultProxy } from "./fault_proxy.ts";
import { Faults } from "./faults.ts";
import { handle } from "./handler.ts";
import { Lists } from "./list_response.ts";
import { type ApiObject, keyOf, ObjectStore } from "./object_store.ts";
import { API_RESOURCES, type ApiResource, resourceOf } from "./resources.ts";
import type { OpenWatch } from "./watch_response.ts";

/** How a server starts. */
export interface ApiServerOptions {
  /** 127.0.0.1 when absent. */
  readonly hostname?: string;
  /** 0 or absent takes a free one. */
  readonly port?: number;
  /** PEM certificate and key; absent serves plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Bearer tokens that are accepted; none accepts everybody. */
  readonly tokens?: readonly string[];
  /** Changes kept for watches, for each resource. */
  readonly historyLimit?: number;
  readonly admission?: Admission;
}

/** One request, as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** A running server; close it with `await using` or {@linkcode close}. */
export class ApiServer implements AsyncDisposable {
  readonly store: ObjectStore;
  readonly faults: Faults;
  /** TCP between clients and the server. */
  readonly proxy: FaultProxy;
  /** Every request since the start. */
  readonly requests: readonly SeenRequest[];
  readonly #http: Deno.HttpServer;
  readonly #lists: Lists;
  readonly #watches: Set<OpenWatch>;
  readonly #tokens: Set<string>;
  readonly #scheme: string;
  readonly #hostname: string;

  private constructor(parts: {
    readonly store: ObjectStore;
    readonly faults: Faults;
    readonly requests: readonly SeenRequest[];
    readonly proxy: FaultProxy;
    readonly http: Deno.HttpServer;
    readonly lists: Lists;
    readonly watches: Set<OpenWatch>;
    readonly tokens: Set<string>;
    readonly scheme: string;
    readonly hostname: string;
  }) {
    this.store = parts.store;
    this.faults = parts.faults;
    this.requests = parts.requests;
    this.proxy = parts.proxy;
    this.#http = parts.http;
    this.#lists = parts.lists;
    this.#watches = parts.watches;
    this.#tokens = parts.tokens;
    this.#scheme = parts.scheme;
    this.#hostname = parts.hostname;
  }

  /** Starts a server that has the namespaces of a new cluster. */
  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const { hostname = "127.0.0.1", port = 0, tls } = options;
    const store = new ObjectStore({
      historyLimit: options.historyLimit ?? 10_000,
      admission: options.admission ?? countingAdmission(),
    });
    const lists = new Lists(store);
    const watches = new Set<OpenWatch>();
    const tokens = new Set(options.tokens ?? []);
    const faults = new Faults();
    const requests: SeenRequest[] = [];
    const http = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
        ...(tls === undefined ? {} : tls),
      },
      (request) => {
        const { pathname, searchParams } = new URL(request.url);
        requests.push({
          method: request.method,
          path: pathname,
          query: searchParams,
        });
        return handle({ store, lists, faults, watches, tokens }, request);
      },
    );
    const proxy = await FaultProxy.start({ hostname, port }, {
      hostname: "127.0.0.1",
      port: http.addr.port,
    });
    const scheme = tls === undefined ? "http" : "https";
    const server = new ApiServer({
      store,
      faults,
      requests,
      proxy,
      http,
      lists,
      watches,
      tokens,
      scheme,
      hostname,
    });
    for (const name of ["default", "kube-system", "kube-public"]) {
      server.put({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    return server;
  }

  /** The URL for clients; through the fault proxy. */
  get url(): string {
    const host = this.#hostname.includes(":")
      ? `[${this.#hostname}]`
      : this.#hostname;
    return `${this.#scheme}://${host}:${this.proxy.port}`;
  }

  /** Watches that are open. */
  get watches(): number {
    return this.#watches.size;
  }

  /** Creates an object, or replaces it whatever its version; makes its namespace when missing. */
  put(input: ApiObject): ApiObject {
    const resource = this.#resource(input);
    const object = resource.namespaced &&
        input.metadata.namespace === undefined
      ? { ...input, metadata: { ...input.metadata, namespace: "default" } }
      : input;
    const { namespace } = object.metadata;
    const namespaces = this.#resource({ apiVersion: "v1", kind: "Namespace" });
    if (namespace !== undefined && !this.store.has(namespaces, namespace)) {
      this.put({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: namespace },
      });
    }
    if (!this.store.has(resource, keyOf(object))) {
      return this.store.create(resource, object);
    }
    const { resourceVersion: _, uid: __, ...metadata } = object.metadata;
    return this.store.update(resource, { ...object, metadata }, "all");
  }

  /** Deletes an object. */
  delete(
    object: Pick<ApiObject, "apiVersion" | "kind"> & {
      readonly metadata: { readonly name: string; readonly namespace?: string };
    },
  ): void {
    const { namespace, name } = object.metadata;
    const resource = this.#resource(object);
    const key = resource.namespaced
      ? `${namespace ?? "default"}/${name}`
      : name;
    this.store.delete(resource, key);
  }

  /** Accepts these tokens only, from now on; open watches stay. */
  setTokens(tokens: readonly string[]): void {
    this.#tokens.clear();
    for (const token of tokens) this.#tokens.add(token);
  }

  /** Forgets the history; open watches and lists in pages are told that they are too old. */
  compact(): void {
    this.store.compact();
    this.#lists.forget();
  }

  /** Sends 410 on every open watch. */
  expireWatches(): void {
    for (const watch of [...this.#watches]) {
      watch.fail(expired("too old resource version"));
    }
  }

  /** Ends every open watch in good order. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
  }

  async close(): Promise<void> {
    await this.proxy.close();
    this.endWatches();
    await this.#http.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #resource(
    object: { readonly apiVersion: string; readonly kind: string },
  ): ApiResource {
    const resource = resourceOf(object.apiVersion, object.kind);
    if (resource === undefined) {
      const known = API_RESOURCES.map(({ kind }) => kind).join(", ");
      throw new Error(
        `${object.apiVersion} ${object.kind} is not served; served are ${known}`,
      );
    }
    return resource;
  }
}

/**
 * Where the lab's cluster publishes its objects: a directory or an API server.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { type Manifest, nameOf } from "./objects.ts";
import { stamped } from "./templates.ts";

/** A place for objects. */
export interface Output {
  /** Creates or replaces an object. */
  put(object: Manifest): Promise<void>;
  /** Removes an object, if it is there. */
  remove(object: Manifest): Promise<void>;
}

/** One file for each object, each replaced as a whole. */
export class DirectoryOutput implements Output {
  readonly #directory: string;

  /** @param directory must exist */
  constructor(directory: string) {
    this.#directory = directory;
  }

  async put(object: Manifest): Promise<void> {
    const path = this.#path(object);
    // A reader of *.yaml never meets half a file.
    const draft = path.replace(/\.yaml$/, ".draft");
    await Deno.writeTextFile(
      draft,
      JSON.stringify(object, undefined, 2) + "\n",
    );
    await Deno.rename(draft, path);
  }

  async remove(object: Manifest): Promise<void> {
    try {
      await Deno.remove(this.#path(object));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #path(object: Manifest): string {
    const name = nameOf(object).toLowerCase().replaceAll(/[ /]/g, "_");
    return `${this.#directory}/${name}.yaml`;
  }
}

/** Resource names that are not the kind in lower case with an s. */
const PLURALS: Readonly<Record<string, string>> = {
  NetworkPolicy: "networkpolicies",
};

/** The REST interface of an API server. */
export class ApiOutput implements Output {
  readonly #base: string;
  readonly #headers: Record<string, string>;

  /**
   * @param base for example `http://127.0.0.1:8080`
   * @param token a bearer token, when the server wants one
   */
  constructor(base: string, token?: string) {
    this.#base = base.replace(/\/$/, "");
    this.#headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  async put(object: Manifest): Promise<void> {
    const collection = this.#collection(object);
    const url = `${collection}/${object.metadata.name}`;
    // The server gives these itself, and refuses to have them changed.
    const { uid: _, creationTimestamp: __, ...metadata } = object.metadata;
    const body = JSON.stringify({ ...object, metadata });
    let response = await this.#send("POST", collection, body);
    if (response.status === 409) {
      await response.body?.cancel();
      response = await this.#send("PUT", url, body);
    }
    const stored = await this.#json(response, object);
    const wanted = (object as { status?: unknown }).status;
    // A real server takes the status through its own door only.
    if (wanted && JSON.stringify(stored["status"]) !== JSON.stringify(wanted)) {
      const next = JSON.stringify({ ...stored, status: wanted });
      await this.#json(await this.#send("PUT", `${url}/status`, next), object);
    }
  }

  async remove(object: Manifest): Promise<void> {
    const url = `${this.#collection(object)}/${object.metadata.name}`;
    const response = await this.#send(
      "DELETE",
      `${url}?gracePeriodSeconds=0`,
      "{}",
    );
    if (response.status === 404) await response.body?.cancel();
    else await this.#json(response, object);
  }

  #send(method: string, url: string, body: string): Promise<Response> {
    return fetch(url, { method, body, headers: this.#headers });
  }

  async #json(
    response: Response,
    object: Manifest,
  ): Promise<Record<string, unknown>> {
    const text = await response.text();
    if (!response.ok) {
      throw new LabError(
        `${nameOf(object)}: the API server answers ${response.status}: ${text}`,
      );
    }
    return JSON.parse(text);
  }

  #collection({ apiVersion, kind, metadata }: Manifest): string {
    const root = apiVersion.includes("/") ? "apis" : "api";
    const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
    const scope = metadata.namespace === undefined
      ? ""
      : `/namespaces/${metadata.namespace}`;
    return `${this.#base}/${root}/${apiVersion}${scope}/${plural}`;
  }
}

/** Publishes objects once: an unchanged one is not written again, and a changed one keeps its uid and age. */
export class Publisher {
  readonly #output: Output;
  readonly #published = new Map<string, { object: Manifest; text: string }>();

  constructor(output: Output) {
    this.#output = output;
  }

  /** The object as it was published last, by {@linkcode nameOf}. */
  get(name: string): Manifest | undefined {
    return this.#published.get(name)?.object;
  }

  /** Creates or replaces an object. */
  async put(object: Manifest): Promise<void> {
    const key = nameOf(object);
    const before = this.#published.get(key);
    const { uid, creationTimestamp } = before?.object.metadata ?? {};
    const whole = {
      ...object,
      metadata: {
        ...stamped(object.metadata),
        ...(uid === undefined ? {} : { uid }),
        ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      },
    };
    const text = JSON.stringify(whole);
    if (before?.text === text) return;
    await this.#output.put(whole);
    this.#published.set(key, { object: whole, text });
  }

  /** Removes an object. */
  async remove(object: Manifest): Promise<void> {
    await this.#output.remove(object);
    this.#published.delete(nameOf(object));
  }
}

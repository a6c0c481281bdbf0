/**
 * Debian's own kernel, fetched as a package and unpacked into a cache: nothing
 * is installed and no root is needed.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { capture } from "../system/process.ts";

/** A kernel ready to boot. */
export interface Kernel {
  /** For example `6.1.0-56-amd64`. */
  readonly release: string;
  /** Path of the bootable image. */
  readonly image: string;
  /** The directory to mount at `/lib/modules`; holds one directory named {@linkcode release}. */
  readonly modules: string;
}

/** Parts of the module tree that no test of a network agent loads; they are half of its size. */
const UNUSED = ["sound", "drivers/gpu", "drivers/media", "drivers/infiniband"];

/** Where the lab keeps what it fetched: `$FAIRWAY_LAB_CACHE`, `$XDG_CACHE_HOME/fairway-lab` or `/var/tmp/fairway-lab`. */
export function cacheDirectory(): string {
  const own = Deno.env.get("FAIRWAY_LAB_CACHE");
  if (own) return own;
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  return xdg ? `${xdg}/fairway-lab` : "/var/tmp/fairway-lab";
}

/**
 * The newest cached kernel; without one, fetches what `linux-image-amd64`
 * depends on.
 *
 * @throws {LabError} when apt does not know or cannot fetch the package
 */
export async function findKernel(): Promise<Kernel> {
  const cache = `${cacheDirectory()}/kernels`;
  await Deno.mkdir(cache, { recursive: true });
  return await newest(cache) ?? await fetchKernel(cache);
}

async function newest(cache: string): Promise<Kernel | undefined> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(cache)) {
    if (entry.isDirectory && entry.name.startsWith("linux-image-")) {
      names.push(entry.name);
    }
  }
  names.sort(new Intl.Collator("en", { numeric: true }).compare);
  const name = names.at(-1);
  return name === undefined ? undefined : await describe(`${cache}/${name}`);
}

async function describe(directory: string): Promise<Kernel> {
  const modules = `${directory}/lib/modules`;
  for await (const entry of Deno.readDir(modules)) {
    const release = entry.name;
    return { release, modules, image: `${directory}/boot/vmlinuz-${release}` };
  }
  throw new LabError(`no kernel modules in ${modules}; remove ${directory}`);
}

async function fetchKernel(cache: string): Promise<Kernel> {
  const work = await Deno.makeTempDir({ dir: cache, prefix: "unpacking-" });
  try {
    const name = await packageName();
    await capture(
      "apt-get",
      // apt drops to the user _apt for the download, who may not write here.
      ["-q", "-o", "APT::Sandbox::User=root", "download", name],
      { cwd: work },
    );
    let file: string | undefined;
    for await (const entry of Deno.readDir(work)) file = entry.name;
    if (file === undefined) throw new LabError(`apt-get left no ${name}.deb`);
    const tree = `${work}/tree`;
    await capture("dpkg-deb", ["-x", `${work}/${file}`, tree]);
    const { release } = await describe(tree);
    for (const part of UNUSED) {
      await Deno.remove(`${tree}/lib/modules/${release}/kernel/${part}`, {
        recursive: true,
      });
    }
    await capture("depmod", ["-b", tree, release]);
    const home = `${cache}/${file.replace(/\.deb$/, "")}`;
    try {
      await Deno.rename(tree, home);
    } catch (error) {
      // Somebody else unpacked it meanwhile: theirs is as good.
      if (!await newest(cache)) throw error;
    }
    return await describe(home);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function packageName(): Promise<string> {
  const ask = async (): Promise<string | undefined> =>
    /Depends: (linux-image-\S+)/.exec(
      await capture("apt-cache", ["depends", "linux-image-amd64"]).catch(() =>
        ""
      ),
    )?.[1];
  let name = await ask();
  if (name === undefined && Deno.uid() === 0) {
    await capture("apt-get", ["-q", "update"]);
    name = await ask();
  }
  if (name === undefined) {
    throw new LabError(
      "apt does not know the package linux-image-amd64; run: apt-get update",
    );
  }
  return name;
}

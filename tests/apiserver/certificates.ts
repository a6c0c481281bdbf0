/**
 * Certificates for tests, made by openssl.
 *
 * @module
 */

/** PEM text of a CA and of a server's certificate for 127.0.0.1, ::1 and localhost. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes a new CA and a server certificate. */
export async function makeCertificates(): Promise<Certificates> {
  const directory = await Deno.makeTempDir({ prefix: "fairway-tls-" });
  const run = async (...args: string[]): Promise<void> => {
    const { success, stderr } = await new Deno.Command("openssl", {
      args,
      cwd: directory,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const read = (file: string): Promise<string> =>
    Deno.readTextFile(`${directory}/${file}`);
  try {
    await run(
      ...["req", "-x509", ...curve, "-nodes", "-days", "2"],
      ...["-subj", "/CN=fairway-test-ca", "-keyout", "ca.key"],
      ...["-out", "ca.crt"],
    );
    await run(
      ...["req", ...curve, "-nodes", "-subj", "/CN=fairway-test"],
      ...["-keyout", "server.key", "-out", "server.csr"],
    );
    await Deno.writeTextFile(
      `${directory}/extensions`,
      "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n",
    );
    await run(
      ...["x509", "-req", "-in", "server.csr", "-CA", "ca.crt"],
      ...["-CAkey", "ca.key", "-CAcreateserial", "-days", "2"],
      ...["-extfile", "extensions", "-out", "server.crt"],
    );
    return {
      ca: await read("ca.crt"),
      cert: await read("server.crt"),
      key: await read("server.key"),
    };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

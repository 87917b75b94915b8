/** A host and a port as URLs and people write them. */

/** `127.0.0.1:6969`, `[2001:db8::1]:6969`, `t.example:6969`; an empty host reads `*:6969`. */
export function formatHostPort(host: string, port: number): string {
  if (host === '') return `*:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

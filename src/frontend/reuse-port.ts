/**
 * Whether several workers can listen on one port: node passes SO_REUSEPORT on since 22.12 (`net` and
 * `dgram`, option `reusePort`), and only some systems spread the load with it.
 */
export function reusePortSupported(
  version: string = process.versions.node,
  platform: string = process.platform,
): boolean {
  if (platform !== 'linux' && platform !== 'freebsd') return false;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 23) return minor >= 1;
  return major > 22 || (major === 22 && minor >= 12);
}

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where the page was built into: `dist/web`, seen from this module in `src/node/` or, compiled, in
 * `dist/src/node/`. Undefined before it has been built. Nothing outside of the package is looked at: a
 * page from there would be given the operators' token.
 */
export function pageFolder(): string | undefined {
  const path = import.meta.url.endsWith('.ts') ? '../../dist/web/' : '../../web/';
  const folder = fileURLToPath(new URL(path, import.meta.url));
  return existsSync(`${folder}index.html`) ? folder : undefined;
}

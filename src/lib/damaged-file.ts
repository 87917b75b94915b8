/** What becomes of a file that cannot be believed. */
import { renameSync } from 'node:fs';

/** Gives it another name, so that somebody can look at it, and returns that. */
export function setAside(path: string, wallMs: number): string {
  const aside = `${path}.damaged-${new Date(wallMs).toISOString().replaceAll(':', '')}`;
  renameSync(path, aside);
  return aside;
}

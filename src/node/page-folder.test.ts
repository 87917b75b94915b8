import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pageFolder } from './page-folder.js';

describe('the folder of the page', () => {
  it("is that of this package, or none: what lies beside the package is somebody else's", () => {
    const own = fileURLToPath(new URL('../../dist/web/', import.meta.url));
    expect([own, undefined]).toContain(pageFolder());
  });
});

/**
 * Builds the operators' page. What comes out is served under a policy that allows scripts, styles
 * and pictures from files of the same origin only, so nothing may be put into the HTML itself.
 *
 *     npx vite --config web/vite.config.ts     develop, against a tracker or minder at PAGE_ADMIN
 */
import { defineConfig } from 'vite';

const admin = process.env.PAGE_ADMIN ?? 'http://127.0.0.1:6970';

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that a proxy may put the page under any path.
  base: './',
  publicDir: false,
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // `light-dark()` in colours decides how old a browser may be: spring of 2024.
    target: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(
      ['/api', '/healthz', '/readyz', '/stats.json', '/metrics'].map((path) => [path, admin]),
    ),
  },
});

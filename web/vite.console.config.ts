import { defineConfig } from 'vite';

// The operator's console is served by the gateway, which knows nothing of the other pages: it is built
// into a folder of its own, and everything it loads lies under `/console/assets/`.
export default defineConfig({
  base: '/console/',
  appType: 'mpa',
  build: {
    outDir: 'dist-console',
    assetsDir: 'assets',
    // Files below the limit would be inlined as data: URLs, which the content policy refuses.
    assetsInlineLimit: 0,
    // The content policy allows no inline script, and every browser we support preloads by itself.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { console: 'console.html' },
    },
  },
});

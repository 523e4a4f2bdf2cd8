import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';
import type { Plugin } from 'vite';

/** Web Chat's bundle is copied as it is, and its licence notices have to travel with it. */
export function webChatNotices(): Plugin {
  const notices = new URL(
    'node_modules/botframework-webchat/dist/webchat.js.LICENSE.txt',
    import.meta.url,
  );
  // The package itself comes without the text of its licence.
  const licence = new URL('web-chat.LICENSE.txt', import.meta.url);
  return {
    name: 'web-chat-notices',
    generateBundle() {
      const source = `${readFileSync(licence, 'utf8')}${readFileSync(notices, 'utf8')}`;
      this.emitFile({ type: 'asset', fileName: 'assets/web-chat.LICENSE.txt', source });
    },
  };
}

// Three pages, each served by Warmline under a name of its own: the demo at `/`, the desk at `/desk`,
// and at `/site` a site that has the widget.
// So assets are absolute, and everything a page loads lies under `/assets/`.
export default defineConfig({
  base: '/',
  // With `/` and `/desk` there is no catch-all page: an unknown path is a 404, as in the gateway.
  appType: 'mpa',
  plugins: [webChatNotices()],
  build: {
    outDir: 'dist',
    assetsDir: 'assets',
    // Files below the limit would be inlined as data: URLs, which a strict content policy refuses.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { demo: 'demo.html', desk: 'desk.html', site: 'site.html' },
    },
  },
});

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';
import type { LibraryOptions, Plugin } from 'vite';

import { webChatNotices } from './vite.config.ts';

/** Smaller files do not get worth it. */
const COMPRESSED_FROM_BYTES = 1_024;

/**
 * What a gateway carries is what browsers take: each file is kept compressed, in two forms, and not as
 * it is. Web Chat is four megabytes of text, and one of them compressed.
 */
function compressed(): Plugin {
  let folder = '';
  return {
      name: 'compressed',
      configResolved(config) {
        folder = config.build.outDir;
      },
      closeBundle() {
        for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
          const path = join(folder, name);
          const done = /\.(br|gz)$/.test(name);
          if (done || !statSync(path).isFile() || statSync(path).size < COMPRESSED_FROM_BYTES) continue;
          const bytes = readFileSync(path);
          const params = { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
          writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
          writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
          rmSync(path);
        }
      },
    };
  }

/** The licences of what seals messages travel with it. */
function sealingNotices(): Plugin {
  const licences = ['core', 'common', 'dhkem-x25519'].map((name) => new URL(`node_modules/@hpke/${name}/LICENSE`, import.meta.url));
  return {
    name: 'sealing-notices',
    generateBundle() {
      const source = licences.map((licence) => readFileSync(licence, 'utf8')).join('\n');
      this.emitFile({ type: 'asset', fileName: 'assets/hpke.LICENSE.txt', source });
    },
  };
}

  // The widget: a script of one file, which pages load by its name, and the frame that it opens. Both
  // lie below `/widget` of the gateway, wherever that is: addresses in the frame are relative.
  // The two are built one after the other, because a script for any page is no module.
const LIBRARY: LibraryOptions = {
  entry: 'src/widget.ts',
  name: 'WarmlineWidget',
  formats: ['iife'],
  fileName: () => 'widget.js',
};

// `vite build --mode script` builds the script, and leaves the frame that is there.
export default defineConfig(({ mode }) => {
  const script = mode === 'script';
  return {
    base: './',
    appType: 'mpa',
    publicDir: false,
    plugins: script ? [compressed()] : [webChatNotices(), sealingNotices(), compressed()],
    build: {
      outDir: 'dist-widget',
      emptyOutDir: !script,
      assetsDir: 'assets',
      // Files below the limit would be inlined as data: URLs, which the content policy refuses.
      assetsInlineLimit: 0,
      // The content policy allows no inline script, and every browser we support preloads by itself.
      modulePreload: { polyfill: false },
      ...(script ? { lib: LIBRARY } : { rolldownOptions: { input: { frame: 'frame.html' } } }),
    },
  };
});

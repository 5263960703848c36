// The explorer in Chromium: `cargo xtask test` builds the page and runs this.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before, beforeEach } from 'node:test';

import { Browser, program } from './chromium.mjs';
import { Page } from './page.mjs';
import { COMMAND, CONTENTS, files, makeContainer, sha256 } from './samples.mjs';
import { serve } from './server.mjs';

const PAGE = 'target/explorer';
const LIMIT = 50;
const skip = program() ? false : 'there is no Chromium; name one in LOOSEPACK_BROWSER, or install Debian\'s `chromium`';
const id = (name) => sha256(CONTENTS[name]);

let folder;
let store;
let ids;
let folders;
let server;
let browser;
let page;

before(async () => {
  if (skip) {
    return;
  }
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'loosepack-explorer-'));
  ({ store, ids } = makeContainer(folder));
  const listed = path.join(folder, 'listed');
  fs.cpSync(store, listed, { recursive: true });
  fs.writeFileSync(path.join(listed, 'files.txt'), `${files(listed).join('\n')}\n`);
  folders = {
    page: { folder: PAGE },
    store: { folder: store, ranges: true },
    listed: { folder: listed, ranges: true },
    whole: { folder: listed, ranges: false },
  };
  server = await serve(folders);
  browser = await Browser.start();
  page = new Page(browser, `${server.address}/page/index.html`);
});

after(async () => {
  await browser?.end();
  await server?.end();
  if (folder) {
    fs.rmSync(folder, { recursive: true });
  }
});

beforeEach(async () => {
  if (browser) {
    await browser.window(1100, 900, 'light');
    await page.go();
    browser.messages.length = 0;
  }
});

function assertDamageIsFound({ said, findings }, objects = ids.length - 1) {
  assert.match(said, new RegExp(`^Damage found in 1 place; ${objects} objects sound, `));
  assert.equal(findings.length, 1, findings.join('\n'));
  assert.match(findings[0], /^Damage packs\/0/);
}

test('a picked folder is opened, and listed in pages', { skip }, async () => {
  await page.pick(store);
  assert.equal(await page.text('status'), 'Opened store.');
  assert.equal(await page.text('container'), JSON.parse(fs.readFileSync(path.join(store, 'container.json'))).id);
  const tiles = await browser.evaluate(`Object.fromEntries([...document.querySelectorAll('.tile')].map((tile) =>
    [tile.querySelector('dt').textContent, tile.querySelector('dd').textContent]))`);
  assert.equal(tiles.Objects, String(ids.length));
  assert.equal(tiles.Loose, '1');
  assert.ok(Number(tiles.Packs) > 1, tiles.Packs);
  const seen = [];
  for (let first = 1; ; first += LIMIT) {
    await browser.until(`document.getElementById('shown').textContent.startsWith('Objects ${first} to')`);
    seen.push(...(await page.rows()).map(([object]) => object));
    if (await browser.evaluate(`document.getElementById('next').disabled`)) {
      break;
    }
    await page.click('next');
  }
  assert.deepEqual(seen, ids);
  await page.click('previous');
  await browser.until(`document.getElementById('shown').textContent.startsWith('Objects ${LIMIT + 1} to')`);
  assert.deepEqual((await page.rows()).map(([object]) => object), ids.slice(LIMIT, 2 * LIMIT));
  assert.deepEqual(browser.messages, []);
});

test('a folder without a container is refused', { skip }, async () => {
  const empty = path.join(folder, 'empty-folder');
  fs.mkdirSync(empty);
  fs.writeFileSync(path.join(empty, 'file'), 'content');
  await browser.choose('#files', empty);
  await browser.until(`!document.getElementById('failure').hidden`);
  assert.match(await page.text('failure'), /no container\.json/);
});

test('a directory handle is opened', { skip }, async () => {
  const base64 = (name) => fs.readFileSync(path.join(store, name)).toString('base64');
  const contents = files(store).map((name) => [name.slice(2), base64(name)]);
  await browser.evaluate(`(async () => {
    const root = await navigator.storage.getDirectory();
    for (const [path, content] of ${JSON.stringify(contents)}) {
      let folder = root;
      const parts = path.split('/');
      for (const name of parts.slice(0, -1)) {
        folder = await folder.getDirectoryHandle(name, { create: true });
      }
      const file = await (await folder.getFileHandle(parts.at(-1), { create: true })).createWritable();
      await file.write(Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0)));
      await file.close();
    }
    globalThis.showDirectoryPicker = async () => root;
  })()`);
  await page.click('pick');
  await page.opened();
  assert.equal((await page.rows()).length, LIMIT);
  assertDamageIsFound(await page.verify());
});

test('a pack of any size is read in slices', { skip }, async () => {
  // The pack is longer than the memory of the component, and than what a browser reads at once.
  const copy = path.join(folder, 'long');
  fs.cpSync(store, path.join(copy, 'store'), { recursive: true });
  fs.truncateSync(path.join(copy, 'store/packs/0'), 5 * 2 ** 30);
  // The folder around the container serves as well.
  fs.writeFileSync(path.join(copy, 'another'), 'file');
  await page.pick(copy);
  assert.match(await page.show('text'), /checked/);
  assert.equal(await page.previewed(), CONTENTS.text.toString());
  fs.rmSync(copy, { recursive: true });
});

test('a search finds what starts with a prefix', { skip }, async () => {
  await page.pick(store);
  const [middle] = ids.slice(ids.length / 2);
  const beginnings = [1, 2, 10, 64].map((length) => middle.slice(0, length));
  // The first ID that starts with this is the object's own.
  const own = ids.find((object) => object.endsWith('0')).slice(0, -1);
  for (const prefix of [...beginnings, own, middle.slice(0, 2).toUpperCase()]) {
    const wanted = ids.filter((object) => object.startsWith(prefix.toLowerCase())).slice(0, LIMIT);
    assert.deepEqual((await page.search(prefix)).map(([object]) => object), wanted, prefix);
  }
  for (const edge of ['0', '00', 'f', 'ff']) {
    const wanted = ids.filter((object) => object.startsWith(edge));
    assert.deepEqual((await page.search(edge)).map(([object]) => object), wanted, edge);
  }
  assert.deepEqual(await page.search('0'.repeat(64)), []);
  assert.match(await page.text('shown'), /^No object/);
  await page.search('../x');
  assert.match(await page.text('shown'), /0-9 and a-f/);
  assert.deepEqual((await page.search(id('loose')))[0].slice(1), ['15 bytes', 'loose']);
  assert.match((await page.search(id('compressed')))[0][2], /^pack \d, compressed$/);
});

test('text, images and other bytes are shown as what they are', { skip }, async () => {
  await page.pick(store);
  assert.match(await page.show('text'), /^Whole object as text; checked/);
  assert.equal(await page.previewed(), CONTENTS.text.toString());
  await page.click('as-hex');
  assert.match(await page.previewed(), /^00000000 {2}44 65 61 72 20 41 64 61 .* {2}Dear Ada/);
  await page.click('as-hex');
  assert.equal(await page.previewed(), CONTENTS.text.toString());

  assert.equal(await page.show('image'), 'Image, image/png; checked against its ID.');
  await browser.until(`document.querySelector('#preview img').complete`);
  const picture = await browser.evaluate(`(({ src, naturalWidth, naturalHeight }) =>
    [src.slice(0, 5), naturalWidth, naturalHeight])(document.querySelector('#preview img'))`);
  assert.deepEqual(picture, ['blob:', 320, 200]);

  assert.match(await page.show('binary'), /^Whole object in hex/);
  assert.match(await page.previewed(), /^00000000 {2}00 07 0e 15 /);
  assert.equal(await page.show('empty'), 'The object is empty.');
  assert.match(await page.show('compressed'), /^First 65,536 bytes as text; checked/);
  assert.match(await page.show('huge'), /^First 65,536 bytes as text; not checked/);
  assert.match(await page.show('damaged'), /^Damaged: packs\/0/);
  assert.equal(await page.previewed(), undefined);
  assert.deepEqual(browser.messages, []);
});

test('nothing of an object is executed', { skip }, async () => {
  await page.pick(store);
  const title = await browser.evaluate('document.title');
  for (const name of ['html', 'svg']) {
    assert.match(await page.show(name), /as text/);
    assert.equal(await page.previewed(), CONTENTS[name].toString());
  }
  // Bytes that only begin as an image are shown in hex.
  assert.match(await page.show('falseImage'), /in hex/);
  assert.match(await page.previewed(), /^00000000 {2}89 50 4e 47/);
  const elements = await browser.evaluate(`document.querySelectorAll('#preview :not(pre)').length`);
  assert.deepEqual([elements, await browser.evaluate('document.title')], [0, title]);
  assert.deepEqual(browser.messages, []);
  // Even a mistake of the page could not make it markup, run it or send it away.
  const refused = (code) => browser.evaluate(`(async () => { ${code} })().then(() => false, () => true)`);
  assert.ok(await refused(`document.getElementById('preview').innerHTML = '<b>markup</b>'`));
  assert.ok(await refused(`await fetch('index.html')`));
  await browser.evaluate(`(() => {
    const link = document.createElement('a');
    link.href = 'javascript:document.title="executed"';
    document.body.append(link);
    link.click();
  })()`);
  assert.equal(await browser.evaluate('document.title'), title);
});

test('a downloaded object has its bytes', { skip }, async () => {
  const downloads = path.join(folder, 'downloads');
  await browser.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
  await page.pick(store);
  for (const name of ['text', 'html', 'compressed', 'large', 'empty', 'loose']) {
    await page.show(name);
    await page.click('download');
    await browser.until(`document.getElementById('object-status').textContent.startsWith('Downloaded')`);
    const file = path.join(downloads, id(name));
    for (let tries = 0; tries < 500 && !fs.existsSync(file); tries += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    assert.equal(sha256(fs.readFileSync(file)), id(name), name);
  }
  await page.show('damaged');
  await page.click('download');
  await browser.until(`document.getElementById('object-status').textContent.startsWith('Not downloaded')`);
  assert.equal(fs.existsSync(path.join(downloads, id('damaged'))), false);
});

test('verify finds exactly what is damaged', { skip }, async () => {
  await page.pick(store);
  assertDamageIsFound(await page.verify());
  assert.equal(fs.readdirSync(path.join(store, 'incoming')).length, 0);
});

test('a verification is stopped', { skip }, async () => {
  await page.pick(store);
  await page.click('verify');
  await page.click('stop');
  await browser.until(`!document.getElementById('verify').disabled`);
  assert.match(await page.text('verified'), /^Stopped early\. /);
  assertDamageIsFound(await page.verify());
});

test('a container whose index is damaged can still be verified', { skip }, async () => {
  const copy = path.join(folder, 'bad-index');
  fs.cpSync(store, copy, { recursive: true });
  fs.writeFileSync(path.join(copy, 'index/manifest.json'), 'damaged');
  await page.pick(copy);
  assert.match(await page.text('damage'), /^Damaged: index\/manifest.json/);
  const { said, findings } = await page.verify();
  assert.match(said, /^Damage found in/);
  assert.ok(findings.some((finding) => finding.includes('index/manifest.json')), findings.join('\n'));
});

test('a served container is read in ranges', { skip }, async () => {
  await page.serveFrom('store');
  assert.equal(await browser.evaluate(`document.getElementById('unlisted').hidden`), false);
  const before = server.requests.length;
  assert.match(await page.show('text'), /checked/);
  assert.equal(await page.previewed(), CONTENTS.text.toString());
  const packs = server.requests.slice(before).filter(({ method, path: name }) =>
    method === 'GET' && name.startsWith('store/packs/'));
  assert.ok(packs.length > 0 && packs.every(({ range }) => range), JSON.stringify(packs));
  // Without a listing a loose object is found by its full ID.
  assert.equal((await page.search(id('loose').slice(0, 10))).length, 0);
  assert.match(await page.show('loose'), /checked/);
  assertDamageIsFound(await page.verify(), ids.length - 2);
});

test('a served container with a listing is whole', { skip }, async () => {
  for (const name of ['listed', 'whole']) {
    await page.serveFrom(name);
    assert.equal(await browser.evaluate(`document.getElementById('unlisted').hidden`), true);
    assert.equal((await page.search(id('loose').slice(0, 10))).length, 1);
    assert.match(await page.show('large'), /checked/);
    assertDamageIsFound(await page.verify());
  }
});

test('what `loosepack serve` gives is read', { skip }, async () => {
  const serving = spawn(COMMAND, ['-C', store, 'serve', '--listen', '127.0.0.1:0']);
  try {
    const [line] = await once(serving.stdout, 'data');
    folders.behind = { behind: String(line).trim().split(' at ')[1] };
    await page.serveFrom('behind');
    assert.equal(await browser.evaluate(`document.getElementById('unlisted').hidden`), true);
    assert.equal((await page.search(id('loose').slice(0, 10))).length, 1);
    assert.match(await page.show('large'), /checked/);
    assertDamageIsFound(await page.verify());
  } finally {
    serving.kill();
  }
});

test('another server is not read', { skip }, async () => {
  await page.go('?at=http://localhost:1/store/');
  await browser.until(`!document.getElementById('failure').hidden`);
  assert.match(await page.text('failure'), /own server only/);
  await page.go('?at=../absent');
  await browser.until(`!document.getElementById('failure').hidden`);
  assert.match(await page.text('failure'), /There is no container at/);
});

test('the page is used with keys, and fits every width', { skip }, async () => {
  await page.pick(store);
  await browser.evaluate(`document.querySelector('#list .id').focus()`);
  await browser.press('Enter', '\r');
  await browser.until(`document.getElementById('object').open`);
  await browser.press('Escape');
  await browser.until(`!document.getElementById('object').open`);
  assert.ok(await browser.evaluate(`document.activeElement === document.querySelector('#list .id')`));
  const unnamed = await browser.evaluate(`[...document.querySelectorAll('button, input')].filter((control) =>
    !control.textContent.trim() && !control.labels?.length && !control.ariaLabel).length`);
  assert.equal(unnamed, 0);
  const pictures = process.env.LOOSEPACK_PICTURES;
  await page.verify();
  for (const [width, scheme] of [[1100, 'light'], [1100, 'dark'], [360, 'light'], [360, 'dark']]) {
    await browser.window(width, 900, scheme);
    for (const name of [undefined, 'text', 'image', 'binary']) {
      await (name ? page.show(name) : page.search(''));
      const wider = await browser.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok(wider <= 0, `${width}: ${wider}`);
      assert.deepEqual(await page.faint(), [], scheme);
      if (pictures) {
        await browser.picture(path.join(pictures, `${width}-${scheme}-${name ?? 'list'}.png`));
      }
    }
    await browser.evaluate(`document.getElementById('object').close()`);
    await browser.evaluate(`document.getElementById('verify-title').scrollIntoView()`);
    if (pictures) {
      await browser.picture(path.join(pictures, `${width}-${scheme}-verify.png`));
    }
    await browser.evaluate('scrollTo(0, 0)');
  }
});

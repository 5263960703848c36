// The explorer in Chromium: `cargo xtask test` builds the page and runs this.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before, beforeEach } from 'node:test';

import { Browser, program } from './chromium.mjs';
import { CONTENTS, FEW, makeContainer, sha256 } from './samples.mjs';
import { serve } from './server.mjs';

const PAGE = 'target/explorer';
const LIMIT = 50;
const skip = program() ? false : 'there is no Chromium; name one in LOOSEPACK_BROWSER, or install Debian\'s `chromium`';
const id = (name) => sha256(CONTENTS[name]);

let folder;
let store;
let ids;
let server;
let browser;

before(async () => {
  if (skip) {
    return;
  }
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'loosepack-explorer-'));
  ({ store, ids } = makeContainer(folder));
  const listed = path.join(folder, 'listed');
  fs.cpSync(store, listed, { recursive: true });
  fs.writeFileSync(path.join(listed, 'files.txt'), `${files(listed).join('\n')}\n`);
  server = await serve({
    page: { folder: PAGE },
    store: { folder: store, ranges: true },
    listed: { folder: listed, ranges: true },
    whole: { folder: listed, ranges: false },
  });
  browser = await Browser.start();
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
    await browser.go(`${server.address}/page/index.html`);
    browser.messages.length = 0;
  }
});

/** The files below a folder, relative to it. */
function files(root) {
  const paths = fs.readdirSync(root, { recursive: true }).filter((name) => fs.statSync(path.join(root, name)).isFile());
  return paths.map((name) => `./${name}`);
}

const text = (element) => browser.evaluate(`document.getElementById('${element}').innerText`);
const click = (element) => browser.evaluate(`document.getElementById('${element}').click()`);
const opened = () => browser.until(`document.getElementById('status').textContent .startsWith('Opened ')`);
const rows = () => browser.evaluate(`[...document.querySelectorAll('#list tbody tr')].map((row) =>
  [...row.children].map((cell) => cell.textContent))`);

async function pick(chosen = store) {
  await browser.choose('#files', chosen);
  await opened();
}

async function serveFrom(name) {
  await browser.go(`${server.address}/page/index.html?at=../${name}`);
  await opened();
}

async function search(prefix) {
  await browser.evaluate(`document.getElementById('shown').textContent = ''`);
  await browser.evaluate(`document.getElementById('prefix').value = '${prefix}'`);
  await browser.evaluate(`document.getElementById('search').requestSubmit()`);
  await browser.until(`document.getElementById('shown').textContent !== ''`);
  return rows();
}

/** Shows an object; what the page says of the preview. */
async function show(name) {
  await browser.evaluate(`document.getElementById('object').close()`);
  assert.equal((await search(id(name))).length, 1, name);
  await browser.evaluate(`document.querySelector('#list .id').click()`);
  await browser.until(`!['', 'Reading...'].includes(document.getElementById('object-status').textContent)`);
  return text('object-status');
}

const previewed = () => browser.evaluate(`document.querySelector('#preview pre')?.textContent`);

/** Verifies; what the page says of it, and the findings. */
async function verify() {
  await click('verify');
  await browser.until(`!document.getElementById('verify').disabled`);
  const findings = await browser.evaluate(`[...document.querySelectorAll('#findings li')].map((item) => item.textContent)`);
  return { said: await text('verified'), findings };
}

function assertDamageIsFound({ said, findings }, objects = ids.length - 1) {
  assert.match(said, new RegExp(`^Damage found in 1 place; ${objects} objects sound, `));
  assert.equal(findings.length, 1, findings.join('\n'));
  assert.match(findings[0], /^Damage packs\/0/);
}

test('a picked folder is opened, and listed in pages', { skip }, async () => {
  await pick();
  assert.equal(await text('status'), 'Opened store.');
  assert.equal(await text('container'), JSON.parse(fs.readFileSync(path.join(store, 'container.json'))).id);
  const tiles = await browser.evaluate(`Object.fromEntries([...document.querySelectorAll('.tile')].map((tile) =>
    [tile.querySelector('dt').textContent, tile.querySelector('dd').textContent]))`);
  assert.equal(tiles.Objects, String(ids.length));
  assert.equal(tiles.Loose, '1');
  assert.ok(Number(tiles.Packs) > 1, tiles.Packs);
  const seen = [];
  for (let page = 0; ; page += 1) {
    const first = page * LIMIT + 1;
    await browser.until(`document.getElementById('shown').textContent.startsWith('Objects ${first} to')`);
    seen.push(...(await rows()).map(([object]) => object));
    if (await browser.evaluate(`document.getElementById('next').disabled`)) {
      break;
    }
    await click('next');
  }
  assert.deepEqual(seen, ids);
  await click('previous');
  await browser.until(`document.getElementById('shown').textContent.startsWith('Objects ${LIMIT + 1} to')`);
  assert.deepEqual((await rows()).map(([object]) => object), ids.slice(LIMIT, 2 * LIMIT));
  assert.deepEqual(browser.messages, []);
});

test('a folder without a container is refused', { skip }, async () => {
  const empty = path.join(folder, 'empty-folder');
  fs.mkdirSync(empty);
  fs.writeFileSync(path.join(empty, 'file'), 'content');
  await browser.choose('#files', empty);
  await browser.until(`!document.getElementById('failure').hidden`);
  assert.match(await text('failure'), /no container\.json/);
});

test('a directory handle is opened', { skip }, async () => {
  const contents = files(store).map((name) => [name.slice(2), fs.readFileSync(path.join(store, name)).toString('base64')]);
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
  await click('pick');
  await opened();
  assert.equal((await rows()).length, LIMIT);
  assertDamageIsFound(await verify());
});

test('a pack of any size is read in slices', { skip }, async () => {
  // The pack is longer than the memory of the component, and than what a browser reads at once.
  const copy = path.join(folder, 'long');
  fs.cpSync(store, path.join(copy, 'store'), { recursive: true });
  fs.truncateSync(path.join(copy, 'store/packs/0'), 5 * 2 ** 30);
  // The folder around the container serves as well.
  fs.writeFileSync(path.join(copy, 'another'), 'file');
  await pick(copy);
  assert.match(await show('text'), /checked/);
  assert.equal(await previewed(), CONTENTS.text.toString());
  fs.rmSync(copy, { recursive: true });
});

test('a search finds what starts with a prefix', { skip }, async () => {
  await pick();
  const [middle] = ids.slice(ids.length / 2);
  for (const prefix of [middle.slice(0, 1), middle.slice(0, 2), middle.slice(0, 10), middle, middle.slice(0, 2).toUpperCase()]) {
    const wanted = ids.filter((object) => object.startsWith(prefix.toLowerCase())).slice(0, LIMIT);
    assert.deepEqual((await search(prefix)).map(([object]) => object), wanted, prefix);
  }
  for (const edge of ['0', '00', 'f', 'ff']) {
    const wanted = ids.filter((object) => object.startsWith(edge));
    assert.deepEqual((await search(edge)).map(([object]) => object), wanted, edge);
  }
  assert.deepEqual(await search('0'.repeat(64)), []);
  assert.match(await text('shown'), /^No object/);
  await search('../x');
  assert.match(await text('shown'), /0-9 and a-f/);
  assert.deepEqual((await search(id('loose')))[0].slice(1), ['15 bytes', 'loose']);
  assert.match((await search(id('compressed')))[0][2], /^pack \d, compressed$/);
});

test('text, images and other bytes are shown as what they are', { skip }, async () => {
  await pick();
  assert.match(await show('text'), /^Whole object as text; checked/);
  assert.equal(await previewed(), CONTENTS.text.toString());
  await click('as-hex');
  assert.match(await previewed(), /^00000000 {2}44 65 61 72 20 41 64 61 .* {2}Dear Ada/);
  await click('as-hex');
  assert.equal(await previewed(), CONTENTS.text.toString());

  assert.equal(await show('image'), 'Image, image/png; checked against its ID.');
  await browser.until(`document.querySelector('#preview img').complete`);
  const picture = await browser.evaluate(`(({ src, naturalWidth, naturalHeight }) =>
    [src.slice(0, 5), naturalWidth, naturalHeight])(document.querySelector('#preview img'))`);
  assert.deepEqual(picture, ['blob:', 320, 200]);

  assert.match(await show('binary'), /^Whole object in hex/);
  assert.match(await previewed(), /^00000000 {2}00 07 0e 15 /);
  assert.equal(await show('empty'), 'The object is empty.');
  assert.match(await show('compressed'), /^First 65,536 bytes as text; checked/);
  assert.match(await show('huge'), /^First 65,536 bytes as text; not checked/);
  assert.match(await show('damaged'), /^Damaged: packs\/0/);
  assert.equal(await previewed(), undefined);
  assert.deepEqual(browser.messages, []);
});

test('nothing of an object is executed', { skip }, async () => {
  await pick();
  const title = await browser.evaluate('document.title');
  for (const name of ['html', 'svg']) {
    assert.match(await show(name), /as text/);
    assert.equal(await previewed(), CONTENTS[name].toString());
  }
  // Bytes that only begin as an image are shown in hex.
  assert.match(await show('falseImage'), /in hex/);
  assert.match(await previewed(), /^00000000 {2}89 50 4e 47/);
  const scripts = await browser.evaluate(`document.querySelectorAll('#preview script, #preview svg, #preview img').length`);
  assert.deepEqual([scripts, await browser.evaluate('document.title')], [0, title]);
  assert.deepEqual(browser.messages, []);
  // Even a mistake of the page could not make it markup, run it or send it away.
  const refused = (code) => browser.evaluate(`(async () => { ${code} })().then(() => false, () => true)`);
  assert.ok(await refused(`document.getElementById('preview').innerHTML = '<b>markup</b>'`));
  assert.ok(await refused(`await fetch('index.html')`));
  await browser.evaluate(`(() => { const script = document.createElement('a'); script.href = 'javascript:document.title="executed"';
    document.body.append(script); script.click(); script.remove(); })()`);
  assert.equal(await browser.evaluate('document.title'), title);
});

test('a downloaded object has its bytes', { skip }, async () => {
  const downloads = path.join(folder, 'downloads');
  await browser.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
  await pick();
  for (const name of ['text', 'html', 'compressed', 'large', 'empty', 'loose']) {
    await show(name);
    await click('download');
    await browser.until(`document.getElementById('object-status').textContent.startsWith('Downloaded')`);
    const file = path.join(downloads, id(name));
    for (let tries = 0; tries < 500 && !fs.existsSync(file); tries += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    assert.equal(sha256(fs.readFileSync(file)), id(name), name);
  }
  await show('damaged');
  await click('download');
  await browser.until(`document.getElementById('object-status').textContent.startsWith('Not downloaded')`);
  assert.equal(fs.existsSync(path.join(downloads, id('damaged'))), false);
});

test('verify finds exactly what is damaged', { skip }, async () => {
  await pick();
  assertDamageIsFound(await verify());
  assert.equal(fs.readdirSync(path.join(store, 'incoming')).length, 0);
});

test('a container whose index is damaged can still be verified', { skip }, async () => {
  const copy = path.join(folder, 'bad-index');
  fs.cpSync(store, copy, { recursive: true });
  fs.writeFileSync(path.join(copy, 'index/manifest.json'), 'damaged');
  await pick(copy);
  assert.match(await text('damage'), /^Damaged: index\/manifest.json/);
  const { said, findings } = await verify();
  assert.match(said, /^Damage found in/);
  assert.ok(findings.some((finding) => finding.includes('index/manifest.json')), findings.join('\n'));
});

test('a served container is read in ranges', { skip }, async () => {
  await serveFrom('store');
  assert.equal(await browser.evaluate(`document.getElementById('unlisted').hidden`), false);
  const before = server.requests.length;
  assert.match(await show('text'), /checked/);
  assert.equal(await previewed(), CONTENTS.text.toString());
  const packs = server.requests.slice(before).filter(({ method, path: name }) => method === 'GET' && name.startsWith('store/packs/'));
  assert.ok(packs.length > 0 && packs.every(({ range }) => range), JSON.stringify(packs));
  // Without a listing a loose object is found by its full ID.
  assert.equal((await search(id('loose').slice(0, 10))).length, 0);
  assert.match(await show('loose'), /checked/);
  assertDamageIsFound(await verify(), ids.length - 2);
});

test('a served container with a listing is whole', { skip }, async () => {
  for (const name of ['listed', 'whole']) {
    await serveFrom(name);
    assert.equal(await browser.evaluate(`document.getElementById('unlisted').hidden`), true);
    assert.equal((await search(id('loose').slice(0, 10))).length, 1);
    assert.match(await show('large'), /checked/);
    assertDamageIsFound(await verify());
  }
});

test('another server is not read', { skip }, async () => {
  await browser.go(`${server.address}/page/index.html?at=http://localhost:1/store/`);
  await browser.until(`!document.getElementById('failure').hidden`);
  assert.match(await text('failure'), /own server only/);
  await browser.go(`${server.address}/page/index.html?at=../absent`);
  await browser.until(`!document.getElementById('failure').hidden`);
  assert.match(await text('failure'), /There is no container at/);
});

test('the page is used with keys, and fits every width', { skip }, async () => {
  await pick();
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
  await verify();
  for (const [width, scheme] of [[1100, 'light'], [1100, 'dark'], [360, 'light'], [360, 'dark']]) {
    await browser.window(width, 900, scheme);
    for (const name of [undefined, 'text', 'image', 'binary']) {
      await (name ? show(name) : search(''));
      const wider = await browser.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok(wider <= 0, `${width}: ${wider}`);
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

// The example: an HTTP server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { open } from 'loosepack';
import { serve } from '../examples/server.mjs';
import { ABSENT, MIB, looseFile, noise, openFiles, scratch, setUp, sha256 } from './support.mjs';

/** A server in this process; gives its address. */
async function start(t, store, options) {
  const server = serve(store, options).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

const bytes = async (response) => Buffer.from(await response.arrayBuffer());

test('uploads come back, with ranges and validators', async (t) => {
  const { store } = setUp(t);
  const url = await start(t, store);
  const content = noise(3 * MIB + 7);
  const id = sha256(content);
  const body = Readable.toWeb(Readable.from([content.subarray(0, MIB), content.subarray(MIB)]));
  const posted = await fetch(url, { method: 'POST', body, duplex: 'half' });
  assert.deepEqual([posted.status, await posted.text(), posted.headers.get('location')], [201, `${id}\n`, `/${id}`]);

  const got = await fetch(url + id);
  assert.equal(got.status, 200);
  assert.equal(got.headers.get('etag'), `"${id}"`);
  assert.equal(got.headers.get('content-length'), String(content.length));
  assert.ok((await bytes(got)).equals(content));

  const head = await fetch(url + id, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(content.length)]);
  assert.equal((await bytes(head)).length, 0);

  const size = content.length;
  const ranges = {
    'bytes=0-0': [0, 0],
    [`bytes=${MIB - 1}-${MIB}`]: [MIB - 1, MIB],
    [`bytes=${size - 5}-`]: [size - 5, size - 1],
    'bytes=-9': [size - 9, size - 1],
    [`bytes=5-${10 * size}`]: [5, size - 1],
    [`bytes=-${10 * size}`]: [0, size - 1],
  };
  for (const [range, [first, last]] of Object.entries(ranges)) {
    const part = await fetch(url + id, { headers: { range } });
    assert.equal(part.status, 206, range);
    assert.equal(part.headers.get('content-range'), `bytes ${first}-${last}/${size}`);
    assert.ok((await bytes(part)).equals(content.subarray(first, last + 1)), range);
  }
  for (const range of [`bytes=${size}-`, 'bytes=-0']) {
    const none = await fetch(url + id, { headers: { range } });
    assert.deepEqual([none.status, none.headers.get('content-range')], [416, `bytes */${size}`], range);
    await none.text();
  }
  for (const headers of [{ range: 'bytes=0-1,4-5' }, { range: 'bytes=7-3' }, { range: 'bytes=0-0', 'if-range': '"x"' }]) {
    const whole = await fetch(url + id, { headers });
    assert.equal(whole.status, 200);
    assert.equal((await bytes(whole)).length, size);
  }
  for (const tag of [`"${id}"`, `"x", W/"${id}"`, '*']) {
    const same = await fetch(url + id, { headers: { 'if-none-match': tag } });
    assert.equal(same.status, 304);
  }
});

test('what is wrong is refused', async (t) => {
  const { store, folder } = setUp(t);
  const url = await start(t, store, { most: MIB });
  for (const name of [ABSENT, 'nonsense', '..%2f..%2fetc%2fpasswd', '']) {
    const response = await fetch(url + name);
    assert.equal(response.status, 404, name);
    await response.text();
  }
  const put = await fetch(url + ABSENT, { method: 'PUT', body: 'x' });
  assert.deepEqual([put.status, put.headers.get('allow')], [405, 'GET, HEAD, POST']);
  const empty = await fetch(url, { method: 'POST', body: '' });
  assert.equal(await empty.text(), `${sha256('')}\n`);
  const nothing = await fetch(url + sha256(''), { headers: { range: 'bytes=0-' } });
  assert.equal(nothing.status, 416);
  assert.equal((await fetch(url, { method: 'POST', body: noise(MIB) })).status, 201);
  assert.equal((await fetch(url, { method: 'POST', body: noise(MIB + 1) })).status, 413);
  // Without a length, the limit shows only while the body comes.
  const request = http.request(url, { method: 'POST' });
  request.on('error', () => {});
  request.write(noise(MIB));
  request.end(noise(2));
  const [response] = await once(request, 'response').catch(() => [undefined]);
  assert.ok(response === undefined || response.statusCode === 413);
  const id = store.add(noise(2 * MIB));
  fs.writeFileSync(looseFile(folder, id), noise(2 * MIB).fill(0, 5, 6));
  await assert.rejects(async () => bytes(await fetch(url + id)), 'a damaged object never comes whole');
  assert.equal(store.stats().unfinished, 0);
});

test('a client that leaves costs nothing', async (t) => {
  const { store, folder } = setUp(t);
  const url = await start(t, store);
  const id = store.add(noise(16 * MIB));
  const before = openFiles(folder);
  const reading = http.get(url + id);
  const [response] = await once(reading, 'response');
  await once(response, 'data');
  reading.destroy();
  const writing = http.request(url, { method: 'POST' });
  writing.on('error', () => {});
  await new Promise((resolve) => writing.write(noise(MIB), resolve));
  while (store.stats().unfinished === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  writing.destroy();
  for (let waited = 0; openFiles(folder) !== before || store.stats().unfinished > 0; waited += 1) {
    assert.ok(waited < 400, `${openFiles(folder)} files are open, ${before} were`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

test('it runs as a program, in bounded memory', { skip: process.platform === 'win32' }, async (t) => {
  const folder = path.join(scratch(t), 'store');
  const script = fileURLToPath(new URL('../examples/server.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, folder, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const url = String((await once(child.stdout, 'data'))[0]).trim();
  const resident = () => {
    const status = fs.existsSync(`/proc/${child.pid}/status`) ? fs.readFileSync(`/proc/${child.pid}/status`, 'utf8') : '';
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  };
  const small = await fetch(url, { method: 'POST', body: 'small' });
  assert.equal(small.status, 201);
  const before = resident();
  const piece = noise(MIB);
  const body = Readable.toWeb(Readable.from(Array.from({ length: 192 }, () => piece)));
  const id = (await (await fetch(url, { method: 'POST', body, duplex: 'half' })).text()).trim();
  let given = 0;
  for await (const chunk of (await fetch(url + id)).body) {
    given += chunk.length;
  }
  assert.equal(given, 192 * MIB);
  assert.ok(resident() - before < 96, `${before} MiB, then ${resident()}`);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  const store = open(folder);
  assert.deepEqual([...store].sort(), [id, sha256('small')].sort());
  store.close();
});

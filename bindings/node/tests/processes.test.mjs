// Several processes, and the command `loosepack`.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { open } from 'loosepack';
import { SIZES, collect, noise, scratch, setUp, sha256 } from './support.mjs';

const command = process.env.LOOSEPACK_COMMAND;
const withCommand = { skip: fs.existsSync(command ?? '') ? false : 'the command is not built' };

/** Another process that runs a script; it has `store`. */
function inProcess(folder, script) {
  const code = `import { open } from 'loosepack'; const store = open(${JSON.stringify(folder)}); ${script}`;
  const cwd = path.dirname(fileURLToPath(import.meta.url));
  return spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
}

test('a packer of another process excludes ours, until it is killed and unlocked', async (t) => {
  const { store, folder } = setUp(t);
  const id = store.add(Buffer.from('bytes'));
  const script = "globalThis.writer = store.packWriter(); console.log('packing'); process.stdin.resume();";
  const child = inProcess(folder, script);
  t.after(() => child.kill('SIGKILL'));
  assert.equal(String((await once(child.stdout, 'data'))[0]), 'packing\n');
  const locked = { name: 'LockedError', message: new RegExp(`pid ${child.pid} on`) };
  assert.throws(() => store.packWriter(), locked);
  await assert.rejects(store.pack().finish(), locked);
  assert.equal(store.add(Buffer.from('more')), sha256('more'), 'adding goes on');
  if (store.engine === 'addon') {
    assert.throws(() => store.unlock(), locked, 'the operating system knows that it lives');
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  if (store.engine === 'component') {
    await assert.rejects(store.pack().finish(), locked);
    assert.match(store.unlock(), new RegExp(`pid ${child.pid} on`));
  }
  // The lock of the operating system is free at once.
  assert.equal((await store.pack().finish()).objects, 2);
  assert.equal(store.unlock(), undefined);
  assert.equal(String(store.get(id)), 'bytes');
});

test('many processes add while one packs and cleans', async (t) => {
  const { store, folder } = setUp(t);
  const adders = Array.from({ length: 3 }, (_, number) => {
    const script = `for (let n = 0; n < 60; n += 1) console.log(store.add(Buffer.from('${number} ' + n % 50)));`;
    return inProcess(folder, script);
  });
  const outputs = adders.map((adder) => collect(adder.stdout));
  const exits = adders.map((adder) => once(adder, 'exit'));
  for (let running = true; running; ) {
    running = adders.some((adder) => adder.exitCode === null);
    await store.pack({ clean: true }).finish();
  }
  const lines = (await Promise.all(outputs)).flatMap((output) => String(Buffer.concat(output)).trim().split('\n'));
  assert.deepEqual((await Promise.all(exits)).map(([status]) => status), [0, 0, 0]);
  assert.equal(lines.length, 180);
  await store.pack({ clean: true }).finish();
  assert.deepEqual([...store], [...new Set(lines)].sort());
  assert.equal([...store.readMany(lines)].length, 150);
  assert.equal((await store.verify().finish()).ok, true);
});

test('a thread of its own keeps the others free', async (t) => {
  const { store, folder } = setUp(t);
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { open } from ${JSON.stringify(import.meta.resolve('loosepack'))};
    const store = open(workerData);
    parentPort.postMessage(store.add(Buffer.from('of a thread')));
    store.close();`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: folder });
  // It may be gone by the time that its message is read.
  const exit = once(worker, 'exit');
  const [id] = await once(worker, 'message');
  await exit;
  assert.equal(String(store.get(id)), 'of a thread');
});

test('what the command wrote is read, and the other way', withCommand, async (t) => {
  const root = scratch(t);
  const folder = path.join(root, 'store');
  const run = (...args) => execFileSync(command, ['-C', folder, ...args], { cwd: root, encoding: 'utf8' });
  run('init');
  const contents = [...SIZES.map(noise), Buffer.from('text '.repeat(100_000))];
  const files = contents.map((content, index) => {
    fs.writeFileSync(path.join(root, String(index)), content);
    return String(index);
  });
  const ids = contents.map(sha256);
  run('add', ...files.slice(0, 5));
  run('pack');
  run('add', ...files.slice(5));
  run('add', '--to-pack', files.at(-1));
  const store = open(folder);
  t.after(() => store.close());
  assert.deepEqual([...store], [...ids].sort());
  assert.deepEqual(new Map(store.readMany(ids)), new Map(ids.map((id, index) => [id, contents[index]])));
  for (const [index, id] of ids.entries()) {
    assert.ok(Buffer.concat(await collect(store.createReadStream(id))).equals(contents[index]));
  }
  const ours = store.add(Buffer.from('of Node'));
  const writer = store.packWriter();
  const packed = writer.add(Buffer.from('of Node, packed'));
  const refused = spawnSync(command, ['-C', folder, 'pack'], { encoding: 'utf8' });
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, new RegExp(`pid ${process.pid} on`), 'locks of both kinds exclude each other');
  writer.finish();
  assert.equal(run('get', ours), 'of Node');
  assert.equal(run('get', packed), 'of Node, packed');
  run('pack', '--clean');
  assert.match(run('verify'), /no damage/);
  assert.equal(String(store.get(ours)), 'of Node', 'what moved is found');
  run('delete', ids[3]);
  assert.equal(store.stats().packedObjects, ids.length + 1);
  assert.throws(() => store.get(ids[3]), { name: 'NotFoundError' });
});

// What a container can reach, and what its failures leave behind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { create, open } from 'loosepack';
import { MIB, looseFile, noise, openFiles, scratch, setUp, sha256 } from './support.mjs';

// Not exported: the package's own host, without the component.
const installed = path.dirname(fileURLToPath(import.meta.resolve('loosepack')));
const { closeAll, grant } = await import(path.join(installed, 'wasi.js'));
const READ = { read: true };
const WRITE = { read: true, write: true };

/** The code that a call of the host fails with. */
function code(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  return assert.fail('it did not fail');
}

test('no path leads out of a granted directory', (t) => {
  const root = scratch(t);
  const inside = path.join(root, 'inside');
  fs.mkdirSync(path.join(inside, 'folder'), { recursive: true });
  fs.writeFileSync(path.join(root, 'secret'), 'secret');
  fs.writeFileSync(path.join(inside, 'file'), 'file');
  fs.symlinkSync(root, path.join(inside, 'out'));
  fs.symlinkSync('folder', path.join(inside, 'in'));
  fs.symlinkSync(path.join(root, 'secret'), path.join(inside, 'link'));
  const open = new Set();
  const dir = grant(inside, open);
  t.after(() => closeAll(open));
  const calls = (name) => [
    () => dir.openAt({}, name, {}, READ),
    () => dir.openAt({}, name, { create: true, truncate: true }, WRITE),
    () => dir.openAt({ symlinkFollow: true }, name, {}, READ),
    () => dir.statAt({ symlinkFollow: true }, name),
    () => dir.createDirectoryAt(name),
    () => dir.unlinkFileAt(name),
    () => dir.renameAt('file', dir, name),
    () => dir.renameAt(name, dir, 'stolen'),
    () => dir.linkAt({}, name, dir, 'stolen'),
    () => dir.linkAt({}, 'file', dir, name),
  ];
  const forbidden = ['../secret', '..', 'folder/../../secret', path.join(root, 'secret'), '/', '', 'folder//file', './file'];
  forbidden.push('folder/', 'file\0');
  for (const name of forbidden) {
    for (const call of calls(name)) {
      assert.equal(code(call), 'not-permitted', name);
    }
  }
  for (const name of ['out/secret', 'in/file', 'link/file']) {
    for (const call of calls(name)) {
      assert.equal(code(call), 'loop', name);
    }
  }
  for (const call of calls('file/file')) {
    assert.equal(code(call), 'not-directory');
  }
  for (const call of calls('absent/file')) {
    assert.equal(code(call), 'no-entry');
  }
  assert.equal(code(() => dir.openAt({ symlinkFollow: true }, 'link', {}, READ)), 'loop');
  assert.ok(['loop', 'not-directory'].includes(code(() => dir.openAt({}, 'out', { directory: true }, READ))));
  assert.equal(dir.statAt({ symlinkFollow: true }, 'link').type, 'symbolic-link');
  assert.equal(fs.readFileSync(path.join(root, 'secret'), 'utf8'), 'secret');
  assert.deepEqual(fs.readdirSync(root).sort(), ['inside', 'secret']);
  assert.equal(open.size, 0);
});

test('descriptors do as WASI says', (t) => {
  const root = scratch(t);
  const open = new Set();
  const dir = grant(root, open);
  const create = { create: true, exclusive: true };
  const file = dir.openAt({}, 'file', create, WRITE);
  assert.equal(code(() => dir.openAt({}, 'file', create, WRITE)), 'exist');
  assert.equal(file.write(Buffer.from('hello'), 0n), 5n);
  assert.equal(file.write(Buffer.from('J'), 0n), 1n);
  assert.deepEqual(file.read(3n, 1n).map(String), ['101,108,108', 'false']);
  assert.deepEqual(file.read(2n ** 64n - 1n, 5n).map(String), ['', 'true']);
  file.setSize(2n);
  file.syncData();
  const { type, size, linkCount, dataModificationTimestamp } = file.stat();
  assert.deepEqual([type, size, linkCount], ['regular-file', 2n, 1n]);
  assert.ok(Math.abs(Number(dataModificationTimestamp.seconds) - Date.now() / 1000) < 60);
  for (const call of [() => file.readDirectory(), () => file.openAt({}, 'x', {}, READ)]) {
    assert.equal(code(call), 'not-directory');
  }
  const self = dir.openAt({}, '.', { directory: true }, READ);
  assert.equal(self.stat().type, 'directory');
  self.sync();
  const entries = self.readDirectory();
  assert.deepEqual([entries.readDirectoryEntry(), entries.readDirectoryEntry()], [
    { name: 'file', type: 'regular-file' },
    undefined,
  ]);
  for (const call of [() => self.read(1n, 0n), () => self.write(Buffer.from('x'), 0n), () => self.setSize(0n)]) {
    assert.equal(code(call), 'is-directory');
  }
  const shown = dir.openAt({}, 'file', {}, READ);
  assert.equal(code(() => shown.write(Buffer.from('x'), 0n)), 'bad-descriptor');
  assert.equal(open.size, 3);
  file[Symbol.dispose]();
  file[Symbol.dispose]();
  assert.equal(code(() => file.read(1n, 0n)), 'bad-descriptor');
  closeAll(open);
  assert.equal(code(() => shown.read(1n, 0n)), 'bad-descriptor');
  const other = fs.openSync(path.join(root, 'file'));
  shown[Symbol.dispose]();
  fs.fstatSync(other);
  fs.closeSync(other);
});

test('a pipe in place of a file is not waited for', { skip: process.platform === 'win32' }, (t) => {
  const { store, folder } = setUp(t);
  const id = store.add(Buffer.from('bytes'));
  fs.rmSync(looseFile(folder, id));
  execFileSync('mkfifo', [looseFile(folder, id)]);
  assert.throws(() => store.get(id), (error) => ['corrupt', 'io', 'not-found'].includes(error.code));
  const open = new Set();
  const pipe = grant(folder, open).openAt({}, path.relative(folder, looseFile(folder, id)), {}, READ);
  pipe[Symbol.dispose]();
});

test('links in a container are not followed', (t) => {
  const { store, folder, root } = setUp(t);
  const id = store.add(Buffer.from('bytes'));
  fs.renameSync(looseFile(folder, id), path.join(root, 'bytes'));
  fs.symlinkSync(path.join(root, 'bytes'), looseFile(folder, id));
  assert.throws(() => store.get(id), { name: /Error$/ });
  const shard = path.dirname(looseFile(folder, id));
  fs.rmSync(shard, { recursive: true });
  fs.mkdirSync(path.join(root, 'shard'));
  fs.renameSync(path.join(root, 'bytes'), path.join(root, 'shard', path.basename(looseFile(folder, id))));
  fs.symlinkSync(path.join(root, 'shard'), shard);
  assert.throws(() => store.get(id), { name: /Error$/ });
});

test('containers are apart', async (t) => {
  const root = scratch(t);
  const stores = Array.from({ length: 20 }, (_, number) => create(path.join(root, String(number)), { durable: false }));
  const ids = stores.map((store, number) => store.add(Buffer.from(`of ${number}`)));
  const [first, second] = stores;
  const writer = first.packWriter();
  const packed = second.packWriter();
  packed.add(Buffer.from('packed'));
  packed.finish();
  writer.add(Buffer.from('of the first'));
  first.close();
  for (const [number, store] of stores.entries()) {
    if (number > 0) {
      assert.equal(String(store.get(ids[number])), `of ${number}`);
      assert.deepEqual(store.has([ids[0], ids[number]]), [false, true]);
    }
  }
  const again = open(path.join(root, '0'));
  assert.deepEqual([...again], [ids[0]], 'what was not committed is given up');
  await again.pack().finish();
  for (const store of [again, ...stores]) {
    store.close();
  }
  assert.ok(!openFiles(root));
});

test('a container that is forgotten gives its files back', { skip: !globalThis.gc }, async (t) => {
  const root = scratch(t);
  create(path.join(root, 'store')).close();
  for (let number = 0; number < 20; number += 1) {
    open(path.join(root, 'store'));
  }
  assert.ok((openFiles(root) ?? 1) > 0);
  for (let waited = 0; (openFiles(root) ?? 0) > 0; waited += 1) {
    assert.ok(waited < 100, `${openFiles(root)} files are open`);
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test('a whole object that is larger than the sandbox is read all the same', async (t) => {
  const { store } = setUp(t);
  const piece = noise(8 * MIB);
  async function* pieces() {
    for (let number = 0; number < 72; number += 1) {
      yield piece;
    }
  }
  const id = await store.add(pieces());
  const content = store.get(id);
  assert.equal(content.length, 576 * MIB);
  assert.equal(sha256(content), id);
});

test('a sandbox that runs out of memory stops alone', (t) => {
  const { store, root } = setUp(t);
  const other = create(path.join(root, 'other'), { durable: false });
  t.after(() => other.close());
  const kept = store.add(Buffer.from('kept'));
  const writer = store.packWriter();
  assert.throws(() => writer.add(Buffer.alloc(600 * MIB)), { name: 'TrapError', code: 'trap' });
  assert.throws(() => store.get(kept), { name: 'TrapError' });
  assert.equal(other.add(Buffer.from('kept')), kept);
  store.close();
  const again = open(store.path);
  assert.equal(String(again.get(kept)), 'kept');
  again.close();
});

// The explorer's file system under the component, without a browser.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { imports, root } from '../../docs/explorer/filesystem.js';
import { instantiate } from '../../target/explorer/component/loosepack.js';
import { CONTENTS, makeContainer, sha256 } from './samples.mjs';

const OPTIONS = { access: 'read-only', durability: 'none', verify: true, holder: '' };
const COMPONENT = new URL('../../target/explorer/component/', import.meta.url);
const READ_MAX = 4 << 20;

/** The tree of a folder, which records how much is read at once. */
function treeOf(folder, lengths = []) {
  const at = (name) => path.join(folder, name);
  return {
    look(name) {
      const found = fs.statSync(at(name), { throwIfNoEntry: false });
      const type = found?.isDirectory() ? 'directory' : 'file';
      return found && { type, size: found.size, modified: found.mtimeMs };
    },
    list(name) {
      return fs.readdirSync(at(name)).map((entry) => ({ name: entry, type: this.look(path.join(name, entry)).type }));
    },
    read(name, offset, length) {
      lengths.push(length);
      return fs.readFileSync(at(name)).subarray(offset, offset + length);
    },
  };
}

function scratch(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'loosepack-explorer-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test('the component reads through it, a bounded number of bytes at a time', async (t) => {
  const { store, ids } = makeContainer(scratch(t));
  const load = async (name) => WebAssembly.compile(fs.readFileSync(new URL(name, COMPONENT)));
  const { container: { Container }, maintenance } = await instantiate(load, imports);
  const lengths = [];
  const container = Container.open(root(treeOf(store, lengths)), OPTIONS);
  assert.equal(container.durability(), 'none');
  const listed = container.objects(undefined, 1000);
  assert.deepEqual(Buffer.from(listed).toString('hex').match(/.{64}/g), ids);
  for (const [name, content] of Object.entries(CONTENTS)) {
    if (name !== 'damaged') {
      assert.equal(sha256(container.get(sha256(content))), sha256(content), name);
    }
  }
  const job = maintenance.verify(container, { completed: 0n, shard: 0, shards: 1 });
  const problems = [];
  for (let progress; !progress?.finished; problems.push(...progress.problems)) {
    progress = job.step();
  }
  assert.deepEqual(problems.map(({ file }) => file.split(/\W+/).slice(0, 2)), [['packs', '0']]);
  assert.ok(lengths.every((length) => length <= READ_MAX));
  const config = { packTarget: 1n, compressionLevel: 1, shared: 'umask' };
  const writable = { ...OPTIONS, access: 'read-write' };
  const writers = [
    () => Container.open(root(treeOf(store)), writable).add(new Uint8Array(1)),
    () => Container.create(root(treeOf(scratch(t))), config, writable),
  ];
  for (const write of writers) {
    assert.throws(write, ({ payload }) => payload.tag === 'read-only' || payload.val.code === 'read-only');
  }
});

test('nothing is reached but what is below the root, and nothing is written', (t) => {
  const folder = scratch(t);
  fs.mkdirSync(path.join(folder, 'sub'));
  fs.writeFileSync(path.join(folder, 'file'), 'content');
  const dir = root(treeOf(folder));
  const below = dir.openAt({}, 'sub', { directory: true }, { read: true });
  const fails = (call, code) => assert.throws(call, (error) => error === code);
  for (const name of ['..', '../file', 'sub/../../x', '/', '/etc/passwd']) {
    fails(() => dir.openAt({}, name, {}, { read: true }), 'not-permitted');
    fails(() => below.statAt({}, name), 'not-permitted');
  }
  fails(() => dir.openAt({}, 'absent', {}, { read: true }), 'no-entry');
  fails(() => dir.openAt({}, 'file', { directory: true }, { read: true }), 'not-directory');
  fails(() => dir.openAt({}, 'new', { create: true }, { read: true }), 'read-only');
  fails(() => dir.openAt({}, 'file', {}, { write: true }), 'read-only');
  fails(() => below.read(1n, 0n), 'is-directory');
  const file = dir.openAt({}, './/file', {}, { read: true });
  fails(() => file.readDirectory(), 'not-directory');
  for (const change of ['write', 'setSize', 'createDirectoryAt', 'linkAt', 'renameAt', 'unlinkFileAt']) {
    fails(() => file[change](), 'read-only');
  }
  assert.deepEqual(file.read(4n, 3n), [Buffer.from('tent'), false]);
  assert.deepEqual(file.read(10n, 3n), [Buffer.from('tent'), true]);
  assert.equal(file.stat().size, 7n);
});

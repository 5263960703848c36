// Adding, reading and asking.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import * as loosepack from 'loosepack';
import { create, open } from 'loosepack';
import { ABSENT, MIB, SIZES, collect, looseFile, noise, scratch, setUp, sha256 } from './support.mjs';

test('what goes in comes out, loose and packed, of any size', async (t) => {
  const { store, root } = setUp(t, { durable: true });
  const ids = SIZES.map((size) => store.add(noise(size)));
  assert.deepEqual(ids, SIZES.map((size) => sha256(noise(size))));
  for (const placement of ['loose', 'packed']) {
    for (const [index, size] of SIZES.entries()) {
      const content = store.get(ids[index]);
      assert.ok(Buffer.isBuffer(content));
      assert.ok(content.equals(noise(size)), `${size} bytes, ${placement}`);
      const info = store.info(ids[index]);
      assert.deepEqual([info.id, info.size, info.placement], [ids[index], size, placement]);
      const file = path.join(root, 'file');
      assert.equal(store.getToFile(ids[index], file), size);
      assert.ok(fs.readFileSync(file).equals(noise(size)));
    }
    await store.pack({ compression: 'always', clean: true }).finish();
  }
});

test('content is any kind of bytes', (t) => {
  const { store } = setUp(t);
  const words = new Uint16Array([1, 2, 3, 4]);
  const id = sha256(Buffer.from(words.buffer, 2, 4));
  const kinds = [
    Buffer.from(words.buffer, 2, 4),
    new Uint8Array(words.buffer, 2, 4),
    words.subarray(1, 3),
    new DataView(words.buffer, 2, 4),
    words.buffer.slice(2, 6),
  ];
  assert.deepEqual(kinds.map((kind) => store.add(kind)), kinds.map(() => id));
  assert.deepEqual(store.addMany(kinds), kinds.map(() => id));
  for (const wrong of ['text', 7, null, undefined, {}, [1, 2]]) {
    assert.throws(() => store.add(wrong), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => store.addMany([wrong]), TypeError);
  }
  for (const wrong of ['text', Buffer.from('bytes'), 7, undefined]) {
    assert.throws(() => store.addMany(wrong), TypeError);
  }
});

test('content may come piece by piece', async (t) => {
  const { store } = setUp(t);
  const content = noise(2 * MIB + 5);
  async function* pieces() {
    for (let at = 0; at < content.length; at += 100_000) {
      yield content.subarray(at, at + 100_000);
    }
  }
  assert.equal(await store.add(pieces()), sha256(content));
  async function* broken() {
    yield content;
    throw new Error('the source broke');
  }
  await assert.rejects(store.add(broken()), /the source broke/);
  async function* words() {
    yield 'text';
  }
  await assert.rejects(store.add(words()), TypeError);
  assert.deepEqual([store.stats().looseObjects, store.stats().unfinished], [1, 0]);
});

test('files are added by path', (t) => {
  const { store, root } = setUp(t);
  const paths = ['a', 'folder/b', 'c', 'folder/d'].map((name) => path.join(root, 'files', name));
  fs.mkdirSync(path.join(root, 'files/folder'), { recursive: true });
  for (const file of paths) {
    fs.writeFileSync(file, file);
  }
  const ids = paths.map(sha256);
  assert.deepEqual(store.addFiles(paths), ids);
  assert.equal(store.addFile(pathToFileURL(paths[0])), ids[0]);
  fs.symlinkSync(paths[1], path.join(root, 'link'));
  assert.equal(store.addFile(path.join(root, 'link')), ids[1], 'a link is followed');
  const absent = path.join(root, 'absent');
  const failure = { name: 'StorageError', code: 'io', file: absent, operation: 'open', reason: 'no-entry' };
  assert.throws(() => store.addFile(absent), failure);
  const folder = path.join(root, 'files');
  assert.throws(() => store.addFiles([paths[0], folder]), { name: 'StorageError', file: folder });
  assert.throws(() => store.addFile(Buffer.from('x')), TypeError);
  const nowhere = path.join(root, 'nowhere/file');
  assert.throws(() => store.getToFile(ids[0], nowhere), { name: 'StorageError', reason: 'no-entry' });
});

test('many are read, each once', async (t) => {
  const { store, folder } = setUp(t);
  const contents = Array.from({ length: 3000 }, (_, number) => Buffer.from(`object ${number} `.repeat(number % 300)));
  const packed = store.addMany(contents.slice(0, 1500));
  await store.pack({ clean: true }).finish();
  const large = store.add(noise(9 * MIB));
  const ids = [...packed, ...store.addMany(contents.slice(1500)), large];
  const expected = new Map(contents.map((content, index) => [ids[index], content]));
  expected.set(large, noise(9 * MIB));
  for (const found of [await collect(store.readMany([...ids, ...ids])), [...store.readMany(new Set(ids))]]) {
    assert.equal(found.length, expected.size);
    for (const [id, content] of found) {
      assert.ok(Buffer.isBuffer(content) && content.equals(expected.get(id)), id);
    }
  }
  const damaged = store.add(Buffer.from('sound'));
  fs.writeFileSync(looseFile(folder, damaged), 'sOund');
  const asked = [ABSENT, damaged, ids[1]];
  await assert.rejects(collect(store.readMany([ABSENT])), { name: 'NotFoundError', id: ABSENT });
  await assert.rejects(collect(store.readMany([damaged], { skipMissing: true })), { name: 'CorruptError' });
  assert.deepEqual([...store.readMany([ABSENT], { skipMissing: true })], []);
  const errors = new Map();
  const rest = [...store.readMany(asked, { onError: (error, id) => errors.set(id, error.code) })];
  assert.deepEqual([rest, errors], [[[ids[1], contents[1]]], new Map([[ABSENT, 'not-found'], [damaged, 'corrupt']])]);
});

test('ids are listed and asked for', async (t) => {
  const { store } = setUp(t);
  assert.deepEqual([...store], []);
  const contents = Array.from({ length: 10_500 }, (_, number) => Buffer.from(String(number)));
  const writer = store.packWriter();
  const ids = writer.addMany(contents);
  writer.finish();
  store.addMany(contents.slice(0, 10));
  const loose = store.add(Buffer.from('loose'));
  const sorted = [...ids, loose].sort();
  assert.deepEqual([...store], sorted);
  assert.deepEqual(await collect(store), sorted);
  assert.equal(store.has(ids[0]), true);
  assert.equal(store.has(ABSENT), false);
  assert.deepEqual(store.has([ABSENT, ids[7]]), [false, true]);
  const [none, some] = store.infoMany([ABSENT, ids[7]]);
  assert.equal(none, undefined);
  assert.deepEqual(some, store.info(ids[7]));
  assert.deepEqual([some.placement, some.size, some.pack, some.compressed], ['packed', 1, 0, false]);
  const { packedObjects, looseObjects, loosePacked, packs } = store.stats();
  assert.deepEqual([packedObjects, looseObjects, loosePacked, packs], [10_500, 1, 0, 1]);
  const [pack] = store.packs();
  assert.deepEqual([pack.number, pack.objects, pack.size > 0, pack.size === pack.live], [0, 10_500, true, true]);
});

test('settings are kept', (t) => {
  const { store, folder } = setUp(t, { packTarget: 1 << 20, compressionLevel: 9 });
  assert.deepEqual(store.config, { packTarget: 1 << 20, compressionLevel: 9, shared: false });
  assert.match(store.id, /^[0-9a-f]{32}$/);
  assert.equal(store.path, folder);
  assert.equal(store.durable, false);
  const durable = open(pathToFileURL(folder));
  assert.deepEqual([durable.id, durable.durable], [store.id, process.platform !== 'win32']);
  durable.close();
  const root = scratch(t);
  for (const wrong of [{ packTarget: 0 }, { packTarget: 1.5 }, { compressionLevel: 10 }, { compressionLevel: '1' }]) {
    assert.throws(() => create(path.join(root, 'new'), wrong), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  }
  assert.deepEqual(fs.readdirSync(root), []);
});

test('a malformed id is told from one that is absent', async (t) => {
  const { store, root } = setUp(t);
  const calls = [
    (id) => store.get(id),
    (id) => store.info(id),
    (id) => store.has(id),
    (id) => store.has([id]),
    (id) => store.infoMany([id]),
    (id) => store.readMany([id]),
    (id) => store.createReadStream(id),
    (id) => store.getToFile(id, path.join(root, 'file')),
    (id) => store.delete([id]),
    (id) => store.gc([id]),
    (id) => store.importFrom(root, [id]),
  ];
  for (const call of calls) {
    for (const id of ['', '../../etc/passwd', ABSENT.toUpperCase(), `${ABSENT}0`, ABSENT.slice(1), 'g'.repeat(64)]) {
      assert.throws(() => call(id), { name: 'InvalidIdError', code: 'invalid-id', id });
    }
    for (const id of [7, null, undefined, Buffer.alloc(32)]) {
      assert.throws(() => call(id), TypeError);
    }
  }
  for (const call of calls.slice(4, 6).concat((ids) => store.delete(ids))) {
    assert.throws(() => store.infoMany(ABSENT), TypeError, 'a lone ID is no list of IDs');
    assert.equal(call.length, 1);
  }
  for (const call of calls.slice(0, 2)) {
    assert.throws(() => call(ABSENT), { name: 'NotFoundError', code: 'not-found', id: ABSENT });
  }
});

test('a failure has a class, a code and a file', (t) => {
  const { store, folder, root } = setUp(t);
  const id = store.add(Buffer.from('sound'));
  fs.writeFileSync(looseFile(folder, id), 'SOUND');
  const file = path.relative(folder, looseFile(folder, id)).replaceAll(path.sep, '/');
  for (const call of [() => store.get(id), () => store.getToFile(id, path.join(root, 'file'))]) {
    assert.throws(call, (error) => {
      assert.ok(error instanceof loosepack.CorruptError && error instanceof loosepack.LoosepackError);
      assert.deepEqual([error.name, error.code, error.file], ['CorruptError', 'corrupt', file]);
      assert.ok(error.message.includes(file));
      return true;
    });
  }
  assert.ok(!fs.existsSync(path.join(root, 'file')));
  assert.throws(() => open(root), { name: 'NoContainerError', code: 'no-container' });
  assert.throws(() => open(path.join(root, 'absent')), { name: 'NoContainerError' });
  assert.throws(() => create(folder), { name: 'AlreadyExistsError', code: 'already-exists' });
  const reader = open(folder, { readOnly: true });
  assert.throws(() => reader.add(Buffer.from('more')), { name: 'ReadOnlyError', code: 'read-only' });
  assert.throws(() => reader.packWriter(), { name: 'ReadOnlyError' });
  reader.close();
  fs.writeFileSync(path.join(folder, 'container.json'), '{"format":7}');
  assert.throws(() => open(folder), { name: 'UnsupportedFormatError', code: 'unsupported-format', format: 7 });
});

test('a closed container says so', (t) => {
  const { store } = setUp(t);
  const id = store.add(Buffer.from('bytes'));
  const writer = store.packWriter();
  store.close();
  store.close();
  assert.equal(store.closed, true);
  for (const call of [() => store.get(id), () => store.add(Buffer.from('more')), () => [...store], () => store.id]) {
    assert.throws(call, { name: 'ClosedError', code: 'closed' });
  }
  assert.throws(() => writer.add(Buffer.from('more')), { name: 'ClosedError' });
  writer[Symbol.dispose]();
});

// The portable component in Node: `cargo xtask test` transpiles it with jco and runs this.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import * as component from '../../target/node/portable/loosepack.js';
import {
  _clearPreopens,
  _createPreopenDescriptor as grant,
  _setPreopens,
  types,
} from '../../target/node/node_modules/@bytecodealliance/preview2-shim/dist/nodejs/filesystem.js';

const { Container, ObjectWriter } = component.container;
const { PackWriter, clean, forceUnlock, packLoose } = component.maintenance;
const { LazyStream } = component.sources;

const MIB = 1 << 20;
const CONFIG = { packTarget: 4n << 30n, compressionLevel: 1, shared: 'umask' };
const OPTIONS = { access: 'read-write', durability: 'none', verify: true, holder: 'the first' };

const sha256 = (content) => createHash('sha256').update(content).digest('hex');
const bytes = (text) => new TextEncoder().encode(text);
const ABSENT = sha256('absent');

/** A directory of a test's own. What is given to `keep` is dropped before the directory is removed. */
function scratch(t) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'loosepack-test-'));
  const kept = [];
  t.after(() => {
    for (const resource of kept.reverse()) {
      resource[Symbol.dispose]();
    }
    fs.rmSync(root, { recursive: true });
  });
  return {
    root,
    keep(resource) {
      kept.push(resource);
      return resource;
    },
  };
}

/** A new container, the directory `store` it is in, and a directory `files` beside it. */
function setUp(t, options = {}, config = {}) {
  const { root, keep } = scratch(t);
  const [store, files] = ['store', 'files'].map((name) => path.join(root, name));
  fs.mkdirSync(store);
  fs.mkdirSync(files);
  const container = keep(Container.create(grant(store), { ...CONFIG, ...config }, { ...OPTIONS, ...options }));
  return { container, store, files, keep };
}

/** Calls a function that has to fail; gives the case of `error` it fails with. */
function failure(call) {
  try {
    call();
  } catch (error) {
    assert.equal(error.constructor.name, 'ComponentError', error.stack);
    return error.payload;
  }
  return assert.fail('it did not fail');
}

/** Does a job to its end; gives its steps. */
function finish(job) {
  const steps = [];
  do {
    steps.push(job.step());
    assert.ok(steps.length < 10_000);
  } while (!steps.at(-1).finished);
  job[Symbol.dispose]();
  return steps;
}

function listFiles(directory) {
  const entries = fs.readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

function looseFile(store, id) {
  return path.join(store, 'loose', id.slice(0, 2), id.slice(2));
}

/** Ids as calls take many of them: 32 bytes each. */
function digests(ids) {
  return new Uint8Array(Buffer.from(ids.join(''), 'hex'));
}

/** The ids that 32 bytes each are. */
function idsOf(bytes) {
  return Array.from({ length: bytes.length / 32 }, (_, n) => Buffer.from(bytes.slice(32 * n, 32 * n + 32)).toString('hex'));
}

/** All pages of a listing. */
function listObjects(container, limit) {
  const ids = [];
  for (;;) {
    const page = idsOf(container.objects(ids.at(-1), limit));
    if (page.length === 0) {
      return ids;
    }
    assert.ok(page.length <= limit);
    assert.ok(ids.length === 0 || page[0] > ids.at(-1));
    ids.push(...page);
  }
}

/** Reads an object to its end from where its reader is. */
function readRest(reader) {
  const pieces = [];
  for (;;) {
    const piece = reader.read(1n << 40n);
    if (piece.length === 0) {
      return Buffer.concat(pieces);
    }
    pieces.push(piece);
  }
}

/** Replaces a method of the host's descriptors until the test ends, or the function is called that this gives. */
function replace(t, name, replacement) {
  const original = types.Descriptor.prototype[name];
  const restore = () => {
    types.Descriptor.prototype[name] = original;
  };
  t.after(restore);
  types.Descriptor.prototype[name] = replacement(original);
  return restore;
}

/** Like `deepEqual`, which is slow at describing how long lists differ. */
function assertSame(found, expected) {
  assert.deepEqual(found.filter((item, number) => item !== expected[number]).slice(0, 3), []);
  assert.equal(found.length, expected.length);
}

function openFiles() {
  return fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : null;
}

test('an id is the SHA-256', (t) => {
  const { container } = setUp(t, { durability: 'full' });
  for (const content of [new Uint8Array(), bytes('hello'), randomBytes(100_000), randomBytes(3 * MIB)]) {
    const id = container.add(content);
    assert.equal(id, sha256(content));
    assert.equal(container.add(content), id, 'the second time');
    assert.deepEqual(Buffer.from(container.get(id)), Buffer.from(content));
  }
  assert.equal(container.stats().looseObjects, 4n);
});

test('a directory is named as it was preopened', (t) => {
  const { root } = scratch(t);
  t.after(_clearPreopens);
  _setPreopens({ '/somewhere': os.tmpdir(), '/store': root });
  const { preopened } = component.preopens;
  for (const other of ['/', '/store/', '/store/loose', 'store', '', root]) {
    assert.equal(preopened(other), undefined, other);
  }
  const container = Container.create(preopened('/store'), CONFIG, OPTIONS);
  const id = container.add(bytes('hello'));
  container[Symbol.dispose]();
  assert.deepEqual(listFiles(path.join(root, 'loose')), [looseFile(root, id)]);
});

test('numbers of 64 bits are BigInts', (t) => {
  const { container } = setUp(t, {}, { packTarget: 2n ** 64n - 1n, compressionLevel: 9 });
  assert.deepEqual(container.config(), { packTarget: 2n ** 64n - 1n, compressionLevel: 9, shared: 'umask' });
  assert.match(container.id(), /^[0-9a-f]{32}$/);
  const id = container.add(bytes('hello'));
  assert.deepEqual(container.info(id), { size: 5n, placement: { tag: 'loose' } });
  const zero = { packedObjects: 0n, packedSize: 0n, packedLength: 0n, packs: 0n, packsSize: 0n, packsDead: 0n };
  const unfinished = { unfinished: 0n, unfinishedSize: 0n };
  const { indexSize, ...stats } = container.stats();
  assert.ok(indexSize > 0n);
  assert.deepEqual(stats, { ...zero, ...unfinished, looseObjects: 1n, looseSize: 5n, loosePacked: 0n });
});

test('large objects go from file to file', (t) => {
  const { container, files, store } = setUp(t);
  const contents = { noise: randomBytes(3 * MIB), text: Buffer.from(randomBytes(2 * MIB).toString('hex')), empty: '' };
  for (const [name, content] of Object.entries(contents)) {
    fs.writeFileSync(path.join(files, name), content);
  }
  const results = container.addStreams(LazyStream.fromFiles(grant(files), Object.keys(contents)));
  const ids = Object.values(contents).map(sha256);
  assert.deepEqual(results, ids.map((val) => ({ tag: 'ok', val })));
  const check = () => {
    for (const [number, [name, content]] of Object.entries(contents).entries()) {
      assert.equal(container.getToFile(ids[number], grant(files), name), BigInt(content.length));
      assert.deepEqual(fs.readFileSync(path.join(files, name)), Buffer.from(content));
    }
  };
  check();
  finish(packLoose(container, 'always'));
  finish(clean(container));
  assert.deepEqual(listFiles(path.join(store, 'loose')), []);
  const { tag, val } = container.info(ids[1]).placement;
  assert.deepEqual([tag, val.pack, val.compressed], ['packed', 0, true]);
  assert.equal(typeof val.offset, 'bigint');
  check();
  assert.deepEqual(fs.readdirSync(files).sort(), Object.keys(contents).sort());
});

test('ten thousand files are open one at a time', (t) => {
  const { container, files, store } = setUp(t);
  const names = Array.from({ length: 10_000 }, (_, number) => String(number));
  for (const name of names) {
    fs.writeFileSync(path.join(files, name), name);
  }
  const open = new Set();
  let most = 0;
  replace(t, 'openAt', (openAt) => function (...args) {
    const opened = openAt.apply(this, args);
    open.add(opened);
    most = Math.max(most, open.size);
    return opened;
  });
  replace(t, Symbol.dispose, (dispose) => function () {
    open.delete(this);
    dispose.call(this);
  });
  const before = openFiles();
  const results = container.addStreams(LazyStream.fromFiles(grant(files), names));
  assert.equal(openFiles(), before);
  assert.equal(open.size, 0);
  // The directory of the sources, a source or a new object, and a directory that is flushed.
  assert.ok(most >= 2 && most <= 4, `${most} were open`);
  const ids = names.map(sha256);
  assertSame(results.map(({ val }) => val), ids);
  assert.equal(container.stats().looseObjects, 10_000n);
  assertSame(listObjects(container, 3000), ids.sort());
  assert.equal(container.stats().unfinished, 0n);
});

test('a file that cannot be read does not stop the others', (t) => {
  const { container, files, keep } = setUp(t);
  fs.writeFileSync(path.join(files, 'a'), 'a');
  fs.mkdirSync(path.join(files, 'folder'));
  fs.writeFileSync(path.join(files, 'folder', 'b'), 'b');
  fs.symlinkSync('a', path.join(files, 'link'));
  const failures = {
    absent: ['open', 'no-entry'],
    folder: ['read', 'is-directory'],
    '../store/container.json': ['open', 'not-permitted'],
    '/etc/passwd': ['open', 'not-permitted'],
    link: ['open', 'loop'],
  };
  const expected = Object.entries(failures).map(([path, [operation, code]]) => ({
    tag: 'err',
    val: { tag: 'io', val: { operation, path, code } },
  }));
  const writer = keep(PackWriter.open(container, 'never'));
  for (const target of [container, writer]) {
    const paths = ['a', ...Object.keys(failures), 'folder/b'];
    const [first, ...results] = target.addStreams(LazyStream.fromFiles(grant(files), paths));
    assert.deepEqual([first, results.pop()], ['a', 'b'].map((text) => ({ tag: 'ok', val: sha256(text) })));
    assert.deepEqual(results, expected);
  }
});

test('streams come from bytes and from streams as well', (t) => {
  const { container, files } = setUp(t);
  fs.writeFileSync(path.join(files, 'file'), 'not this but this');
  const file = grant(files).openAt({}, 'file', {}, { read: true });
  const streams = [
    LazyStream.fromBytes(bytes('bytes')),
    LazyStream.fromStream(file.readViaStream(9n)),
    LazyStream.fromFile(grant(files), 'file'),
  ];
  const ids = ['bytes', 'but this', 'not this but this'].map(sha256);
  assert.deepEqual(container.addStreams(streams), ids.map((val) => ({ tag: 'ok', val })));
  file[Symbol.dispose]();
});

test('an object is written piece by piece', (t) => {
  const { container, store } = setUp(t);
  const writer = container.writer();
  for (const piece of ['one ', '', 'two']) {
    writer.write(bytes(piece));
  }
  const id = ObjectWriter.finish(writer);
  // As `using` does, whatever has become of it.
  writer[Symbol.dispose]();
  assert.equal(id, sha256('one two'));
  assert.deepEqual(Buffer.from(container.get(id)), Buffer.from('one two'));
  const dropped = container.writer();
  dropped.write(bytes('not to be'));
  dropped[Symbol.dispose]();
  assert.deepEqual(container.contains(digests([id, sha256('not to be')])), [true, false]);
  assert.equal(container.stats().unfinished, 0n);
});

test('a reader seeks', (t) => {
  const { container, keep } = setUp(t);
  const content = Buffer.from(randomBytes(MIB + 500).toString('hex'));
  const id = container.add(content);
  for (const placement of ['loose', 'packed']) {
    assert.equal(container.info(id).placement.tag, placement);
    const reader = keep(container.reader(id));
    assert.equal(reader.size(), BigInt(content.length));
    for (const position of [2 * MIB - 5, 10, MIB + 1]) {
      reader.seek(BigInt(position));
      assert.deepEqual(Buffer.from(reader.read(2n)), content.subarray(position, position + 2));
    }
    reader.seek(5n);
    assert.deepEqual(readRest(reader), content.subarray(5));
    reader.seek(1n << 60n);
    assert.equal(reader.read(1n).length, 0);
    finish(packLoose(container, 'always'));
    finish(clean(container));
  }
});

test('a reader survives packing and cleaning', (t) => {
  const { container, store, keep } = setUp(t);
  const reader = keep(container.reader(container.add(bytes('stays readable'))));
  assert.deepEqual(Buffer.from(reader.read(6n)), Buffer.from('stays '));
  finish(packLoose(container, 'never'));
  finish(clean(container));
  assert.deepEqual(listFiles(path.join(store, 'loose')), []);
  assert.deepEqual(readRest(reader), Buffer.from('readable'));
});

test('many are read', (t) => {
  const { container, store, keep } = setUp(t);
  const packed = ['a', 'bc', '', 'text '.repeat(1000)].map((text) => container.add(bytes(text)));
  finish(packLoose(container, 'auto'));
  finish(clean(container));
  const loose = container.add(bytes('loose'));
  const damaged = container.add(bytes('sound'));
  fs.writeFileSync(looseFile(store, damaged), 'sOund');
  const large = container.add(new Uint8Array(5 * MIB));
  const asked = [ABSENT, ...packed, loose, large, damaged, ...packed];
  const batch = keep(container.readMany(digests(asked)));
  const found = new Map();
  const meet = (position, content) => {
    const id = asked[position];
    assert.equal(position, asked.indexOf(id), 'the first position tells');
    assert.ok(!found.has(id), 'duplicates are read once');
    found.set(id, content);
  };
  for (let block; (block = batch.next()).positions.length + block.others.length > 0; ) {
    let start = 0;
    block.lengths.forEach((length, index) => {
      meet(block.positions[index], block.bytes.slice(start, start + length));
      start += length;
    });
    block.others.forEach(([position, without]) => meet(position, without));
  }
  assert.equal(found.size, 8);
  for (const id of [...packed, loose]) {
    assert.equal(sha256(found.get(id)), id);
  }
  assert.deepEqual(found.get(ABSENT), { tag: 'missing' });
  assert.deepEqual(found.get(large), { tag: 'too-large', val: BigInt(5 * MIB) });
  assert.deepEqual([found.get(damaged).tag, found.get(damaged).val.tag], ['failed', 'corrupt']);
});

test('objects are listed in pages', (t) => {
  const { container } = setUp(t);
  assert.deepEqual(idsOf(container.objects(undefined, 10)), []);
  const ids = Array.from({ length: 40 }, (_, number) => container.add(bytes(String(number))));
  finish(packLoose(container, 'never'));
  ids.push(...Array.from({ length: 20 }, (_, number) => container.add(bytes(String(-number)))));
  const sorted = [...new Set(ids)].sort();
  for (const limit of [1, 7, 60, 0xffff_ffff]) {
    assert.deepEqual(listObjects(container, limit), sorted);
  }
});

test('packing goes by steps', (t) => {
  const { container, store } = setUp(t);
  const ids = Array.from({ length: 300 }, (_, number) => container.add(bytes(String(number))));
  fs.writeFileSync(looseFile(store, ids[7]), '!');
  const steps = finish(packLoose(container, 'auto'));
  assert.ok(steps.length > 1);
  for (const [number, step] of steps.entries()) {
    assert.equal(step.finished, number === steps.length - 1);
    assert.ok(step.done <= step.total);
    assert.ok(number === 0 || step.done >= steps[number - 1].done);
  }
  const last = steps.at(-1);
  assert.deepEqual([last.done, last.objects], [last.total, 299n]);
  const problems = steps.flatMap((step) => step.problems);
  assert.deepEqual(problems.map(({ file }) => path.join(store, file)), [looseFile(store, ids[7])]);
  assert.equal(finish(clean(container)).at(-1).objects, 299n);
  assert.deepEqual(listFiles(path.join(store, 'loose')), [looseFile(store, ids[7])]);
  assert.equal(sha256(container.get(ids[8])), ids[8]);
});

test('objects go straight to packs', (t) => {
  const { container, store, files, keep } = setUp(t);
  const reader = keep(Container.open(grant(store), { ...OPTIONS, access: 'read-only' }));
  fs.writeFileSync(path.join(files, 'file'), 'from a file');
  const writer = PackWriter.open(container, 'auto');
  const ids = [writer.add(bytes('one')), ...idsOf(writer.addMany(['two', '', 'two'].map(bytes)))];
  ids.push(...writer.addStreams([LazyStream.fromFile(grant(files), 'file')]).map(({ val }) => val));
  assert.deepEqual(ids, ['one', 'two', '', 'two', 'from a file'].map(sha256));
  assert.deepEqual(reader.contains(digests(ids)), [false, false, false, false, false]);
  writer.commit();
  assert.deepEqual(reader.contains(digests(ids)), [true, true, true, true, true]);
  const late = writer.add(bytes('late'));
  PackWriter.finish(writer);
  const dropped = PackWriter.open(container, 'auto');
  const lost = dropped.add(bytes('lost'));
  dropped[Symbol.dispose]();
  assert.deepEqual(reader.contains(digests([late, lost])), [true, false]);
  assert.equal(reader.stats().packedObjects, 5n);
  assert.deepEqual(listFiles(path.join(store, 'loose')), []);
});

/** Each kind of packer is refused, and told who is at work. */
function assertLocked(maintenance, container, holder) {
  const packers = [maintenance.packLoose, maintenance.clean, maintenance.PackWriter.open];
  for (const pack of packers) {
    const { tag, val } = failure(() => pack(container, 'never'));
    assert.equal(tag, 'locked');
    assert.ok(val.includes(holder), val);
  }
}

test('a second packer of another instance is refused', async (t) => {
  const { container, store, keep } = setUp(t);
  // The same module under another name is evaluated again.
  const second = await import('../../target/node/portable/loosepack.js?second');
  assert.notEqual(second.container.Container, Container);
  const other = keep(second.container.Container.open(grant(store), { ...OPTIONS, holder: 'the second' }));
  for (const pack of [packLoose, clean, PackWriter.open]) {
    const packer = pack(container, 'never');
    assertLocked(second.maintenance, other, 'the first');
    // Who does not pack never notices.
    const id = other.add(bytes('meanwhile'));
    assert.equal(sha256(other.get(id)), id);
    packer[Symbol.dispose]();
  }
  const writer = second.maintenance.PackWriter.open(other, 'never');
  assertLocked(component.maintenance, container, 'the second');
  second.maintenance.PackWriter.finish(writer);
  assert.equal(finish(packLoose(container, 'never')).at(-1).objects, 1n);
});

/** A packer in another process. */
async function packer(t, store) {
  const script = fileURLToPath(new URL('packer.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, store], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  assert.equal(String(said), 'packing\n');
  return child;
}

test('a second packer of another process is refused', async (t) => {
  const { container, store } = setUp(t);
  const child = await packer(t, store);
  assertLocked(component.maintenance, container, 'another process');
  container.add(bytes('meanwhile'));
  child.stdin.end();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.equal(finish(packLoose(container, 'never')).at(-1).objects, 1n);
});

test('a killed packer is reported with the way out', async (t) => {
  const { container, store } = setUp(t);
  const child = await packer(t, store);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assertLocked(component.maintenance, container, 'another process');
  assert.match(failure(() => packLoose(container, 'never')).val, /unlock/);
  assert.match(forceUnlock(container), /another process/);
  assert.equal(forceUnlock(container), undefined);
  const id = container.add(bytes('content'));
  assert.equal(finish(packLoose(container, 'never')).at(-1).objects, 1n);
  assert.equal(sha256(container.get(id)), id);
});

test('a failure says what it is', (t) => {
  const { container, store, files } = setUp(t);
  const dir = grant(files);
  const takers = [
    (id) => container.get(id),
    (id) => container.reader(id),
    (id) => container.info(id),
    (id) => container.getToFile(id, dir, 'file'),
  ];
  for (const take of takers) {
    assert.deepEqual(failure(() => take(ABSENT)), { tag: 'not-found', val: ABSENT });
  }
  takers.push((id) => container.objects(id, 1));
  for (const id of ['../../etc/passwd', ABSENT.toUpperCase(), '', `${ABSENT}0`, ABSENT.slice(1), 'g'.repeat(64)]) {
    for (const take of takers) {
      assert.deepEqual(failure(() => take(id)), { tag: 'invalid-id', val: id });
    }
  }
  for (const part of [new Uint8Array(31), new Uint8Array(33)]) {
    for (const take of [() => container.contains(part), () => container.readMany(part)]) {
      assert.equal(failure(take).tag, 'invalid-argument');
    }
  }
  assert.deepEqual(failure(() => Container.open(dir, OPTIONS)), { tag: 'no-container' });
  assert.equal(failure(() => Container.create(grant(store), CONFIG, OPTIONS)).tag, 'already-exists');
  for (const config of [{ compressionLevel: 10 }, { compressionLevel: 0 }, { packTarget: 0n }, { shared: 'group' }]) {
    const { tag } = failure(() => Container.create(dir, { ...CONFIG, ...config }, OPTIONS));
    assert.equal(tag, 'invalid-argument');
  }
  const absent = grant(path.join(files, 'absent'));
  const io = failure(() => Container.open(absent, OPTIONS));
  assert.deepEqual(io, { tag: 'io', val: { operation: 'open', path: '.', code: 'no-entry' } });
  for (const escape of ['../escaped', path.join(files, 'escaped')]) {
    const io = failure(() => container.getToFile(container.add(bytes('content')), dir, escape));
    assert.deepEqual(io, { tag: 'io', val: { operation: 'create', path: escape, code: 'not-permitted' } });
  }
  assert.deepEqual(fs.readdirSync(files), []);
  fs.writeFileSync(path.join(store, 'container.json'), '{"format":7}');
  assert.deepEqual(failure(() => Container.open(grant(store), OPTIONS)), { tag: 'unsupported-format', val: 7n });
});

test('a damaged object is not given out', (t) => {
  const { container, store, files } = setUp(t);
  const id = container.add(bytes('sound'));
  fs.writeFileSync(looseFile(store, id), 'SOUND');
  fs.writeFileSync(path.join(files, 'file'), 'what was there before');
  const calls = [
    () => container.get(id),
    () => container.getToFile(id, grant(files), 'file'),
    () => readRest(container.reader(id)),
  ];
  for (const call of calls) {
    const { tag, val } = failure(call);
    assert.equal(tag, 'corrupt');
    assert.equal(path.join(store, val.file), looseFile(store, id));
  }
  assert.equal(fs.readFileSync(path.join(files, 'file'), 'utf8'), 'what was there before');
  assert.deepEqual(fs.readdirSync(files), ['file']);
});

test('a handle for reading only writes nothing', (t) => {
  const { container, store, files, keep } = setUp(t);
  const id = container.add(bytes('content'));
  const reader = keep(Container.open(grant(store), { ...OPTIONS, access: 'read-only' }));
  const calls = [
    () => reader.add(bytes('more')),
    () => reader.addStreams([LazyStream.fromBytes(bytes('more'))]),
    () => reader.writer(),
    () => PackWriter.open(reader, 'never'),
    () => packLoose(reader, 'never'),
    () => clean(reader),
    () => forceUnlock(reader),
    () => Container.create(grant(files), CONFIG, { ...OPTIONS, access: 'read-only' }),
  ];
  for (const call of calls) {
    assert.deepEqual(failure(call), { tag: 'read-only' });
  }
  assert.deepEqual([idsOf(reader.objects(undefined, 10)), sha256(reader.get(id))], [[id], id]);
  assert.deepEqual(fs.readdirSync(files), []);
});

test('what is acknowledged has been flushed, as far as the host can', (t) => {
  const { container, store, keep } = setUp(t);
  const durable = keep(Container.open(grant(store), { ...OPTIONS, durability: 'full' }));
  // A preopened directory cannot be flushed with this host: the store has to open it once more.
  assert.throws(() => grant(store).sync(), (error) => error === 'invalid');
  // The container was made without flushing: who first acknowledges something in it makes it durable.
  durable.add(bytes('the first'));
  assert.deepEqual(listFiles(path.join(store, 'incoming')), []);
  const flushed = { directory: 0, 'regular-file': 0 };
  for (const name of ['sync', 'syncData']) {
    replace(t, name, (flush) => function () {
      flushed[this.getType()] += 1;
      flush.call(this);
    });
  }
  container.add(bytes('for scratch'));
  assert.deepEqual(flushed, { directory: 0, 'regular-file': 0 });
  durable.add(bytes('for good'));
  assert.deepEqual(flushed, { directory: 1, 'regular-file': 1 });
  finish(packLoose(durable, 'never'));
  assert.ok(flushed.directory >= 2 && flushed['regular-file'] >= 3);
});

test('a host that cannot flush directories is tolerated, a flush that fails is not', (t) => {
  const { container, keep, files } = setUp(t, { durability: 'full' });
  let code;
  replace(t, 'sync', (sync) => function () {
    if (code && this.getType() === 'directory') {
      throw code;
    }
    sync.call(this);
  });
  for (code of ['invalid', 'unsupported']) {
    const id = container.add(bytes(code));
    assert.equal(sha256(container.get(id)), id);
  }
  finish(packLoose(container, 'never'));
  keep(Container.create(grant(files), CONFIG, { ...OPTIONS, durability: 'full' }));
  code = 'io';
  const id = sha256('lost');
  const refused = failure(() => container.add(bytes('lost')));
  assert.deepEqual(refused, { tag: 'io', val: { operation: 'sync', path: `loose/${id.slice(0, 2)}`, code: 'io' } });
  code = undefined;
  // Nothing continues after a flush that failed, but reading does.
  assert.deepEqual(failure(() => container.add(bytes('more'))), { tag: 'writer-failed' });
  assert.equal(sha256(container.get(sha256('invalid'))), sha256('invalid'));
});

test('a full disk is reported, and leaves no trace', (t) => {
  const { container, store, keep } = setUp(t);
  let full = true;
  replace(t, 'write', (write) => function (...args) {
    if (full) {
      throw 'insufficient-space';
    }
    return write.apply(this, args);
  });
  const { tag, val } = failure(() => container.add(bytes('content')));
  assert.deepEqual([tag, val.operation, val.code], ['io', 'write', 'insufficient-space']);
  assert.match(val.path, /^incoming\//);
  assert.equal(failure(() => PackWriter.open(container, 'never')).val.code, 'insufficient-space');
  full = false;
  const writer = PackWriter.open(container, 'never');
  writer.add(bytes('content'));
  full = true;
  assert.equal(failure(() => writer.commit()).val.path, 'packs/0');
  for (const call of [() => writer.commit(), () => writer.add(bytes('more'))]) {
    assert.deepEqual(failure(call), { tag: 'writer-failed' });
  }
  full = false;
  writer[Symbol.dispose]();
  const again = keep(Container.open(grant(store), OPTIONS));
  assert.deepEqual(idsOf(again.objects(undefined, 10)), []);
  again.add(bytes('content'));
  assert.equal(finish(packLoose(again, 'never')).at(-1).objects, 1n);
  assert.equal(again.stats().unfinished, 0n);
  assert.deepEqual(listFiles(path.join(store, 'lock')), []);
});

// Wrong arguments, closed containers and calls from within calls are errors; the process and the container stay sound.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { open } from 'loosepack';
import { ABSENT, KIB, collect, noise, scratch, setUp, sha256 } from './support.mjs';

const installed = path.dirname(path.dirname(fileURLToPath(import.meta.resolve('loosepack'))));
const addon = path.join(installed, `loosepack.${process.platform}-${process.arch}.node`);

/** An array that claims to be the largest. JavaScript alone runs out of memory when it makes a list of its elements. */
const vast = [];
vast.length = 2 ** 32 - 1;

/** Values that calls do not expect. */
function hostile() {
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const broken = () => {
    throw new Error('broken');
  };
  return [
    undefined, null, true, 0, -0, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, 2 ** 64, 1e300, 7n, -(2n ** 70n),
    '', 'text', '\0', '\ud800', ABSENT, 'a'.repeat(1 << 20), Symbol('s'), Symbol.iterator, () => {}, class {}, broken,
    {}, [], [undefined], [null, 7], ['', '\ud800'], [[[]]], new Map(), new Date(NaN), /x/, new Error('e'),
    Object.create(null), Object.create(Uint8Array.prototype), Object.create(Buffer.prototype), new Proxy({}, {}),
    new Proxy(Buffer.from('x'), {}), new Proxy([ABSENT], { get: broken }), { [Symbol.iterator]: broken },
    { get length() { return broken(); } }, { length: 2 ** 53, 0: ABSENT }, detached, new Uint8Array(),
    new Uint8Array(33), new Float64Array(3), new DataView(new ArrayBuffer(5)), new ArrayBuffer(7),
    new Uint8Array(new SharedArrayBuffer(9)), new Uint8ClampedArray(3), Promise.resolve(7), globalThis, new URL('http://x'),
  ];
}

const shown = (value) => {
  try {
    return String(value).slice(0, 80);
  } catch {
    return typeof value;
  }
};

/** Calls a function; what it gives is ended, what it throws is an error. */
async function attempt(call, what) {
  try {
    const given = await call();
    if (typeof given?.destroy === 'function') {
      given.on('error', () => {});
      given.destroy();
    } else if (typeof given?.stop === 'function') {
      // A job: its first step takes the arguments.
      await attempt(() => given[Symbol.asyncIterator]().next(), what);
      given.stop();
    } else if (typeof given === 'object' && typeof given?.[Symbol.dispose] === 'function') {
      given[Symbol.dispose]();
    } else if (typeof given?.next === 'function' || typeof given?.[Symbol.iterator] === 'function') {
      [...given];
    }
  } catch (error) {
    assert.ok(error instanceof Error, `${what} threw ${shown(error)}`);
  }
}

test('hostile arguments are errors, and the container goes on', async (t) => {
  const { store, folder, root } = setUp(t);
  const kept = store.add(Buffer.from('kept'));
  // Relative paths of nonsense lead to a folder of the test's own.
  const before = process.cwd();
  process.chdir(root);
  t.after(() => process.chdir(before));
  const prototypes = [Object.getPrototypeOf(store), Object.getPrototypeOf(Object.getPrototypeOf(store))];
  const names = prototypes.flatMap((prototype) => Object.getOwnPropertyNames(prototype));
  // `delete` and `gc` of no IDs at all are right, and gc would delete what the test keeps.
  const methods = names.filter((name) => typeof store[name] === 'function' && !['constructor', 'close', 'gc'].includes(name));
  assert.ok(methods.length > 20);
  for (const name of methods) {
    for (const value of hostile()) {
      await attempt(() => store[name](value), `${name}(${shown(value)})`);
      await attempt(() => store[name](ABSENT, value), `${name}(id, ${shown(value)})`);
    }
  }
  for (const value of hostile()) {
    await attempt(() => store.gc([], { dryRun: true, grace: value }), 'grace');
    await attempt(() => store.gc(value, { dryRun: true }), 'gc');
    for (const key of ['minDead', 'compression', 'level']) {
      await attempt(() => store.repack({ dryRun: true, [key]: value }), key);
    }
    for (const key of ['completed', 'shard', 'shards']) {
      await attempt(() => store.verify({ [key]: value }), key);
    }
    for (const key of ['start', 'end', 'highWaterMark', 'signal']) {
      await attempt(() => store.createReadStream(kept, { [key]: value }), key);
    }
    for (const key of ['readOnly', 'durable', 'verify', 'damaged', 'engine']) {
      await attempt(() => open(folder, { [key]: value }), key);
    }
    const writer = store.packWriter();
    for (const name of ['add', 'addMany', 'addFile', 'addFiles', 'commit']) {
      await attempt(() => writer[name](value), `writer.${name}`);
    }
    await attempt(() => writer.finish(value), 'finish');
    await attempt(() => Object.getPrototypeOf(writer).add.call(value, Buffer.from('x')), 'this');
    await attempt(() => prototypes[0].get.call(value, kept), 'this');
  }
  assert.equal(String(store.get(kept)), 'kept');
  assert.equal((await store.verify().finish()).ok, true);
});

test('the largest times and sizes are numbers like any other', async (t) => {
  const { store } = setUp(t);
  const id = store.add(Buffer.from('kept'));
  for (const grace of [2 ** 53, 1e300, Number.MAX_VALUE]) {
    assert.equal((await store.gc([], { grace }).finish()).objects, 0, 'spared');
  }
  assert.equal(store.has(id), true);
  assert.deepEqual(await collect(store.createReadStream(id, { start: Number.MAX_SAFE_INTEGER })), []);
  assert.equal((await store.verify({ completed: Number.MAX_SAFE_INTEGER }).finish()).ok, true);
  assert.equal((await store.verify({ shard: 2 ** 32 - 2, shards: 2 ** 32 - 1 }).finish()).ok, true);
});

test('calls from within calls', async (t) => {
  const { store, folder } = setUp(t);
  const ids = store.addMany(Array.from({ length: 30 }, (_, number) => noise(100 * KIB + number)));
  const writer = store.packWriter();
  function* nested() {
    yield Buffer.from('first');
    writer.add(Buffer.from('within'));
    store.add(Buffer.from('within'));
    yield* [...store].map((id) => store.get(id));
  }
  assert.equal(writer.addMany(nested()).length, 32);
  function* finishing() {
    yield Buffer.from('never');
    writer.finish();
    yield Buffer.from('never');
  }
  assert.throws(() => writer.addMany(finishing()), { name: 'ClosedError' });
  for (const [id] of store.readMany(ids)) {
    // The one after the other, while the block that has them is being read.
    await store.delete([id]).finish();
    assert.throws(() => store.get(id), { name: 'NotFoundError' });
  }
  const errors = [];
  const onError = (error, id) => {
    errors.push([error.code, store.has(id)]);
    store.add(Buffer.from('of an error'));
  };
  assert.deepEqual([...store.readMany(ids.slice(0, 3), { onError })], []);
  assert.deepEqual(errors, Array.from({ length: 3 }, () => ['not-found', false]));
  const closing = open(folder);
  const more = closing.addMany(Array.from({ length: 40 }, (_, number) => noise(100 * KIB + number)));
  const iterator = closing.readMany(more)[Symbol.iterator]();
  iterator.next();
  closing.close();
  assert.throws(() => [...iterator], { name: 'ClosedError' });
  const second = open(folder);
  function* closes() {
    yield Buffer.from('x');
    second.close();
    yield Buffer.from('y');
  }
  assert.throws(() => second.addMany(closes()), { name: 'ClosedError' });
  const third = open(folder);
  async function* closesLater() {
    yield Buffer.from('x');
    third.close();
    yield Buffer.from('y');
  }
  await assert.rejects(third.add(closesLater()), { name: 'ClosedError' });
  const fourth = open(folder);
  const steps = fourth.verify()[Symbol.asyncIterator]();
  await steps.next();
  fourth.close();
  await assert.rejects(steps.next(), { name: 'ClosedError' });
});

test('every call of a closed container says so', async (t) => {
  const { store, root } = setUp(t);
  const id = store.add(Buffer.from('bytes'));
  const file = path.join(root, 'file');
  fs.writeFileSync(file, 'file');
  store.close();
  const calls = [
    () => store.id, () => store.config, () => store.durable, () => store.stats(), () => store.packs(), () => store.unlock(),
    () => store.add(Buffer.from('x')), () => store.addMany([Buffer.from('x')]), () => store.addFile(file),
    () => store.packWriter(), () => store.get(id), () => store.getToFile(id, file), () => [...store.readMany([id])],
    () => store.has(id), () => store.has([id]), () => store.info(id), () => store.infoMany([id]), () => [...store],
  ];
  for (const call of calls) {
    assert.throws(call, { name: 'ClosedError', code: 'closed' }, String(call));
  }
  const jobs = [
    store.pack(), store.clean(), store.delete([id]), store.gc([id]), store.repack(), store.verify(), store.reindex(),
    store.fold(), store.importFrom(root), store.repair(root), store.backup(path.join(root, 'backup')),
  ];
  for (const job of jobs) {
    await assert.rejects(job.finish(), { name: 'ClosedError' });
  }
  for (const open of [() => store.createReadStream(id), () => store.createWriteStream()]) {
    const stream = open();
    const [error] = await new Promise((resolve) => stream.on('error', (...errors) => resolve(errors)));
    assert.equal(error.name, 'ClosedError');
  }
});

const withAddon = { skip: fs.existsSync(addon) && process.env.LOOSEPACK_ENGINE !== 'component' ? false : 'no addon' };

test('the addon itself crashes on nothing', withAddon, (t) => {
  const native = createRequire(import.meta.url)(addon);
  const folder = scratch(t);
  const opening = { readOnly: false, durable: false, verify: true, holder: 'test', damaged: false };
  const container = native.create(folder, { packTarget: 1e6, compressionLevel: 1, shared: false }, opening);
  const id = container.add(Buffer.from('kept'));
  assert.equal(id, sha256('kept'));
  const digest = Buffer.from(id, 'hex');
  const made = () => [
    container, container.writer(), container.reader(id), container.readMany(digest), container.verify({ completed: 0, shard: 0, shards: 1 }),
  ];
  const methods = Object.values(native).flatMap(({ prototype }) => {
    const names = prototype ? Object.getOwnPropertyNames(prototype) : [];
    // Those that would end or empty the container of this test.
    const skipped = ['constructor', 'close', 'gc', 'delete'];
    return names.filter((name) => !skipped.includes(name)).map((name) => prototype[name]);
  });
  assert.ok(methods.length > 35);
  const call = (method, self, args) => {
    try {
      method.apply(self, args)?.dispose?.();
    } catch (error) {
      assert.ok(error instanceof Error, `${method.name} threw ${shown(error)}`);
    }
  };
  for (const method of methods) {
    // Objects of another class must not be taken for those of this one.
    for (const self of [...made(), ...hostile()]) {
      call(method, self, [Buffer.from('x'), 'x', 'x']);
    }
    for (const value of hostile()) {
      call(method, container, [value]);
      call(method, container, [value, value, value]);
      call(method, container, [id, value]);
      call(method, container, [[[folder, [value]]]]);
    }
  }
  const writer = container.packWriter('never');
  for (const adds of [container, writer]) {
    assert.throws(() => adds.addMany(vast), { code: 'LOOSEPACK_FAILURE' });
    assert.throws(() => adds.addFiles([[folder, vast]]), { code: 'LOOSEPACK_FAILURE' });
  }
  writer.dispose();
  for (const value of hostile()) {
    for (const create of Object.values(native)) {
      call(create, undefined, [value, value, value]);
      call(() => new create(value), undefined, []);
    }
    for (const key of Object.keys(opening)) {
      call(native.open, undefined, [folder, { ...opening, [key]: value }]);
    }
  }
  const [, ...resources] = made();
  for (const resource of resources) {
    resource.dispose();
    resource.dispose();
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(resource))) {
      if (!['constructor', 'dispose'].includes(name)) {
        assert.throws(() => resource[name](Buffer.alloc(9)), Error, name);
      }
    }
  }
  assert.equal(String(container.get(id)), 'kept');
  container.close();
  container.close();
  assert.throws(() => container.get(id), { code: 'LOOSEPACK_FAILURE' });
});

test('what is taken away while it is read is an error, and harms no process', (t) => {
  // In a process of its own: it changes what all arrays have.
  const script = `
    import { create } from 'loosepack';
    const store = create(process.argv[1]);
    const gone = (size) => {
      const content = new Uint8Array(size).fill(7);
      structuredClone(content.buffer, { transfer: [content.buffer] });
      return content;
    };
    for (const size of [1, 100_000]) {
      for (const call of [() => store.add(gone(size)), () => store.addMany([Buffer.from('a'), gone(size)])]) {
        let failure;
        try {
          call();
        } catch (error) {
          failure = error;
        }
        if (!(failure instanceof TypeError)) throw new Error('it was stored', { cause: failure });
      }
    }
    const first = new Uint8Array(1 << 20).fill(1);
    Object.defineProperty(Array.prototype, 1, {
      configurable: true,
      set() {},
      get() {
        if (first.length > 0) structuredClone(first.buffer, { transfer: [first.buffer] });
        globalThis.gc();
        return Buffer.from('second');
      },
    });
    try {
      store.addMany([first, first]);
    } catch {}
    delete Array.prototype[1];
    store.close();
  `;
  for (const engine of ['addon', 'component']) {
    const folder = path.join(scratch(t), 'store');
    const options = { encoding: 'utf8', cwd: path.dirname(fileURLToPath(import.meta.url)), env: { ...process.env, LOOSEPACK_ENGINE: engine } };
    const ran = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script, folder], options);
    assert.equal(ran.status, 0, `${engine}: ${ran.signal} ${ran.stderr}`);
  }
});

test('a list of IDs that changes while it is read changes nothing', (t) => {
  const { store } = setUp(t);
  const contents = new Map(['a', 'b', 'c'].map((text) => [store.add(Buffer.from(text)), text]));
  const ids = [...contents.keys()];
  const reading = store.readMany(ids);
  ids.reverse();
  for (const [id, content] of reading) {
    assert.equal(String(content), contents.get(id));
  }
});

test('an addon is extended once, however often the package is evaluated', { skip: !fs.existsSync(addon) }, async (t) => {
  const { store } = setUp(t);
  const again = await import(`${pathToFileURL(path.join(installed, 'lib/addon.js'))}?again`);
  assert.ok(again.addon().engine, again.addon().reason);
  const file = path.join(scratch(t), 'file');
  fs.writeFileSync(file, 'content');
  assert.equal(store.addFile(file), sha256('content'));
  assert.throws(() => [...store.readMany([ABSENT])], { name: 'NotFoundError' });
});

test('containers that nobody refers to are closed before there are too many', { skip: process.platform !== 'linux' }, (t) => {
  const script = `
    import { setImmediate as turn } from 'node:timers/promises';
    import { create, open } from 'loosepack';
    create(process.argv[1]).close();
    for (let number = 0; number < 1500; number += 1) {
      open(process.argv[1], { readOnly: true });
      if (number % 10 === 0) await turn();
    }
  `;
  const folder = path.join(scratch(t), 'store');
  const command = `ulimit -n 700; exec "$0" --input-type=module -e "$1" "$2"`;
  const options = { encoding: 'utf8', cwd: path.dirname(fileURLToPath(import.meta.url)) };
  const ran = spawnSync('sh', ['-c', command, process.execPath, script, folder], options);
  assert.equal(ran.status, 0, ran.stderr);
});

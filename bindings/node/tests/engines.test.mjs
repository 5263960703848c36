// Which engine a container gets, and both of them beside each other.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { create, open, restore } from 'loosepack';
import { ABSENT, MIB, collect, looseFile, noise, scratch } from './support.mjs';

const clean = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const installed = path.dirname(path.dirname(fileURLToPath(import.meta.resolve('loosepack'))));
const addon = path.join(installed, `loosepack.${process.platform}-${process.arch}.node`);
const withAddon = { skip: fs.existsSync(addon) ? false : 'the package has no addon' };

/** Runs a script where `loosepack` can be imported from; it has `open` and `create`. */
function run(script, { engine, cwd = clean } = {}) {
  const { LOOSEPACK_ENGINE, ...env } = process.env;
  const code = `import { create, open } from 'loosepack'; ${script}`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd,
    env: engine === undefined ? env : { ...env, LOOSEPACK_ENGINE: engine },
    encoding: 'utf8',
  });
}

test('the addon is the default where there is one, and each can be chosen', withAddon, (t) => {
  const folder = path.join(scratch(t), 'store');
  create(folder).close();
  const script = (options) => `console.log(open(${JSON.stringify(folder)}, ${options}).engine);`;
  const chosen = (options, engine) => run(script(options), { engine }).stdout;
  assert.equal(chosen('{}'), 'addon\n');
  assert.equal(chosen('{}', ''), 'addon\n');
  assert.equal(chosen('{}', 'component'), 'component\n');
  assert.equal(chosen("{ engine: 'component' }", 'addon'), 'component\n');
  assert.equal(chosen("{ engine: 'addon' }", 'component'), 'addon\n');
  const wrong = run(script('{}'), { engine: 'native' });
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /LOOSEPACK_ENGINE is one of 'addon', 'component', not native/);
  for (const engine of ['native', '', null, 7, {}]) {
    assert.throws(() => open(folder, { engine }), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  }
});

test('without an addon that loads the component is the default', (t) => {
  const root = scratch(t);
  const copy = path.join(root, 'node_modules/loosepack');
  fs.cpSync(installed, copy, { recursive: true, filter: (name) => !name.endsWith('.node') });
  const at = (engine) => `create('store-' + Date.now() + Math.random(), { engine: ${JSON.stringify(engine)} }).engine`;
  const broken = path.join(copy, path.basename(addon));
  for (const [reason, make] of [
    ['this package has none for', () => {}],
    ['it does not load', () => fs.writeFileSync(broken, 'no library')],
    ['it does not load', () => fs.writeFileSync(broken, '')],
  ]) {
    make();
    assert.equal(run(`console.log(${at()});`, { cwd: root }).stdout, 'component\n', reason);
    const wanted = run(`try { ${at('addon')} } catch (error) { console.log(error.name, error.code, error.message) }`, {
      cwd: root,
    });
    assert.match(wanted.stdout, new RegExp(`^LoosepackError no-addon the engine 'addon' is not available: ${reason}`));
    assert.match(wanted.stdout, /use the engine 'component'/);
  }
});

test('failures are the same with both engines', withAddon, async (t) => {
  /** What a call fails with, whatever folder it was in. */
  const failure = async (call, root) => {
    try {
      await call();
    } catch (error) {
      const { cause, stack, ...fields } = error;
      const told = { class: error.constructor.name, name: error.name, message: error.message, ...fields };
      // A lock of the system needs no remedy.
      const text = JSON.stringify(told).replace(/, since [-0-9: ]+UTC(; if it was killed [^"]*)?/, '');
      return JSON.parse(text.replaceAll(root, 'ROOT'));
    }
    return assert.fail(`${call} did not fail`);
  };
  const failuresOf = async (engine) => {
    const root = scratch(t);
    const at = (...names) => path.join(root, ...names);
    const store = create(at('store'), { engine, durable: false });
    t.after(() => store.close());
    const options = { engine, durable: false };
    const damaged = store.add(Buffer.from('damaged'));
    fs.writeFileSync(looseFile(at('store'), damaged), 'Damaged');
    const sound = store.add(noise(100));
    fs.mkdirSync(at('folder/nested'), { recursive: true });
    fs.writeFileSync(at('file'), 'file');
    create(at('later'), options).close();
    fs.writeFileSync(at('later/container.json'), '{"format":7}');
    create(at('broken'), options).close();
    fs.writeFileSync(at('broken/container.json'), '{');
    const reader = open(at('store'), { ...options, readOnly: true });
    t.after(() => reader.close());
    const writer = store.packWriter();
    const calls = [
      () => open(at('absent'), options),
      () => open(at('file'), options),
      () => open(at('folder'), options),
      () => open(at('later'), options),
      () => open(at('broken'), options),
      () => create(at('folder'), options),
      () => create(at('store'), options),
      () => create(at('file'), options),
      () => store.get(ABSENT),
      () => store.get('x'),
      () => store.info(ABSENT),
      () => store.get(damaged),
      () => [...store.readMany([damaged])],
      () => [...store.readMany([sound, ABSENT])],
      () => store.getToFile(damaged, at('out')),
      () => store.getToFile(ABSENT, at('out')),
      () => store.getToFile(sound, at('absent/out')),
      () => store.getToFile(sound, at('file/out')),
      () => store.getToFile(sound, at('folder')),
      () => store.addFile(at('absent')),
      () => store.addFile(at('folder')),
      () => store.addFiles([at('file'), at('folder')]),
      () => writer.addFile(at('folder')),
      () => reader.add(Buffer.from('x')),
      () => reader.addFile(at('file')),
      () => finished(reader.createWriteStream().end('x')),
      () => reader.packWriter(),
      () => reader.pack().finish(),
      () => reader.unlock(),
      () => store.packWriter(),
      () => store.pack().finish(),
      () => store.clean().finish(),
      () => collect(store.createReadStream(ABSENT)),
      () => collect(store.createReadStream(damaged)),
      () => store.importFrom(at('absent')).finish(),
      () => (writer.finish(), writer.add(Buffer.from('x'))),
      () => store.importFrom(at('folder')).finish(),
      () => store.importFrom(at('later')).finish(),
      () => store.importFrom(at('file')).finish(),
      () => store.repair(at('absent')).finish(),
      () => store.repair(at('folder')).finish(),
      () => store.backup(at('folder')).finish(),
      () => store.backup(at('file')).finish(),
      () => store.copyTo(at('folder')).finish(),
      () => restore(at('folder'), at('new'), options),
      () => store.repack({ level: 5, compression: 'never' }).finish(),
    ];
    const found = [];
    for (const call of calls) {
      found.push([String(call), await failure(call, root)]);
    }
    return found;
  };
  const [ours, theirs] = [await failuresOf('addon'), await failuresOf('component')];
  for (const [index, [call, expected]] of theirs.entries()) {
    assert.deepEqual(ours[index][1], expected, call);
  }
});

test('both work in one process, and the traps of each are its own', withAddon, (t) => {
  const root = scratch(t);
  const folder = path.join(root, 'store');
  create(folder, { durable: false }).close();
  const stores = ['addon', 'component'].map((engine) => open(folder, { engine, durable: false }));
  const ids = stores.map((store) => store.add(Buffer.from(`of ${store.engine}`)));
  assert.deepEqual(stores.map((store) => store.has(ids)), [[true, true], [true, true]]);
  for (const store of stores) {
    const other = open(folder, { engine: store.engine === 'addon' ? 'component' : 'addon' });
    const writer = store.packWriter();
    assert.throws(() => other.packWriter(), { name: 'LockedError' }, 'locks of both kinds exclude each other');
    other.close();
    assert.throws(() => writer.add(Buffer.alloc(600 * MIB)), { name: 'TrapError', code: 'trap' });
    store.close();
    // The lock file is left behind, as by a packer that was killed.
    const packers = open(folder, { engine: 'addon' });
    assert.match(packers.unlock(), new RegExp(`pid ${process.pid} on`));
    packers.close();
  }
  // Node catches accesses out of bounds of its own modules by signals, as wasmtime does. This function does
  // (i32.load (i32.const -4)).
  const bytes = '0061736d010000000105016000017f03020100050301000107070103666f6f00000a09010700417c2802000b';
  const module = new WebAssembly.Module(Buffer.from(bytes, 'hex'));
  const { foo } = new WebAssembly.Instance(module).exports;
  assert.throws(foo, WebAssembly.RuntimeError);
  const again = open(folder, { engine: 'addon' });
  assert.deepEqual(again.has(ids), [true, true]);
  assert.throws(foo, WebAssembly.RuntimeError);
  again.close();
});

/** A thread that runs a script, which has `store`, an open container, and `parentPort`. */
function thread(folder, engine, script) {
  const code = `
    import { parentPort, threadId, workerData } from 'node:worker_threads';
    import { open } from ${JSON.stringify(import.meta.resolve('loosepack'))};
    const store = open(workerData, { engine: ${JSON.stringify(engine)}, durable: false });
    ${script}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: folder });
}

const ended = (worker) => new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));

test('many threads use one container', async (t) => {
  const root = scratch(t);
  const store = create(path.join(root, 'store'), { durable: false });
  t.after(() => store.close());
  const script = `
    for (let number = 0; number < 200; number += 1) {
      const id = store.add(Buffer.from('object ' + number % 150 + ' ' + threadId % 2));
      if (String(store.get(id)) !== 'object ' + number % 150 + ' ' + threadId % 2) throw new Error(id);
      if (number % 50 === 0) for (const [id, content] of store.readMany([...store])) if (content.length < 8) throw new Error(id);
    }
    store.close();`;
  let running = 4;
  const threads = Array.from({ length: running }, () => thread(store.path, store.engine, script));
  const ends = threads.map((worker) => ended(worker).finally(() => (running -= 1)));
  while (running > 0) {
    await store.pack({ clean: true }).finish();
  }
  assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0]);
  await store.pack({ clean: true }).finish();
  assert.equal([...store].length, 300);
  assert.equal((await store.verify().finish()).ok, true);
});

test('a thread that is ended leaves no lock of the system, and the others go on', withAddon, async (t) => {
  const root = scratch(t);
  const folder = path.join(root, 'store');
  // The addon is loaded by threads alone, and by none in between.
  const script = `
    import { Worker } from 'node:worker_threads';
    create(${JSON.stringify(folder)}, { engine: 'component', durable: false }).close();
    const code = \`
      import { parentPort } from 'node:worker_threads';
      import { open } from ${JSON.stringify(import.meta.resolve('loosepack'))};
      const store = open(${JSON.stringify(folder)}, { engine: 'addon', durable: false });
      globalThis.writer = store.packWriter();
      writer.addMany(Array.from({ length: 5000 }, (_, number) => Buffer.from('object ' + number)));
      globalThis.reader = store.createReadStream(store.add(Buffer.from('bytes'))).once('readable', () => {
        parentPort.postMessage('open');
      });
      setInterval(() => {}, 1000);\`;
    for (let number = 0; number < 3; number += 1) {
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)));
      await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
      await worker.terminate();
    }
    const store = open(${JSON.stringify(folder)}, { engine: 'addon', durable: false });
    const report = await store.pack().finish();
    console.log(report.objects, store.stats().packedObjects);`;
  const { stdout, stderr, status } = run(script);
  assert.deepEqual([stdout, stderr, status], ['1 1\n', '', 0]);
});

// Long operations, and writing to packs.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { create, open, restore } from 'loosepack';
import { ABSENT, KIB, looseFile, noise, setUp } from './support.mjs';

/** Some objects, all different. */
const some = (count, first = 0) => Array.from({ length: count }, (_, number) => Buffer.from(`object ${first + number}`));

test('jobs give their progress and a report', async (t) => {
  const { store } = setUp(t);
  const ids = store.addMany(some(300));
  let last;
  const job = store.pack({ compression: 'never' });
  for await (const step of job) {
    assert.ok(last === undefined || step.done >= last.done);
    last = step;
  }
  assert.deepEqual([last.finished, last.done, last.total, last.objects], [true, 256, 256, 300]);
  const report = await job.finish();
  const bytes = some(300).reduce((sum, content) => sum + content.length, 0);
  assert.deepEqual(report, { objects: 300, bytes, problems: [], notes: [], unread: [], ok: true });
  assert.equal((await store.clean().finish()).objects, 300);
  assert.equal((await store.verify().finish()).objects, 300);
  assert.equal((await store.delete([ids[0], ABSENT]).finish()).objects, 1);
  assert.equal(store.has(ids[0]), false);
  assert.equal((await store.gc(ids.slice(0, 200), { dryRun: true }).finish()).objects, 100);
  assert.equal((await store.gc(ids.slice(0, 200)).finish()).objects, 100);
  assert.deepEqual([...store], ids.slice(1, 200).sort());
  const dead = () => store.packs().reduce((sum, { size, live }) => sum + size - live, 0);
  assert.ok(dead() > 0);
  assert.equal((await store.repack({ minDead: 0 }).finish()).objects, 199);
  assert.equal(dead(), 0);
  for (const wrong of [{ minDead: 101 }, { level: 0 }, { level: '9' }]) {
    assert.throws(() => store.repack(wrong), RangeError);
  }
  assert.throws(() => store.pack({ compression: 'sometimes' }), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  assert.throws(() => store.gc([], { grace: -1 }), RangeError);
  assert.throws(() => store.verify({ shard: 1, shards: 1 }), RangeError);
});

test('a job that is left frees the lock, and others work between its steps', async (t) => {
  const { store, folder } = setUp(t);
  store.addMany(some(300));
  for await (const step of store.pack()) {
    assert.equal(step.finished, false);
    break;
  }
  const job = store.pack();
  const steps = job[Symbol.asyncIterator]();
  await steps.next();
  await assert.rejects(store.clean().finish(), { name: 'LockedError', code: 'locked', message: /pid \d+ on/ });
  assert.throws(() => store.packWriter(), { name: 'LockedError' });
  const id = store.add(Buffer.from('meanwhile'));
  assert.equal(String(store.get(id)), 'meanwhile');
  job.stop();
  await assert.rejects(job.finish(), { code: 'stopped' });
  await store.pack({ clean: true }).finish();
  assert.equal(store.stats().looseObjects, 0);
  // The lock of the operating system is one on a file that stays.
  assert.deepEqual(fs.readdirSync(path.join(folder, 'lock')), store.engine === 'addon' ? ['pack'] : []);
});

test('damage is reported with its file, and mended', async (t) => {
  const { store, folder, root } = setUp(t);
  const ids = store.addMany(some(20));
  const other = path.join(root, 'other');
  assert.equal((await store.backup(other).finish()).ok, true);
  fs.writeFileSync(looseFile(folder, ids[3]), 'damaged!');
  const report = await store.verify().finish();
  assert.deepEqual([report.ok, report.objects, report.problems.length], [false, 19, 1]);
  assert.equal(path.join(folder, report.problems[0].file), looseFile(folder, ids[3]));
  assert.equal((await store.repair(other).finish()).objects, 1);
  assert.equal(String(store.get(ids[3])), 'object 3');
  assert.equal((await store.clean().finish()).objects, 1, 'the damaged file');
  assert.equal((await store.verify().finish()).ok, true);
  assert.equal(String(store.get(ids[3])), 'object 3');
});

test('copies are complete', async (t) => {
  const { store, root } = setUp(t);
  const ids = store.addMany(some(50));
  await store.pack({ clean: true }).finish();
  ids.push(store.add(noise(100 * KIB)));
  const backup = path.join(root, 'deep/backup');
  await store.backup(backup, { link: true }).finish();
  const restored = await restore(backup, path.join(root, 'restored'));
  assert.deepEqual([...restored], [...ids].sort());
  assert.ok(restored.get(ids[50]).equals(noise(100 * KIB)));
  restored.close();
  const copy = create(path.join(root, 'copy'));
  t.after(() => copy.close());
  assert.equal((await copy.importFrom(store.path, ids.slice(0, 10)).finish()).objects, 10);
  assert.equal((await copy.importFrom(store.path).finish()).objects, 41);
  assert.deepEqual([...copy], [...ids].sort());
  await assert.rejects(copy.importFrom(path.join(root, 'deep')).finish(), { name: 'NoContainerError' });
  await assert.rejects(copy.importFrom(path.join(root, 'absent')).finish(), { name: 'StorageError' });
  await assert.rejects(copy.repair(root).finish(), { name: 'NoContainerError', message: new RegExp(root) });
  await assert.rejects(restore(root, path.join(root, 'never')), { name: 'NoContainerError' });
});

test('an index that is gone is rebuilt', async (t) => {
  const { store, folder } = setUp(t);
  const ids = store.addMany(some(50));
  await store.pack({ clean: true }).finish();
  store.close();
  fs.rmSync(path.join(folder, 'index'), { recursive: true });
  assert.throws(() => open(folder).get(ids[0]));
  const damaged = open(folder, { damaged: true, durable: false });
  assert.equal((await damaged.reindex().finish()).objects, 50);
  damaged.close();
  const again = open(folder);
  assert.deepEqual([...again], [...ids].sort());
  again.close();
});

test('the index becomes one file', async (t) => {
  const { store, folder } = setUp(t);
  store.addMany(some(50));
  await store.pack().finish();
  assert.equal((await store.fold().finish()).objects, 50);
  assert.equal(fs.readdirSync(path.join(folder, 'index')).filter((name) => name.startsWith('run-')).length, 1);
  assert.deepEqual((await store.verify().finish()).problems, []);
});

test('a pack writer commits, or leaves nothing', (t) => {
  const { store, root } = setUp(t);
  const file = path.join(root, 'file');
  fs.writeFileSync(file, noise(100 * KIB));
  const writer = store.packWriter({ compression: 'always' });
  const ids = [writer.add(Buffer.from('one')), ...writer.addMany(some(100)), writer.addFile(file)];
  ids.push(...writer.addFiles([file]));
  const other = open(store.path);
  t.after(() => other.close());
  assert.deepEqual([...other], []);
  assert.throws(() => other.packWriter(), { name: 'LockedError' });
  writer.commit();
  assert.deepEqual([...other], [...new Set(ids)].sort());
  const lost = writer.add(Buffer.from('lost'));
  writer[Symbol.dispose]();
  writer[Symbol.dispose]();
  assert.equal(other.has(lost), false);
  assert.throws(() => writer.add(Buffer.from('more')), { name: 'ClosedError' });
  const second = other.packWriter();
  const kept = second.add(Buffer.from('kept'));
  second.finish();
  assert.throws(() => second.finish(), { name: 'ClosedError' });
  assert.equal(store.info(kept).placement, 'packed');
  assert.throws(() => store.packWriter({ compression: 'max' }), TypeError);
});

// Objects as streams of Node.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'node:test';

import { ABSENT, KIB, MIB, SIZES, collect, looseFile, noise, openFiles, setUp, sha256 } from './support.mjs';

test('streams carry any size both ways', async (t) => {
  const { store, folder } = setUp(t);
  for (const size of SIZES) {
    const content = noise(size);
    const pieces = [];
    for (let at = 0; at < size; at += 50_001) {
      pieces.push(content.subarray(at, at + 50_001));
    }
    const writing = store.createWriteStream();
    assert.equal(writing.id, undefined);
    await pipeline(Readable.from(pieces), writing);
    assert.deepEqual([writing.id, writing.bytesWritten], [sha256(content), size]);
    const reading = store.createReadStream(writing.id);
    assert.ok(Buffer.concat(await collect(reading)).equals(content), `${size} bytes`);
    assert.equal(reading.size, size);
  }
  await store.pack({ compression: 'always', clean: true }).finish();
  for (const size of SIZES) {
    assert.ok(Buffer.concat(await collect(store.createReadStream(sha256(noise(size))))).equals(noise(size)));
  }
  store.close();
  assert.ok(!openFiles(folder));
});

test('ranges are those of fs.createReadStream', async (t) => {
  const { store, root } = setUp(t);
  const content = Buffer.from(noise(MIB + 100).toString('hex'));
  const file = `${root}/file`;
  fs.writeFileSync(file, content);
  const id = store.addFile(file);
  const far = 10 * MIB;
  const ranges = [{}, { start: 5 }, { end: 0 }, { start: 7, end: 7 }, { start: MIB - 3, end: MIB + 64 * KIB }];
  ranges.push({ start: content.length - 1 }, { start: 64 * KIB, end: far }, { start: far }, { end: content.length - 1 });
  for (const placement of ['loose', 'packed']) {
    assert.equal(store.info(id).placement, placement);
    for (const range of ranges) {
      const found = Buffer.concat(await collect(store.createReadStream(id, range)));
      const expected = Buffer.concat(await collect(fs.createReadStream(file, range)));
      assert.ok(found.equals(expected), `${placement} ${JSON.stringify(range)}`);
    }
    assert.deepEqual(await collect(store.createReadStream(id, { start: 9, end: 8 })), []);
    await store.pack({ compression: 'always', clean: true }).finish();
  }
  for (const wrong of [{ start: -1 }, { start: 1.5 }, { end: '7' }, { start: 9, end: 7 }]) {
    assert.throws(() => store.createReadStream(id, wrong), { name: 'RangeError' });
  }
});

test('a slow reader is waited for', async (t) => {
  const { store } = setUp(t);
  const id = store.add(noise(8 * MIB));
  const reading = store.createReadStream(id, { highWaterMark: 16 * KIB });
  const hash = [];
  let most = 0;
  const slow = new Writable({
    highWaterMark: 16 * KIB,
    write(chunk, encoding, callback) {
      hash.push(chunk);
      most = Math.max(most, reading.readableLength + slow.writableLength);
      setImmediate(callback);
    },
  });
  await pipeline(reading, slow);
  assert.equal(sha256(Buffer.concat(hash)), id);
  assert.ok(most <= 128 * KIB, `${most} bytes were waiting`);
});

test('a fast source is held back, and leaves room for others', async (t) => {
  const { store } = setUp(t);
  const writing = store.createWriteStream({ highWaterMark: 16 * KIB });
  const piece = noise(64 * KIB);
  assert.equal(writing.write(piece), false, 'more than is buffered');
  let turns = 0;
  const count = setInterval(() => (turns += 1), 0);
  await pipeline(Readable.from(Array.from({ length: 200 }, () => piece)), writing);
  clearInterval(count);
  assert.equal(writing.bytesWritten, 201 * piece.length);
  assert.ok(turns >= 2, `${turns} other turns`);
});

test('absent and damaged objects are errors of the stream', async (t) => {
  const { store, folder } = setUp(t);
  const absent = store.createReadStream(ABSENT);
  const [error] = await once(absent, 'error');
  assert.deepEqual([error.name, error.id, absent.destroyed], ['NotFoundError', ABSENT, true]);
  const content = noise(MIB + 1);
  const id = store.add(content);
  content[5] ^= 1;
  fs.writeFileSync(looseFile(folder, id), content);
  const before = openFiles(folder);
  let given = 0;
  const reading = store.createReadStream(id);
  reading.on('data', (chunk) => (given += chunk.length));
  await assert.rejects(once(reading, 'end'), { name: 'CorruptError' });
  assert.ok(given < content.length, 'the last bytes are not given out');
  assert.equal(openFiles(folder), before);
  assert.throws(() => store.createReadStream('nonsense'), { name: 'InvalidIdError' });
});

test('what is abandoned gives its files back and leaves no object', async (t) => {
  const { store, folder } = setUp(t);
  const id = store.add(noise(4 * MIB));
  const ids = store.addMany(Array.from({ length: 50 }, (_, size) => noise(100 * KIB + size)));
  const before = openFiles(folder);
  for await (const chunk of store.createReadStream(id)) {
    assert.ok(chunk.length > 0);
    break;
  }
  for await (const [found] of store.readMany(ids)) {
    assert.ok(ids.includes(found));
    break;
  }
  for (const [found] of store.readMany(ids)) {
    assert.ok(ids.includes(found));
    break;
  }
  const reading = store.createReadStream(id);
  await once(reading, 'readable');
  reading.destroy();
  await once(reading, 'close');
  const unopened = store.createReadStream(id);
  unopened.destroy();
  await once(unopened, 'close');
  const writing = store.createWriteStream();
  await new Promise((resolve) => writing.write(noise(MIB), resolve));
  assert.equal(store.stats().unfinished, 1);
  writing.destroy();
  await once(writing, 'close');
  const aborted = store.createWriteStream({ signal: AbortSignal.abort() });
  await assert.rejects(once(aborted, 'finish'), { name: 'AbortError' });
  assert.deepEqual([writing.id, aborted.id, store.stats().unfinished], [undefined, undefined, 0]);
  assert.equal(store.has(sha256(noise(MIB))), false);
  assert.equal(openFiles(folder), before);
});

test('closing a container ends its streams', async (t) => {
  const { store, folder } = setUp(t);
  const id = store.add(noise(4 * MIB));
  const before = fs.readdirSync(`${folder}/incoming`);
  const reading = store.createReadStream(id);
  await once(reading, 'readable');
  const writing = store.createWriteStream();
  await new Promise((resolve) => writing.write(Buffer.from('never'), resolve));
  assert.equal(fs.readdirSync(`${folder}/incoming`).length, before.length + 1);
  store.close();
  assert.ok(!openFiles(folder));
  assert.deepEqual(fs.readdirSync(`${folder}/incoming`), before);
  await assert.rejects(collect(reading), { name: 'ClosedError' });
  writing.end();
  await assert.rejects(once(writing, 'finish'), { name: 'ClosedError' });
});

test('a reader survives packing and cleaning', async (t) => {
  const { store } = setUp(t);
  const content = noise(3 * MIB);
  const reading = store.createReadStream(store.add(content));
  await once(reading, 'readable');
  const first = reading.read(1000);
  await store.pack({ clean: true }).finish();
  assert.ok(Buffer.concat([first, ...(await collect(reading))]).equals(content));
});

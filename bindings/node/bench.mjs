// How fast the package is: `node bench.mjs [--objects N] [--rounds N] [--folder FOLDER]`, where it is installed.
//
// Each round does each step in a new container; the table has the medians.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { create, open } from 'loosepack';

const MIB = 1 << 20;
const LARGE = 256;

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: os.tmpdir() },
  },
});
const [count, rounds] = [Number(values.objects), Number(values.rounds)];
const times = new Map();

/** Measures a step: microseconds for each of `per`, or seconds. */
async function measure(step, per, work) {
  const start = performance.now();
  const result = await work();
  const took = performance.now() - start;
  const row = times.get(step) ?? { unit: per === undefined ? 's' : 'us', found: [] };
  row.found.push(per === undefined ? took / 1000 : (took / per) * 1000);
  times.set(step, row);
  return result;
}

/** Contents of 0 to 1000 bytes, the same in each run. */
function contents() {
  let state = 1;
  const next = (most) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % most;
  };
  return Array.from({ length: count }, (_, number) => {
    const content = Buffer.alloc(next(1000), number);
    return content.length < 4 ? content : (content.writeUInt32LE(number), content);
  });
}

const discard = () => new Writable({ write: (chunk, encoding, callback) => callback() });

async function round(folder) {
  const all = contents();
  const store = create(path.join(folder, 'packed'));
  const ids = await measure('add many to packs (`packWriter`)', count, () => {
    const writer = store.packWriter({ compression: 'never' });
    const added = writer.addMany(all);
    writer.finish();
    return added;
  });
  const some = [...new Set(ids)].sort().slice(0, 5000);
  await measure('get one by one', some.length, () => some.forEach((id) => store.get(id)));
  await measure('has, one by one', some.length, () => some.forEach((id) => store.has(id)));
  await measure('has, many', count, () => store.has(ids));
  await measure('read many, `for`', count, () => {
    for (const [, content] of store.readMany(ids)) {
      void content;
    }
  });
  await measure('read many, `for await`', count, async () => {
    for await (const [, content] of store.readMany(ids)) {
      void content;
    }
  });
  await measure('get through a stream', 1000, async () => {
    for (const id of some.slice(0, 1000)) {
      await pipeline(store.createReadStream(id), discard());
    }
  });
  await measure('open and close', 20, () => {
    for (let number = 0; number < 20; number += 1) {
      open(store.path).close();
    }
  });
  const loose = create(path.join(folder, 'loose'));
  await measure('add loose, each durable', 1000, () => all.slice(0, 1000).forEach((content) => loose.add(content)));
  await measure('add many loose, durable together', 9000, () => loose.addMany(all.slice(1000, 10_000)));
  await measure('pack them', 10_000, () => loose.pack().finish());
  const piece = Buffer.alloc(MIB, 7);
  const large = Readable.from(Array.from({ length: LARGE }, () => piece));
  const writing = store.createWriteStream();
  await measure(`${LARGE} MiB in, stream`, undefined, () => pipeline(large, writing));
  await measure(`${LARGE} MiB out, stream`, undefined, () => pipeline(store.createReadStream(writing.id), discard()));
  const file = path.join(folder, 'file');
  await measure(`${LARGE} MiB out, to a file`, undefined, () => store.getToFile(writing.id, file));
  await measure(`${LARGE} MiB in, from the file`, undefined, () => loose.addFile(file));
  store.close();
  loose.close();
}

/** Imports the package in processes of their own. */
async function imports() {
  const cwd = path.dirname(fileURLToPath(import.meta.url));
  const code = "const start = performance.now(); await import('loosepack'); console.log(performance.now() - start);";
  const took = execFileSync(process.execPath, ['--input-type=module', '--eval', code], { cwd, encoding: 'utf8' });
  const row = times.get('import') ?? { unit: 'ms', found: [] };
  row.found.push(Number(took));
  times.set('import', row);
}

for (let number = 0; number < rounds; number += 1) {
  const folder = fs.mkdtempSync(path.join(values.folder, 'loosepack-bench-'));
  try {
    await round(folder);
    await imports();
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
console.log(`${count} objects of 0 to 1000 bytes, medians of ${rounds} rounds, Node ${process.versions.node}\n`);
console.log('| step | in | loosepack |\n|---|---|---:|');
for (const [step, { unit, found }] of times) {
  const median = found.sort((a, b) => a - b)[Math.floor(found.length / 2)];
  console.log(`| ${step} | ${unit} | ${Number(median.toPrecision(3))} |`);
}

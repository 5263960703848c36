// How fast the package is, with each of its engines:
// `node bench.mjs [--objects N] [--rounds N] [--folder FOLDER] [--engines NAME,NAME]`, where it is installed.
//
// Each round does each step in a new container, with one engine after the other; the table has the medians.

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
    engines: { type: 'string', default: 'addon,component' },
  },
});
const [count, rounds, engines] = [Number(values.objects), Number(values.rounds), values.engines.split(',')];
const here = path.dirname(fileURLToPath(import.meta.url));
/** For each step its unit, and for each engine what was measured. */
const rows = new Map();

function note(step, unit, engine, measured) {
  const row = rows.get(step) ?? { unit, found: new Map(engines.map((name) => [name, []])) };
  row.found.get(engine).push(measured);
  rows.set(step, row);
}

/** A function that measures a step: microseconds for each of `per`, or seconds. */
function stopwatch(engine) {
  return async (step, per, work) => {
    const start = performance.now();
    const result = await work();
    const took = performance.now() - start;
    const [unit, measured] = per === undefined ? ['s', took / 1000] : ['us', (took / per) * 1000];
    note(step, unit, engine, measured);
    return result;
  };
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

async function round(folder, engine) {
  const measure = stopwatch(engine);
  const all = contents();
  const store = create(path.join(folder, 'packed'), { engine });
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
      open(store.path, { engine }).close();
    }
  });
  const loose = create(path.join(folder, 'loose'), { engine });
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

/** Runs a script in a process of its own, which prints numbers. */
function numbersOf(code, engine) {
  const options = { cwd: here, encoding: 'utf8', env: { ...process.env, LOOSEPACK_ENGINE: engine } };
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', code], options);
  return printed.trim().split(/\s+/).map(Number);
}

/** Starts in processes of their own: importing the package, then opening a first container. */
function starts(folder, engine) {
  const code = `
    const start = performance.now();
    const { open } = await import('loosepack');
    const imported = performance.now();
    open(${JSON.stringify(folder)});
    console.log(imported - start, performance.now() - imported);`;
  const [imported, opened] = numbersOf(code, engine);
  note('import', 'ms', engine, imported);
  note('open a first container', 'ms', engine, opened);
}

/** The most memory that processes take, less that of one that does nothing. */
function memory(folder, engine) {
  // `maxRSS` of a process is at least that of the one that started it.
  const print = `
    const status = await import('node:fs').then(({ readFileSync }) => readFileSync('/proc/self/status', 'utf8'));
    console.log(Number(/VmHWM:\\s+(\\d+)/.exec(status)[1]) / 1024);`;
  const [least] = numbersOf(print, engine);
  const run = (work) => {
    const code = `import { open } from 'loosepack'; const store = open(${JSON.stringify(folder)}); ${work} ${print}`;
    return numbersOf(code, engine)[0] - least;
  };
  note('memory: one open container', 'MiB', engine, run(''));
  const large = `
    const piece = Buffer.alloc(${MIB}, 7);
    const id = await store.add((async function* () { for (let n = 0; n < ${LARGE}; n += 1) yield piece; })());
    for await (const chunk of store.createReadStream(id)) void chunk;`;
  note(`memory: ${LARGE} MiB in and out`, 'MiB', engine, run(large));
}

for (let number = 0; number < rounds; number += 1) {
  for (const engine of engines) {
    const folder = fs.mkdtempSync(path.join(values.folder, 'loosepack-bench-'));
    try {
      await round(folder, engine);
      starts(path.join(folder, 'packed'), engine);
      if (fs.existsSync('/proc/self/status')) {
        memory(path.join(folder, 'packed'), engine);
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  }
}
console.log(`${count} objects of 0 to 1000 bytes, medians of ${rounds} rounds, Node ${process.versions.node}\n`);
console.log(`| step | in | ${engines.join(' | ')} |\n|---|---|${'---:|'.repeat(engines.length)}`);
for (const [step, { unit, found }] of rows) {
  const medians = [...found.values()].map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]);
  console.log(`| ${step} | ${unit} | ${medians.map((median) => Number(median.toPrecision(3))).join(' | ')} |`);
}

// A process of the Node package: takes requests and gives answers as JSON lines. `node worker.mjs ENGINE CONTAINER`

import process from 'node:process';
import { createInterface } from 'node:readline';

import { LockedError, open } from '../../target/npm/clean/node_modules/loosepack/lib/index.js';

const [engine, container] = process.argv.slice(2);
const store = open(container, { engine });
let held;

async function answer({ do: work, contents, ids }) {
  if (work === 'add') {
    return contents.map((content) => store.add(Buffer.from(content, 'base64')));
  }
  if (work === 'read') {
    const found = {};
    for await (const [id, content] of store.readMany(ids)) {
      found[id] = Buffer.from(content).toString('base64');
    }
    return found;
  }
  try {
    if (work === 'pack') {
      return (await store.pack({ clean: true }).finish()).ok;
    }
    if (work === 'hold') {
      held = store.packWriter();
      return true;
    }
  } catch (error) {
    if (error instanceof LockedError) {
      return { locked: error.message };
    }
    throw error;
  }
  if (work === 'free') {
    held.finish();
    return true;
  }
  throw new Error(`there is no work ${work}`);
}

for await (const text of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(text)))}\n`);
}

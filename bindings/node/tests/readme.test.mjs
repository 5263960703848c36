// The README: its first example runs as printed, and its tables name what there is.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import * as loosepack from 'loosepack';
import { scratch } from './support.mjs';

const clean = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const readme = fs.readFileSync(path.join(clean, 'README.md'), 'utf8');

test('the first example runs as printed', (t) => {
  const [, example] = /```js\n([^]*?)```/.exec(readme);
  const folder = scratch(t);
  // Beside the package, as the example of a user would be.
  fs.symlinkSync(path.join(clean, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
  fs.writeFileSync(path.join(folder, 'example.mjs'), example);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  assert.match(stdout, /^256 of 256$/m);
  assert.equal(stdout.match(/^[0-9a-f]{64} object \d+$/gm).length, 1000);
});

test('the table of errors is complete', () => {
  const errors = Object.keys(loosepack).filter((name) => name.endsWith('Error') && name !== 'LoosepackError');
  const table = readme.slice(readme.indexOf('## Errors'), readme.indexOf('## Limits'));
  const named = [...table.matchAll(/`(\w+Error)`/g)].map((match) => match[1]);
  assert.deepEqual(errors.filter((name) => !named.includes(name)), []);
  assert.deepEqual(named.filter((name) => !(name in loosepack) && !(name in globalThis)), []);
});

test('the table of calls names what there is', () => {
  const table = readme.slice(readme.indexOf('## What there is'), readme.indexOf('**Calls'));
  const calls = new Set([...table.matchAll(/(\w+)\(/g)].map((match) => match[1]).filter((call) => call !== 'await'));
  const { Container } = loosepack;
  const known = (name) => name in loosepack || name in Container.prototype || name === 'for';
  assert.deepEqual([...calls].filter((call) => !known(call)), []);
  const skipped = new Set(['constructor', 'path', 'closed', 'engine', 'id', 'config', 'durable', 'unlock', 'finish']);
  const prototypes = [Container.prototype, Object.getPrototypeOf(Container.prototype)];
  const members = prototypes.flatMap((prototype) => Object.getOwnPropertyNames(prototype));
  assert.deepEqual(members.filter((member) => !calls.has(member) && !skipped.has(member)), []);
});

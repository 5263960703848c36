// The declarations: a program that uses all of them compiles, and wrong ones do not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import * as loosepack from 'loosepack';

const tsc = process.env.LOOSEPACK_TSC ?? '';
const here = path.dirname(fileURLToPath(import.meta.url));
const types = path.dirname(fileURLToPath(import.meta.resolve('loosepack'))).replace(/lib$/, 'types');

/** A program of which each line is right. */
const RIGHT = `
import { Readable } from 'node:stream';
import { Container, CorruptError, LoosepackError, create, open, restore } from 'loosepack';
import type { ObjectInfo, Report } from 'loosepack';

const store: Container = create(new URL('file:///store'), { packTarget: 7, durable: false });
const id: string = store.add(Buffer.from('bytes'));
const other: Promise<string> = store.add(Readable.from([Buffer.from('bytes')]));
const ids: string[] = store.addMany([new Uint8Array(), new ArrayBuffer(7), Buffer.from('x')]);
const content: Buffer = store.get(id);
for (const [found, bytes] of store.readMany(ids, { skipMissing: true })) found.concat(bytes.toString('hex'));
for await (const [found, bytes] of store.readMany(new Set(ids))) found.concat(bytes.toString('hex'));
for await (const found of store) found.toUpperCase();
const one: boolean = store.has(id);
const engine: 'addon' | 'component' = open('store', { engine: 'addon' }).engine;
const many: boolean[] = store.has(ids);
const info: ObjectInfo = store.info(id);
if (info.placement === 'packed') info.offset.toFixed();
const size: number | undefined = store.createReadStream(id, { start: 1, end: 2 }).size;
const written: string | undefined = store.createWriteStream().id;
const writer = store.packWriter({ compression: 'auto' });
writer.commit();
writer[Symbol.dispose]();
for await (const step of store.pack({ clean: true })) step.done.toFixed();
const report: Report = await store.verify().finish();
try {
  (await restore('backup', 'store')).close();
} catch (error) {
  if (error instanceof CorruptError) error.file.toUpperCase();
  if (error instanceof LoosepackError) error.code.toUpperCase();
}
export const all = [engine, other, content, one, many, size, written, report, open];
`;

/** Lines of which each is wrong after that program. */
const WRONG = [
  "store.add('text');",
  "store.addMany(['text']);",
  'store.get(7);',
  "open('store', { readonly: true });",
  "store.pack({ compression: 'sometimes' });",
  'new Container();',
  'store.info(id).offset;',
  'store.has(ids).valueOf() && store.has(ids).concat(7);',
  'store.path = "other";',
  "open('store', { engine: 'native' });",
];

function compile(name, source) {
  const file = path.join(here, name);
  fs.writeFileSync(file, source);
  const roots = path.resolve(path.dirname(tsc), '../../@types');
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext'];
  options.push('--lib', 'es2022,esnext.disposable', '--typeRoots', roots, '--types', 'node');
  const { stdout, status } = spawnSync(process.execPath, [tsc, ...options, file], { encoding: 'utf8', cwd: here });
  fs.rmSync(file);
  return { stdout, status };
}

test('programs compile with the declarations', { skip: !fs.existsSync(tsc) }, () => {
  const right = compile('right.mts', RIGHT);
  assert.equal(right.stdout, '');
  assert.equal(right.status, 0);
  const wrong = compile('wrong.mts', RIGHT + WRONG.join('\n'));
  const lines = new Set([...wrong.stdout.matchAll(/wrong\.mts\((\d+),/g)].map((match) => Number(match[1])));
  const first = RIGHT.split('\n').length;
  assert.deepEqual([...lines].sort((a, b) => a - b), WRONG.map((_, index) => first + index), wrong.stdout);
});

test('what is declared is there, and what is there is declared', () => {
  const declared = ['index.d.ts', 'errors.d.ts'].map((name) => fs.readFileSync(path.join(types, name), 'utf8')).join('');
  const names = [...declared.matchAll(/^export (?:class|function) (\w+)/gm)].map((match) => match[1]);
  // ManyReader is an interface: the class of that name is not exported.
  assert.deepEqual(names.sort(), Object.keys(loosepack).sort());
  for (const name of ['Container', 'PackWriter', 'Job']) {
    const { prototype } = loosepack[name];
    const own = [prototype, Object.getPrototypeOf(prototype)].filter((found) => found !== Object.prototype);
    const members = own.flatMap((found) => Object.getOwnPropertyNames(found)).filter((member) => member !== 'constructor');
    const [, body] = new RegExp(`^export class ${name} \\{\\n([^]*?)^\\}`, 'm').exec(declared);
    const listed = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map((match) => match[1]);
    assert.deepEqual([...new Set(members)].sort(), [...new Set(listed)].sort(), name);
  }
});

// Installs a package in a clean folder, target/npm/clean, and runs tests there, with each engine that the package has:
// `node test.mjs [TARBALL [TEST...]]`.
//
// TARBALL is what build.mjs made unless given; a TEST is the name of a file in tests/, all of them unless given.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const clean = path.join(root, 'target/npm/clean');
const [given, ...chosen] = process.argv.slice(2);
const { name, version } = JSON.parse(fs.readFileSync(path.join(here, 'package.json'), 'utf8'));

const tarball = path.resolve(given ?? path.join(root, `target/npm/${name}-${version}.tgz`));

fs.rmSync(clean, { recursive: true, force: true });
fs.mkdirSync(clean, { recursive: true });
fs.writeFileSync(path.join(clean, 'package.json'), '{ "private": true, "type": "module" }\n');
const options = ['--offline', '--no-audit', '--no-fund', '--no-update-notifier', '--ignore-scripts', '--silent'];
execFileSync('npm', ['install', ...options, tarball], {
  cwd: clean,
  shell: process.platform === 'win32',
  stdio: 'inherit',
});
for (const entry of ['tests', 'examples', 'README.md', 'bench.mjs']) {
  fs.cpSync(path.join(here, entry), path.join(clean, entry), { recursive: true });
}
const tests = fs.readdirSync(path.join(clean, 'tests')).filter((file) => file.endsWith('.test.mjs')).sort();
const run = chosen.length > 0 ? chosen : tests;
const command = path.join(root, 'target/release', process.platform === 'win32' ? 'loosepack.exe' : 'loosepack');
const typescript = path.join(root, 'target/node/node_modules/typescript/bin/tsc');
const addon = path.join(clean, `node_modules/${name}/loosepack.${process.platform}-${process.arch}.node`);
const engines = fs.existsSync(addon) ? ['addon', 'component'] : ['component'];
for (const engine of engines) {
  console.log(`engine: ${engine}`);
  const { status } = spawnSync(process.execPath, ['--expose-gc', '--test', ...run.map((file) => `tests/${file}`)], {
    cwd: clean,
    env: { LOOSEPACK_COMMAND: command, LOOSEPACK_TSC: typescript, ...process.env, LOOSEPACK_ENGINE: engine },
    stdio: 'inherit',
  });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}

// Installs the package that build.mjs made in a clean folder, target/npm/clean, and runs the tests there.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const clean = path.join(root, 'target/npm/clean');
const { name, version } = JSON.parse(fs.readFileSync(path.join(here, 'package.json'), 'utf8'));

fs.rmSync(clean, { recursive: true, force: true });
fs.mkdirSync(clean, { recursive: true });
fs.writeFileSync(path.join(clean, 'package.json'), '{ "private": true, "type": "module" }\n');
const options = ['--offline', '--no-audit', '--no-fund', '--no-update-notifier', '--ignore-scripts', '--silent'];
execFileSync('npm', ['install', ...options, path.join(clean, `../${name}-${version}.tgz`)], {
  cwd: clean,
  shell: process.platform === 'win32',
  stdio: 'inherit',
});
for (const entry of ['tests', 'examples', 'README.md', 'bench.mjs']) {
  fs.cpSync(path.join(here, entry), path.join(clean, entry), { recursive: true });
}
const tests = fs.readdirSync(path.join(clean, 'tests')).filter((file) => file.endsWith('.test.mjs')).sort();
const command = path.join(root, 'target/release', process.platform === 'win32' ? 'loosepack.exe' : 'loosepack');
const typescript = path.join(root, 'target/node/node_modules/typescript/bin/tsc');
const { status } = spawnSync(process.execPath, ['--expose-gc', '--test', ...tests.map((file) => `tests/${file}`)], {
  cwd: clean,
  env: { LOOSEPACK_COMMAND: command, LOOSEPACK_TSC: typescript, ...process.env },
  stdio: 'inherit',
});
process.exit(status ?? 1);

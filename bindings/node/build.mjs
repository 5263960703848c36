// Makes the npm package: `node build.mjs [COMPONENT [ADDON]]` writes target/npm/package and
// target/npm/loosepack-VERSION.tgz.
//
// COMPONENT is dist/loosepack.wasm unless given. jco, which makes JavaScript of it, is in target/node
// (`cargo xtask languages`). ADDON is the addon for this platform; without one, the package has none.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const output = path.join(root, 'target/npm');
const folder = path.join(output, 'package');
const component = path.resolve(process.argv[2] ?? path.join(root, 'dist/loosepack.wasm'));
const addon = process.argv[3] && path.resolve(process.argv[3]);
const jco = path.join(root, 'target/node/node_modules/@bytecodealliance/jco/dist/jco.js');

/** The most memory of the component: 512 MiB, in pages of 64 KiB. */
const MEMORY_PAGES = 8192;
/** The section of a module that declares its memory. */
const MEMORY_SECTION = 5;

/** Reads an unsigned LEB128 number; returns it and where it ends. */
function readNumber(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7, at += 1) {
    value += (bytes[at] & 0x7f) * 2 ** shift;
    if (bytes[at] < 0x80) {
      return [value, at + 1];
    }
  }
}

function number(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) {
    bytes.push((value % 0x80) | 0x80);
  }
  return [...bytes, value];
}

/** The module with a maximum for its memory, which Node has no other way to limit. */
function limitMemory(module) {
  for (let at = 8; at < module.length; ) {
    const [length, start] = readNumber(module, at + 1);
    if (module[at] === MEMORY_SECTION) {
      const [count, flags] = readNumber(module, start);
      const [least, end] = readNumber(module, flags + 1);
      if (count !== 1 || module[flags] !== 0 || end !== start + length || least > MEMORY_PAGES) {
        throw new Error('the component does not declare one memory without a maximum');
      }
      const section = [1, 1, ...number(least), ...number(MEMORY_PAGES)];
      const header = [MEMORY_SECTION, ...number(section.length)];
      return Buffer.concat([module.subarray(0, at), Buffer.from([...header, ...section]), module.subarray(end)]);
    }
    at = start + length;
  }
  throw new Error('the component declares no memory');
}

/** Replaces what a pattern finds in the generated code; that it finds nothing is an error. */
function replace(code, pattern, replacement) {
  const replaced = code.replace(pattern, replacement);
  if (replaced === code) {
    throw new Error(`jco's code has nothing that matches ${pattern}`);
  }
  return replaced;
}

/** The code as a module that can be loaded when it is first needed, by a call that does not wait: CommonJS. */
function commonJs(code) {
  const local = replace(code, /^export (?=function instantiate\(|const _util\b)/gm, '');
  if (/^(?:import|export)\b/m.test(local)) {
    throw new Error("jco's code imports or exports what it did not before");
  }
  return `'use strict';\n${local}\nmodule.exports = { instantiate };\n`;
}

/** jco's code without what only costs time here. */
function lean(code) {
  // Asynchronous exports, of which there are none. Where Node has no `promising`, each line throws and catches an
  // error whose message takes V8 a parse of the whole file: some 20 ms.
  const sync = replace(code, /WebAssembly\.promising\((.+)\);/g, '$1;');
  // Each makes objects to log, and looks at the environment, which is no plain object: some hundred times a call.
  const quiet = replace(sync, /const _debugLog = \(\.\.\.args\) => \{[^}]*\}[^}]*\};/, 'const _debugLog = () => {};');
  return withoutCalls(quiet, '_debugLog');
}

/** The code without the statements that call a function. */
function withoutCalls(code, name) {
  const kept = [];
  let start = 0;
  for (const { index } of code.matchAll(new RegExp(`^\\s*${name}\\(`, 'gm'))) {
    if (index < start) {
      throw new Error(`${name} is called within a call of it`);
    }
    kept.push(code.slice(start, index));
    start = endOfCall(code, code.indexOf('(', index));
  }
  kept.push(code.slice(start));
  return kept.join('');
}

/** Where the statement ends whose arguments begin at this parenthesis. */
function endOfCall(code, at) {
  let depth = 0;
  // Strings, of which templates without a nested one, and parentheses outside of them.
  const token = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|[()]/g;
  token.lastIndex = at;
  for (let match; (match = token.exec(code)) !== null; ) {
    depth += match[0] === '(' ? 1 : match[0] === ')' ? -1 : 0;
    if (depth === 0) {
      return code[token.lastIndex] === ';' ? token.lastIndex + 1 : token.lastIndex;
    }
  }
  throw new Error('a call does not end');
}

function transpile(into) {
  const options = ['--instantiation', 'sync', '--no-typescript', '--quiet', '--name', 'loosepack', '--out-dir', into];
  const stdio = ['ignore', 'inherit', 'inherit'];
  execFileSync(process.execPath, [jco, 'transpile', component, ...options], { stdio });
  const core = path.join(into, 'loosepack.core.wasm');
  fs.writeFileSync(core, limitMemory(fs.readFileSync(core)));
  const code = path.join(into, 'loosepack.js');
  fs.writeFileSync(path.join(into, 'loosepack.cjs'), commonJs(lean(fs.readFileSync(code, 'utf8'))));
  fs.rmSync(code);
}

for (const needed of [component, jco, ...(addon ? [addon] : [])]) {
  if (!fs.existsSync(needed)) {
    console.error(`${needed} is missing: run \`cargo xtask components\` and \`cargo xtask node\``);
    process.exit(1);
  }
}
fs.rmSync(output, { recursive: true, force: true });
fs.mkdirSync(folder, { recursive: true });
for (const name of ['package.json', 'README.md', 'lib', 'types']) {
  fs.cpSync(path.join(here, name), path.join(folder, name), { recursive: true });
}
for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) {
  fs.copyFileSync(path.join(root, name), path.join(folder, name));
}
transpile(path.join(folder, 'component'));
if (addon) {
  fs.copyFileSync(addon, path.join(folder, `loosepack.${process.platform}-${process.arch}.node`));
}
// npm is a script that only a shell starts on Windows.
execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', output], {
  cwd: folder,
  shell: process.platform === 'win32',
  stdio: ['ignore', 'inherit', 'inherit'],
});

// Runs a command that jco has made JavaScript of, as a WASI runtime would: `node node.mjs MODULE FOLDER [ARGUMENT]...`.
// It is granted FOLDER, by the name `.`, and nothing else.

import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

import { _setArgs } from '../../target/node/node_modules/@bytecodealliance/preview2-shim/dist/nodejs/cli.js';
import { _setPreopens } from '../../target/node/node_modules/@bytecodealliance/preview2-shim/dist/nodejs/filesystem.js';

const [module, folder, ...rest] = process.argv.slice(2);
_setPreopens({ '.': folder });
_setArgs([path.basename(module), ...rest]);
const { run } = await import(pathToFileURL(module));
try {
  run.run();
} catch (error) {
  // The command's own failure has no message: it has reported it.
  if (error?.payload !== undefined || !('payload' in Object(error))) {
    throw error;
  }
  process.exitCode = 1;
}

// The component, instantiated: one instance, with a memory of its own, for each open container.

import fs from 'node:fs';

import { instantiate } from '../component/loosepack.js';
import { imports } from './wasi.js';

const modules = new Map();

/** Compiles a module of the component once for all instances. */
function getCoreModule(name) {
  let module = modules.get(name);
  if (module === undefined) {
    module = new WebAssembly.Module(fs.readFileSync(new URL(`../component/${name}`, import.meta.url)));
    modules.set(name, module);
  }
  return module;
}

/** A new instance of the component: its interfaces `container`, `maintenance`, `sources` and `transfer`. */
export function newInstance() {
  return instantiate(getCoreModule, imports);
}

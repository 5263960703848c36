// A packer in a process of its own: takes the pack lock, says so, and finishes when its input ends.

import { container, maintenance } from '../../target/node/portable/loosepack.js';
import {
  _createPreopenDescriptor as grant,
} from '../../target/node/node_modules/@bytecodealliance/preview2-shim/dist/nodejs/filesystem.js';

const options = { access: 'read-write', durability: 'none', verify: true, holder: 'another process' };
const opened = container.Container.open(grant(process.argv[2]), options);
const writer = maintenance.PackWriter.open(opened, 'auto');
process.stdout.write('packing\n');
process.stdin.resume().once('end', () => maintenance.PackWriter.finish(writer));

// A container among files that a person picked: a tree for filesystem.js. Files are read in slices.

const MARKER = 'container.json';
const FOLDERS = ['loose', 'incoming', 'packs', 'index', 'lock'];

/** The files below a directory handle, as pairs of path and `File`. */
export async function gather(handle, report, path = '', files = []) {
  for await (const entry of handle.values()) {
    const name = `${path}${entry.name}`;
    if (entry.kind === 'directory') {
      await gather(entry, report, `${name}/`, files);
    } else {
      files.push([name, await entry.getFile()]);
      if (files.length % 1000 === 0) {
        report(files.length);
      }
    }
  }
  return files;
}

/** The folder that holds the container: the one of the shortest path that has a container.json. */
function containerAmong(files) {
  const depth = (path) => path.split('/').length;
  const markers = files.map(([path]) => path).filter((path) => path.split('/').at(-1) === MARKER);
  const least = Math.min(...markers.map(depth));
  const outermost = markers.filter((path) => depth(path) === least);
  if (outermost.length === 0) {
    throw new Error('This folder is no container: it has no container.json.');
  }
  if (outermost.length > 1) {
    throw new Error(`This folder has ${outermost.length} containers. Choose the folder of one of them.`);
  }
  return outermost[0].slice(0, -MARKER.length);
}

export class PickedFiles {
  #files = new Map();
  #folders = new Map([['', new Map()]]);

  /** `files`: pairs of path and `File`. */
  constructor(files) {
    const base = containerAmong(files);
    // Pickers do not report empty folders.
    FOLDERS.forEach((folder) => this.#addFolder(folder));
    for (const [path, file] of files) {
      if (path.startsWith(base)) {
        this.#addFile(path.slice(base.length), file);
      }
    }
  }

  look(path) {
    const file = this.#files.get(path);
    if (file) {
      return { type: 'file', size: file.size, modified: file.lastModified };
    }
    return this.#folders.has(path) ? { type: 'directory' } : undefined;
  }

  list(path) {
    const entries = this.#folders.get(path);
    if (!entries) {
      throw this.#files.has(path) ? 'not-directory' : 'no-entry';
    }
    return [...entries].map(([name, type]) => ({ name, type }));
  }

  read(path, offset, length) {
    const slice = this.#files.get(path).slice(offset, offset + length);
    try {
      return new Uint8Array(new FileReaderSync().readAsArrayBuffer(slice));
    } catch (error) {
      // The browser does not read a file that has changed since it was picked.
      throw error.name === 'NotFoundError' ? 'no-entry' : 'io';
    }
  }

  #addFile(path, file) {
    this.#files.set(path, file);
    this.#addTo(path, 'file');
  }

  #addFolder(path) {
    if (!this.#folders.has(path)) {
      this.#folders.set(path, new Map());
      this.#addTo(path, 'directory');
    }
  }

  #addTo(path, type) {
    const cut = path.lastIndexOf('/');
    const folder = path.slice(0, Math.max(cut, 0));
    this.#addFolder(folder);
    this.#folders.get(folder).set(path.slice(cut + 1), type);
  }
}

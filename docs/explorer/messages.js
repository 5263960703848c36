// Sentences for the errors of the component.

const SENTENCES = {
  'not-found': (id) => `There is no object ${id}.`,
  'invalid-id': (id) => `Invalid object ID: ${id}.`,
  'invalid-argument': (text) => `Invalid argument: ${text}.`,
  'no-container': () => 'This folder is no container.',
  'unsupported-format': (format) => `This container has format ${format}, which is newer than this page.`,
  corrupt: ({ file, message }) => `Damaged: ${file}: ${message}`,
  'too-large': (size) => `The object has ${size} bytes, which do not fit into memory.`,
  io: ({ operation, path, code }) => `Cannot ${operation} ${path}: ${reason(code)}.`,
  other: (text) => text,
};

const REASONS = {
  'no-entry': 'there is no such file',
  access: 'the server denies access',
  'file-too-large': 'the server gives no ranges, and the file is too large to be read whole',
  io: 'it cannot be read, or has changed since the folder was chosen',
};

function reason(code) {
  return REASONS[code] ?? code;
}

/** What happened, for a person. */
export function explain(error) {
  if (typeof error === 'string') {
    return `The container cannot be read: ${reason(error)}.`;
  }
  if (error instanceof WebAssembly.RuntimeError) {
    return `The component stopped (${error.message}). Open the container again.`;
  }
  const { tag, val } = error.payload ?? {};
  return SENTENCES[tag]?.(val) ?? (tag ? `Failed: ${tag}.` : error.message);
}

// The worker that runs the component, as functions that return promises.

// A worker's script is a URL that the page has to vouch for where Trusted Types are enforced.
const SCRIPT = new URL('worker.js', import.meta.url).href;
const policy = globalThis.trustedTypes?.createPolicy('worker', { createScriptURL: () => SCRIPT });

export class Engine {
  #worker = new Worker(policy ? policy.createScriptURL('') : SCRIPT, { type: 'module' });
  #waiting = new Map();
  #number = 0;

  constructor() {
    this.#worker.addEventListener('message', ({ data }) => this.#answer(data));
    this.#worker.addEventListener('error', () => {
      this.#waiting.forEach(({ reject }) => reject(new Error('The component cannot be loaded.')));
      this.#waiting.clear();
    });
  }

  /** Calls a function of worker.js. `report` gets its progress. */
  call(call, argument, report = () => {}) {
    this.#number += 1;
    const number = this.#number;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject, report });
      this.#worker.postMessage({ number, call, argument });
    });
  }

  /** Ends the worker; what was asked of it is never answered. */
  end() {
    this.#worker.terminate();
  }

  #answer({ number, progress, result, error }) {
    const waiting = this.#waiting.get(number);
    if (!waiting) {
      return;
    }
    if (progress !== undefined) {
      waiting.report(progress);
      return;
    }
    this.#waiting.delete(number);
    if (error === undefined) {
      waiting.resolve(result);
    } else {
      waiting.reject(new Error(error));
    }
  }
}

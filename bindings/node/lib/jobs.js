// Long operations, done in steps.

import { setImmediate as nextTurn } from 'node:timers/promises';

import { LoosepackError } from './errors.js';
import { numbers } from './values.js';

/** A long operation. It starts when it is iterated or finished; other work goes on between its steps. */
export class Job {
  #session;
  #start;
  #resources = [];
  #job;
  #report = { objects: 0, bytes: 0, problems: [], notes: [], unread: [] };
  #state = 'new';

  /** @private `start` gets the container, the instance, and a function for what is dropped with the job. */
  constructor(session, start) {
    this.#session = session;
    this.#start = start;
  }

  async *[Symbol.asyncIterator]() {
    try {
      while (this.#state !== 'finished') {
        yield this.#step();
        await nextTurn();
      }
    } finally {
      this.stop();
    }
  }

  async finish() {
    for await (const step of this) {
      void step;
    }
    return { ...this.#report, ok: this.#report.problems.length + this.#report.unread.length === 0 };
  }

  stop() {
    if (this.#state !== 'finished') {
      this.#state = 'stopped';
    }
    const resources = this.#resources.splice(0).reverse();
    for (const resource of resources) {
      this.#session.drop(resource);
    }
  }

  [Symbol.dispose]() {
    this.stop();
  }

  #step() {
    if (this.#state === 'stopped') {
      throw new LoosepackError('stopped', 'the job was stopped: start another one');
    }
    const step = this.#session.call((container, instance) => {
      if (this.#state === 'new') {
        const keep = (resource) => {
          this.#resources.push(this.#session.keep(resource));
          return resource;
        };
        this.#job = keep(this.#start(container, instance, keep));
        this.#state = 'running';
      }
      return this.#job.step();
    });
    const progress = numbers(step);
    this.#report.objects = progress.objects;
    this.#report.bytes = progress.bytes;
    for (const kind of ['problems', 'notes', 'unread']) {
      this.#report[kind].push(...progress[kind]);
    }
    if (progress.finished) {
      this.#state = 'finished';
    }
    return progress;
  }
}

// Long operations, done in steps.

import { setImmediate as nextTurn } from 'node:timers/promises';

import { LoosepackError } from './errors.js';

/** A long operation. It starts when it is iterated or finished; other work goes on between its steps. */
export class Job {
  #session;
  #start;
  #source;
  #job;
  #report = { objects: 0, bytes: 0, problems: [], notes: [], unread: [] };
  #state = 'new';

  /**
   * @private `start` gets the handle, and returns the job. `source`: the directory outside of the container that it
   * works with.
   */
  constructor(session, start, source) {
    this.#session = session;
    this.#start = start;
    this.#source = source;
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
    const job = this.#job;
    this.#job = undefined;
    this.#session.drop(job);
  }

  [Symbol.dispose]() {
    this.stop();
  }

  #step() {
    if (this.#state === 'stopped') {
      throw new LoosepackError('stopped', 'the job was stopped: start another one');
    }
    if (this.#state === 'new') {
      this.#job = this.#session.keep(this.#session.call(this.#start, this.#source));
      this.#state = 'running';
    }
    const progress = this.#session.call(() => this.#job.step());
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

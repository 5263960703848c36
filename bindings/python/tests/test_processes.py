"""Threads, forks, and the end of the interpreter."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import loosepack
from loosepack import Container
from support import TestCase, noise, sha256, text


def run(script, *arguments):
    """Runs a script in an interpreter of its own; it must print nothing on standard error."""
    ran = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0 and ran.stderr == "", (ran.returncode, ran.stdout, ran.stderr)
    return ran.stdout


class Threads(TestCase):
    def test_threads_read_add_and_pack_at_once_on_one_container(self):
        contents = {sha256(content): content for content in (noise(number * 50, number) for number in range(400))}
        self.store.add_many(contents.values())
        failures, rounds, end = [], [0] * 6, threading.Event()

        def repeat(number, work):
            try:
                while not end.is_set():
                    work(rounds[number])
                    rounds[number] += 1
            except BaseException as error:
                failures.append(error)

        def get(_):
            for object_id, content in contents.items():
                assert self.store[object_id] == content

        def read(_):
            assert dict(self.store.read_many(contents)) == contents

        def stream(_):
            for object_id, content in contents.items():
                with self.store.reader(object_id) as reader:
                    assert reader.read(7) + reader.read() == content

        def add(number):
            ids = self.store.add_many([b"%d %d" % (number, other) for other in range(20)])
            assert all(self.store.has(ids))

        def upkeep(number):
            assert self.store.pack(compression="always", clean=True).ok
            self.store.delete([sha256(b"%d 1" % number)])
            assert self.store.repack(min_dead=1).ok

        def questions(_):
            assert all(self.store.has(contents)) and None not in self.store.info(contents)
            assert self.store.stats().packed_size >= 0 and set(contents) <= set(self.store)

        works = [get, read, stream, add, upkeep, questions]
        threads = [threading.Thread(target=repeat, args=work) for work in enumerate(works)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        end.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertTrue(all(rounds), rounds)
        self.assertTrue(self.store.verify().ok)

    def test_a_job_does_not_keep_readers_from_reading(self):
        """Some object is read from its start to its end within one step of a job."""
        there = self.store.add_many([noise(1 << 20, number) for number in range(20)])[0]
        small = self.store.add(b"small")
        reader, reads, end = self.store.reader(there), [], threading.Event()

        def read():
            while not end.is_set():
                start = time.monotonic()
                assert self.store[small] == b"small" and reader.seek(5) == 5 and reader.read(1)
                reads.append((start, time.monotonic()))

        thread = threading.Thread(target=read)
        thread.start()
        try:
            within, deadline = False, time.monotonic() + 60
            while not within and time.monotonic() < deadline:
                job, finished = self.store._verify(0, 0, 1), False
                while not finished:
                    start = time.monotonic()
                    finished = job.step()[0]
                    stop = time.monotonic()
                    within = within or any(start < before and after < stop for before, after in reads[-1000:])
        finally:
            end.set()
            thread.join()
        self.assertTrue(within)

    def test_the_interpreter_runs_on_while_the_store_works(self):
        """Without the release of the lock, the counting thread would stand still during one long call."""
        content = bytes(256 << 20)
        counted, end = [0], threading.Event()

        def count():
            # Each turn needs the lock again, so that there is no more than one just before and after the call.
            while not end.is_set():
                time.sleep(0.001)
                counted[0] += 1

        thread = threading.Thread(target=count)
        thread.start()
        try:
            before = counted[0]
            self.store._add(content)
            during = counted[0] - before
        finally:
            end.set()
            thread.join()
        self.assertGreater(during, 10)

    def test_a_signal_stops_a_job(self):
        # Whoever started this may have had it ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        self.store.add_many([noise(1 << 16, number) for number in range(300)])
        main = threading.main_thread().ident
        steps = []

        def interrupt(step):
            steps.append(step)
            if len(steps) == 2:
                signal.pthread_kill(main, signal.SIGINT)

        with self.assertRaises(KeyboardInterrupt):
            self.store.pack(progress=interrupt)
        self.assertLess(steps[-1].done, steps[-1].total)
        self.assertTrue(self.store.pack().ok)


@unittest.skipUnless(hasattr(os, "fork"), "there is no fork here")
class Forks(TestCase):
    def child(self, work):
        """Runs `work` in a forked child, and fails if it does, or if it hangs."""
        process = os.fork()
        if process == 0:
            status = 1
            try:
                signal.alarm(30)
                work()
                status = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(process, 0)
        self.assertEqual(status, 0)

    def test_a_child_uses_the_container_that_it_inherits(self):
        # All processors of the parent have been at work: their threads are not in the child.
        large = noise(5 << 20)
        ids = self.store.add_many([text(4 << 20), large, b"small"], to_packs=True, compression="always")

        def work():
            assert self.store[ids[1]] == large
            assert dict(self.store.read_many(ids))[ids[0]] == text(4 << 20)
            added = self.store.add(noise(4 << 20, 2))
            assert added in self.store
            self.store.pack(compression="always", clean=True)
            assert self.store.verify().ok
            assert len(list(self.store)) == 4

        for _ in range(3):
            self.child(work)
        self.assertEqual(self.store[ids[0]], text(4 << 20))
        self.assertEqual(self.store[sha256(noise(4 << 20, 2))], noise(4 << 20, 2))

    def test_what_was_made_before_belongs_to_the_parent(self):
        content = noise(2 << 20)
        object_id = self.store.add(content)
        reader, batch, loose = self.store.reader(object_id), self.store.read_many([object_id]), self.store.writer()
        writer = self.store.pack_writer()
        packed = writer.add(b"of the parent")
        loose.write(b"of the parent")

        def work():
            for call in (
                reader.read,
                lambda: next(batch),
                lambda: loose.write(b"x"),
                lambda: writer.add(b"x"),
                writer.commit,
            ):
                try:
                    call()
                except loosepack.Forked as error:
                    assert "open it again" in str(error)
                else:
                    raise AssertionError(call)
            try:
                self.store.pack()
            except loosepack.Locked:
                pass
            else:
                raise AssertionError("the parent holds the lock")

        def work_and_drop():
            nonlocal reader, batch, loose, writer
            work()
            # The child's copies go: the parent keeps what it has.
            del reader, batch, loose, writer
            self.store.close()

        self.child(work_and_drop)
        with self.assertRaises(loosepack.Locked):
            Container(self.store.path).pack()
        writer.close()
        self.assertEqual(reader.read(), content)
        self.assertEqual(dict(batch), {object_id: content})
        self.assertIn(packed, self.store)
        self.assertEqual(self.store[loose.finish()], b"of the parent")

    def test_children_are_forked_while_other_threads_read(self):
        ids = self.store.add_many([noise(100_000, number) for number in range(20)], to_packs=True, compression="always")
        end = threading.Event()

        def read():
            while not end.is_set():
                dict(self.store.read_many(ids))
                self.store.get(ids[0])

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                self.child(lambda: [self.store[object_id] for object_id in ids])
        finally:
            end.set()
            for thread in threads:
                thread.join()

    def test_a_pool_of_forked_processes_shares_a_container(self):
        ids = self.store.add_many([noise(100_000, number) for number in range(50)], to_packs=True, compression="always")
        with multiprocessing.get_context("fork").Pool(3) as pool:
            sizes = pool.map(Measure(self.store), ids, chunksize=1)
        self.assertEqual(sizes, [100_000] * 50)


class Measure:
    """A function for a pool: the container goes to the workers by its path."""

    def __init__(self, store):
        self.path = store.path

    def __call__(self, object_id):
        return len(Container(self.path)[object_id])


class Ends(TestCase):
    def test_an_interpreter_that_ends_with_everything_open_is_silent(self):
        script = """
import sys, threading, time
import loosepack
store = loosepack.Container(sys.argv[1])
ids = store.add_many([b"%d" % number for number in range(100)], to_packs=True)
reader, batch, writer = store.reader(ids[0]), store.read_many(ids), store.pack_writer()
writer.add(b"given up")
next(batch)
def work():
    while True:
        store.get(ids[1])
threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
print("the end")
"""
        for _ in range(5):
            self.assertEqual(run(script, self.store.path), "the end\n")
        self.assertTrue(self.store.pack().ok, "the lock is free")
        self.assertEqual(len(list(self.store)), 100)

    def test_importing_starts_nothing(self):
        script = """
import os, sys, threading
import loosepack
tasks = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
print(threading.active_count(), tasks, "asyncio" in sys.modules, "loosepack.compat" in sys.modules)
"""
        self.assertEqual(run(script), "1 1 False False\n")

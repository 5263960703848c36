"""Failures in the middle: readers that fail, writers that read from themselves, components that are stopped."""

import gc
import io
import os
import pathlib
import subprocess
import sys
import threading

import loosepack
from support import TestCase, noise, sha256, text

HERE = pathlib.Path(__file__).parent


def within(seconds, script, *arguments):
    """Runs a script in an interpreter of its own: a deadlock ends with it."""
    ran = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "PYTHONPATH": str(HERE)},
    )
    assert ran.returncode == 0 and ran.stderr == "", (ran.returncode, ran.stdout, ran.stderr)
    return ran.stdout


class Readers(TestCase):
    def damaged(self, size, position):
        content = noise(size)
        object_id = self.store.add(content)
        self.damage(self.folder / "store/loose" / object_id[:2] / object_id[2:], position)
        return content, object_id

    def test_a_reader_that_failed_fails_again_until_it_seeks(self):
        content, object_id = self.damaged(3 << 20, 1000)
        reader = self.store.reader(object_id)
        for _ in range(11):
            reader.read(1 << 18)
        for _ in range(3):
            with self.assertRaises(loosepack.Corrupt):
                reader.read(1 << 18)
            self.assertEqual(reader.tell(), 11 << 18)
        self.assertEqual(reader.seek(11 << 18), 11 << 18)
        self.assertEqual(reader.read(), content[11 << 18 :])

    def test_a_read_that_fails_halfway_takes_nothing(self):
        """The object is read whole, in several pieces, of which the last fails."""
        content, object_id = self.damaged(3 << 20, 1000)
        reader = self.store.reader(object_id)
        self.assertEqual(reader.read(500), content[:500])
        with self.assertRaises(loosepack.Corrupt):
            reader.read()
        self.assertEqual(reader.tell(), 500)
        with self.assertRaises(loosepack.Corrupt):
            reader.readinto(bytearray(10))
        buffered = io.BufferedReader(self.store.reader(object_id))
        for _ in range(2):
            with self.assertRaises(loosepack.Corrupt):
                buffered.read()

    def test_many_readers_are_open_at_once(self):
        """In one component, 600 readers of compressed objects need more than the memory that it may have."""
        contents = [text(3 << 20, number) for number in range(3)]
        ids = self.store.add_many(contents, to_packs=True, compression="always")
        readers = [self.store.reader(ids[number % 3]) for number in range(600)]
        for _ in range(2):
            for reader in readers:
                reader.read(10)
        self.assertEqual([reader.read(5) for reader in readers], [contents[number % 3][20:25] for number in range(600)])


    def test_a_batch_that_cannot_go_on_does_not_end(self):
        """IDs are asked for in groups of 262,144: the index is gone when it is the turn of the second."""
        ids = self.store.add_many([b"%d" % number for number in range(2000)], to_packs=True)
        absent = [sha256(b"absent %d" % number) for number in range(262_144)]
        batch = self.store.read_many([*ids, *absent], skip_missing=True)
        read = [next(batch)]
        (self.folder / "store/index/manifest.json").unlink()
        for _ in range(3):
            with self.assertRaises(loosepack.Corrupt):
                while True:
                    read.append(next(batch))
        self.assertLess(len(read), 2000)


class Reentrance(TestCase):
    def test_a_file_that_is_added_uses_the_store(self):
        """A loose writer that was opened just before a pack writer shared its component, and waited for it."""
        script = """
import sys, gc, threading, loosepack
store = loosepack.Container(sys.argv[1])
writers = [store.writer() for _ in range(3)]
pack_writer = store.pack_writer()

class File:
    content = [b"some ", b"bytes", b""]

    def read(self, size):
        writers[0].write(b"of the writer")
        store.add(b"another")
        if len(writers) > 1:
            # Another thread drops one, and this one waits for it.
            thread = threading.Thread(target=writers.pop)
            thread.start()
            thread.join()
        return self.content.pop(0)

print(pack_writer.add(File()))
pack_writer.close()
print(writers[0].finish())
"""
        printed = within(30, script, self.store.path).split()
        self.assertEqual(printed, [sha256(b"some bytes"), sha256(b"of the writer" * 3)])
        self.assertTrue(all(self.store.has(printed)))

    def test_a_pack_writer_does_not_read_from_itself(self):
        script = """
import sys, loosepack
store = loosepack.Container(sys.argv[1])
with store.pack_writer() as writer:
    class File:
        def __init__(self, call):
            self.call = call

        def read(self, size):
            self.call()
            return b""

    for call in (lambda: writer.add(b"x"), writer.commit, writer.close, writer._writer.abandon):
        try:
            writer.add(File(call))
        except RuntimeError as error:
            print("reentrant" in str(error))
    writer._open = True
    writer.add(b"it goes on")
"""
        self.assertEqual(within(30, script, self.store.path).split(), ["True"] * 4)
        self.assertEqual(list(self.store), [sha256(b"it goes on")])

    def test_threads_share_a_pack_writer(self):
        with self.store.pack_writer() as writer:
            contents = [[b"%d %d" % (thread, number) for number in range(200)] for thread in range(4)]
            threads = [
                threading.Thread(target=lambda mine: [writer.add(content) for content in mine], args=(mine,))
                for mine in contents
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(len(list(self.store)), 800)


class Stops(TestCase):
    """Components with little memory, in processes of their own: each is stopped, and the next call goes on."""

    def stopped(self, script):
        beginning = """
import io, sys, loosepack
from support import noise, text
path = sys.argv[1]
loosepack._loosepack._limit_memory(8 << 20)
store = loosepack.Container(path)

def stopped(call):
    try:
        call()
    except loosepack.Stopped as error:
        assert "call again" in str(error), error
        return True
    return False
"""
        self.assertEqual(within(60, beginning + script, self.store.path), "the end\n")

    def test_a_pack_writer_that_is_stopped_frees_the_lock(self):
        self.stopped("""
for call in (
    lambda writer: writer.add(noise(7 << 20)),
    lambda writer: writer.add_many([noise(7 << 20)]),
):
    writer = store.pack_writer()
    assert stopped(lambda: call(writer))
    try:
        writer.add(b"x")
    except loosepack.WriterFailed as error:
        assert "finished, given up or stopped" in str(error), error
    else:
        raise AssertionError("it is gone")
    # The writer is still there, and the lock is free.
    assert store.pack().ok
    with store.pack_writer() as other:
        other.add(b"x")
print("the end")
""")

    def test_files_that_stop_a_component_free_the_lock(self):
        paths = []
        for number in range(8):
            paths.append(self.folder / str(number))
            paths[-1].write_bytes(noise(1 << 20, number))
        self.stopped(f"""
paths = {list(map(str, paths))}
for _ in range(12):
    assert stopped(lambda: store.add_files(paths))
writer = store.pack_writer()
assert stopped(lambda: writer.add_files(paths))
assert store.pack().ok
print("the end")
""")

    def test_a_reader_that_is_stopped_leaves_a_container_that_works(self):
        self.store.add_many([text(6 << 20)], to_packs=True, compression="always")
        self.stopped("""
(object_id,) = store
readers = []

def open_and_read():
    for _ in range(31):
        readers.append(store.reader(object_id))
        readers[-1].read(1)

assert stopped(open_and_read)
assert stopped(lambda: readers[-1].read(1)) and stopped(lambda: readers[-1].seek(0))
for _ in range(20):
    assert object_id in store
    assert store.info([object_id])[0].size == 6 << 20
print("the end")
""")


class Garbage(TestCase):
    def test_what_is_dropped_leaves_nothing_behind(self):
        self.store.add(b"kept")
        for make in (self.store.writer, self.store.pack_writer, self.store._clean):
            for _ in range(20):
                made = make()
                del made
            gc.collect()
        self.assertTrue(self.store.pack(clean=True).ok)
        self.assertEqual(self.store.stats().unfinished, 0)

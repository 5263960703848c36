"""The portable component in Python: `python test_portable.py COMPONENT [unittest's arguments]`."""

import contextlib
import faulthandler
import gc
import hashlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import wasmtime

# Nothing is left behind in the folder of the sources.
sys.dont_write_bytecode = True

from loosepack import Loosepack, LoosepackError  # noqa: E402

try:
    import resource
except ImportError:  # Windows
    resource = None

COMPONENT = None

MIB = 1 << 20

# A packer in another process: takes the packer's place, says so, and finishes when its input ends.
PACKER = """
import sys
sys.path.insert(0, sys.argv[1])
from loosepack import Loosepack
with Loosepack(sys.argv[2], {"/store": sys.argv[3]}) as loosepack:
    with loosepack.open("/store", holder="another process") as container:
        writer = container.pack_writer()
        print("packing", flush=True)
        sys.stdin.read()
        writer.finish()
"""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def text(size, seed=1):
    """Bytes that become smaller when compressed, and differ from place to place."""
    return noise(size // 2 + 1, seed).hex().encode()[:size]


def finish(job):
    """Do a job to its end; returns its steps."""
    steps = list(itertools.islice(job, 10_000))
    assert steps[-1].finished
    return steps


def open_files():
    """Number of files this process has open; None where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return None


@contextlib.contextmanager
def limit(kind, value):
    """Lower a limit that the system sets this process."""
    if resource is None:
        yield
        return
    kind = getattr(resource, kind)
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


class Case(unittest.TestCase):
    """A test with directories of its own: `store`, `in`, which is granted for reading only, and `out`."""

    def setUp(self):
        root = tempfile.mkdtemp(prefix="loosepack-test-")
        self.addCleanup(shutil.rmtree, root)
        self.store, self.inputs, self.outputs = (Path(root, name) for name in ["store", "in", "out"])
        for directory in [self.store, self.inputs, self.outputs]:
            directory.mkdir()

    def start(self, **options):
        """Another instance of the component."""
        directories = {"/store": self.store, "/out": self.outputs}
        loosepack = Loosepack(COMPONENT, directories, {"/in": self.inputs, "/store-to-read": self.store}, **options)
        self.addCleanup(loosepack.close)
        return loosepack

    def create(self, durability="none", **options):
        return self.start().create("/store", durability=durability, **options)

    def open(self, place="/store", durability="none", **options):
        """The container, in an instance of its own."""
        return self.start().open(place, durability=durability, **options)

    @contextlib.contextmanager
    def fails(self, case):
        with self.assertRaises(LoosepackError) as caught:
            yield caught
        self.assertEqual(caught.exception.case, case, caught.exception)

    def assert_same(self, found, expected):
        """Like `assertEqual`, which takes hours to describe how long lists differ."""
        self.assertEqual([pair for pair in zip(found, expected) if pair[0] != pair[1]][:3], [])
        self.assertEqual(len(found), len(expected))

    def files(self, directory):
        """Paths of the files of a directory of the container."""
        return [path for path in Path(self.store, directory).rglob("*") if path.is_file()]


class Objects(Case):
    def test_an_id_is_the_sha256(self):
        container = self.create(durability="full")
        for content in [b"", b"\0", b"hello", bytes(range(256)), noise(100_000)]:
            object_id = container.add(content)
            self.assertEqual(object_id, sha256(content))
            self.assertEqual(container.add(bytearray(content)), object_id, "the second time")
            self.assertEqual(container.get(object_id), content)
        self.assertEqual(container.stats().loose_objects, 5)

    def test_large_objects_go_from_file_to_file(self):
        container = self.create()
        contents = {"noise": noise(3 * MIB), "text": text(3 * MIB + 1), "empty": b""}
        for name, content in contents.items():
            Path(self.inputs, name).write_bytes(content)
        ids = container.add_files("/in", list(contents))
        self.assertEqual(ids, [sha256(content) for content in contents.values()])

        def check(where):
            for object_id, (name, content) in zip(ids, contents.items()):
                with self.subTest(name, where=where):
                    self.assertEqual(container.get_to_file(object_id, "/out", name), len(content))
                    self.assertEqual(Path(self.outputs, name).read_bytes(), content)

        check("loose")
        finish(container.pack("always"))
        finish(container.clean())
        self.assertEqual(self.files("loose"), [])
        self.assertTrue(container.info(ids[1]).placement.compressed)
        check("packed")
        self.assertEqual([path.name for path in self.outputs.iterdir() if path.name not in contents], [])

    def test_get_has_no_limit(self):
        container = self.create()
        Path(self.inputs, "zeros").write_bytes(bytes(2 * MIB + 1))
        self.assertEqual(container.get(container.add_file("/in", "zeros")), bytes(2 * MIB + 1))

    def test_an_object_is_written_piece_by_piece(self):
        container = self.create()
        with container.writer() as writer:
            for piece in [b"one ", b"", b"two ", noise(70_000)]:
                writer.write(piece)
            self.assertEqual(container.stats().loose_objects, 0)
            object_id = writer.finish()
        self.assertEqual(object_id, sha256(b"one two " + noise(70_000)))
        self.assertEqual(container.get(object_id), b"one two " + noise(70_000))
        with container.writer() as writer:
            writer.write(b"not to be")
        self.assertEqual(container.contains([object_id, sha256(b"not to be")]), [True, False])
        self.assertEqual(container.stats().unfinished, 0)

    def test_a_reader_seeks(self):
        container = self.create()
        content = text(2 * MIB + 1000)
        Path(self.inputs, "text").write_bytes(content)
        object_id = container.add_file("/in", "text")
        for placement in ["loose", "packed"]:
            with self.subTest(placement), container.reader(object_id) as reader:
                self.assertEqual(reader.size(), len(content))
                for position in [2 * MIB - 5, 10, MIB - 1]:
                    reader.seek(position)
                    piece = reader.read(2)
                    self.assertIn(piece, [content[position : position + length] for length in [1, 2]])
                reader.seek(2 * MIB)
                self.assertEqual(b"".join(iter(reader.read, b"")), content[2 * MIB :])
                reader.seek(1 << 60)
                self.assertEqual(reader.read(), b"")
            finish(container.pack("always"))
            finish(container.clean())
        self.assertTrue(container.info(object_id).placement.compressed)

    def test_a_reader_survives_packing_and_cleaning(self):
        container = self.create()
        object_id = container.add(b"stays readable")
        with container.reader(object_id) as reader:
            self.assertEqual(reader.read(6), b"stays ")
            packer = self.open()
            finish(packer.pack())
            finish(packer.clean())
            self.assertEqual(self.files("loose"), [])
            self.assertEqual(reader.read(), b"readable")
        self.assertEqual(container.get(object_id), b"stays readable")

    def test_many_are_read(self):
        container = self.create()
        packed = {sha256(content): content for content in [b"a", b"bc", b"", text(5000)]}
        for content in packed.values():
            container.add(content)
        finish(container.pack("auto"))
        finish(container.clean())
        loose = container.add(b"loose")
        absent = sha256(b"absent")
        Path(self.inputs, "large").write_bytes(bytes(5 * MIB))
        large = container.add_file("/in", "large")
        damaged = container.add(b"sound")
        next(path for path in self.files("loose") if damaged.endswith(path.name)).write_bytes(b"sOund")
        found = list(container.read_many([absent, *packed, loose, *packed, large, damaged]))
        self.assertEqual(len(found), 8, "duplicates are read once")
        failure = dict(found).pop(damaged)
        self.assertEqual(failure.case, "corrupt")
        self.assertEqual(dict(found), {**packed, loose: b"loose", absent: None, large: 5 * MIB, damaged: failure})
        self.assertEqual(list(container.read_many([])), [])

    def test_many_are_read_that_are_large_together(self):
        # What one call returns must stay below what wasmtime lets a call return: see `LIST_MAX`.
        container = self.create()
        contents = [noise(700_000, seed) for seed in range(4)]
        for seed, content in enumerate(contents):
            Path(self.inputs, str(seed)).write_bytes(content)
        with container.pack_writer("never") as writer:
            ids = writer.add_files("/in", ["0", "1", "2", "3"])
            writer.finish()
        found = {object_id: sha256(content) for object_id, content in container.read_many(ids)}
        self.assertEqual(found, {object_id: object_id for object_id in ids})

    def test_objects_are_listed_in_pages(self):
        container = self.create()
        self.assertEqual(list(container.objects()), [])
        ids = [container.add(b"%d" % number) for number in range(20)]
        finish(container.pack())
        ids += [container.add(b"%d" % number) for number in range(20, 40)]
        for page in [1, 7, 40, 41]:
            self.assertEqual(list(itertools.islice(container.objects(page), 50)), sorted(ids), page)

    def test_what_is_known_of_objects(self):
        container = self.create()
        packed, loose, absent = container.add(text(5000)), None, sha256(b"absent")
        finish(container.pack("always"))
        loose = container.add(b"loose")
        self.assertEqual(container.contains([loose, absent, packed, absent]), [True, False, True, False])
        self.assertEqual(container.contains([]), [])
        self.assertEqual(vars(container.info(loose)), {"size": 5, "placement": None})
        info = container.info(packed)
        self.assertEqual((info.size, info.placement.pack), (5000, 0))
        record = Path(self.store, "packs", "0").read_bytes()
        place = info.placement
        self.assertEqual(record[:1] + record[place.offset - 1 : place.offset], b"{\n")
        self.assertEqual(record[place.offset + place.length :], b"\n")
        self.assertLess(place.length, 5000)
        stats = vars(container.stats())
        expected = {"packed_objects": 1, "packed_size": 5000, "packed_length": place.length, "loose_objects": 2}
        expected.update({"loose_size": 5005, "packs": 1, "packs_size": len(record), "unfinished": 0, "unfinished_size": 0})
        index_size = sum(file.stat().st_size for file in Path(self.store, "index").iterdir())
        expected.update({"loose_packed": 1, "packs_dead": 0, "index_size": index_size})
        self.assertEqual(stats, expected)

    def test_settings_are_kept(self):
        container = self.create(pack_target=1000, compression_level=9)
        self.assertEqual(vars(container.config()), {"pack_target": 1000, "compression_level": 9, "shared": "umask"})
        self.assertRegex(container.id(), "^[0-9a-f]{32}$")
        again = self.open(access="read-only")
        self.assertEqual((again.id(), again.config()), (container.id(), container.config()))
        for number in range(3):
            container.add(noise(600, number))
        finish(container.pack("never"))
        self.assertEqual(container.stats().packs, 2)

    def test_threads_with_an_instance_each_write_at_once(self):
        self.create().close()
        containers = [self.open() for _ in range(3)]
        failures = []

        def work(container):
            try:
                for number in range(100):
                    if container.add(b"%d" % number) != sha256(b"%d" % number):
                        failures.append(number)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=[container]) for container in containers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.open().stats().loose_objects, 100)


class Files(Case):
    def test_ten_thousand_files_keep_none_open(self):
        container = self.create()
        names = [str(number) for number in range(10_000)]
        for name in names:
            Path(self.inputs, name).write_text(name)
        before = open_files()
        # None of 10,000 files may be kept open while others are read, either.
        with limit("RLIMIT_NOFILE", (before or 0) + 16):
            ids = container.add_files("/in", names)
        self.assert_same(ids, [sha256(name.encode()) for name in names])
        self.assertEqual(open_files(), before)
        self.assertEqual(container.stats().loose_objects, 10_000)
        self.assert_same(list(itertools.islice(container.objects(4096), 20_000)), sorted(ids))

    def test_pack_writers_keep_none_open(self):
        container = self.create()
        names = [str(number) for number in range(1000)]
        for name in names:
            Path(self.inputs, name).write_text(name)
        with container.pack_writer() as writer:
            before = open_files()
            with limit("RLIMIT_NOFILE", (before or 0) + 16):
                ids = writer.add_files("/in", names)
            self.assertEqual(open_files(), before)
            writer.finish()
        self.assert_same(ids, [sha256(name.encode()) for name in names])
        self.assertEqual(container.stats().packed_objects, 1000)

    def test_a_file_that_cannot_be_read_does_not_stop_the_others(self):
        container = self.create()
        Path(self.inputs, "folder").mkdir()
        for name in ["a", "folder/b"]:
            Path(self.inputs, name).write_text(name)
        codes = {
            "absent": ("open", "no-entry"),
            "folder": ("read", "is-directory"),
            "../store/container.json": ("open", "not-permitted"),
            "/etc/passwd": ("open", "not-permitted"),
        }
        with contextlib.suppress(OSError):  # Not everybody may make one on Windows.
            Path(self.inputs, "link").symlink_to("a")
            codes["link"] = ("open", "loop")
        with container.pack_writer() as writer:
            for add_files in [container.add_files, writer.add_files]:
                first, *failures, last = add_files("/in", ["a", *codes, "folder/b"])
                self.assertEqual([first, last], [sha256(b"a"), sha256(b"folder/b")])
                for failure, (path, (operation, code)) in zip(failures, codes.items()):
                    self.assertEqual(failure.case, "io")
                    self.assertEqual(vars(failure.payload), {"operation": operation, "path": path, "code": code})
            writer.finish()
        self.assertEqual(container.stats().packed_objects, 2)
        with self.fails("io"):
            container.add_file("/in", "absent")

    def test_no_file_is_written_outside_of_the_directory(self):
        container = self.create()
        object_id = container.add(b"content")
        for path, code in [("../escaped", "not-permitted"), (str(self.inputs / "escaped"), "not-permitted")]:
            with self.subTest(path), self.fails("io") as caught:
                container.get_to_file(object_id, "/out", path)
            self.assertEqual((caught.exception.payload.path, caught.exception.payload.code), (path, code))
        for path in ["", "folder/"]:
            with self.subTest(path), self.fails("io") as caught:
                container.get_to_file(object_id, "/out", path)
            self.assertEqual(caught.exception.payload.code, "invalid")
        self.assertEqual(list(self.outputs.parent.rglob("escaped*")), [])
        self.assertEqual(list(self.outputs.iterdir()), [])

    def test_a_file_is_replaced_only_when_the_object_is_sound(self):
        container = self.create()
        sound, damaged = container.add(b"sound"), container.add(b"damaged")
        next(path for path in self.files("loose") if damaged.endswith(path.name)).write_bytes(b"DAMAGED")
        target = Path(self.outputs, "target")
        target.write_bytes(b"what was there before")
        with self.fails("corrupt"):
            container.get_to_file(damaged, "/out", "target")
        self.assertEqual(target.read_bytes(), b"what was there before")
        container.get_to_file(sound, "/out", "target")
        self.assertEqual(target.read_bytes(), b"sound")
        self.assertEqual(os.listdir(self.outputs), ["target"])

    def test_only_what_is_granted_can_be_named(self):
        loosepack = self.start()
        for name in ["/", "/store/", str(self.store), "store", ""]:
            with self.subTest(name), self.assertRaises(ValueError):
                loosepack.place(name)


class Packing(Case):
    def test_packing_goes_by_steps(self):
        container = self.create()
        contents = [b"%d" % number for number in range(500)]
        for content in contents:
            container.add(content)
        steps = finish(container.pack("auto"))
        self.assertGreater(len(steps), 1)
        for step, following in zip(steps, steps[1:]):
            self.assertFalse(step.finished)
            for count in ["done", "objects", "bytes"]:
                self.assertLessEqual(getattr(step, count), getattr(following, count))
        last = steps[-1]
        self.assertTrue(last.finished)
        self.assertEqual(last.done, last.total)
        self.assertEqual((last.objects, last.bytes), (500, sum(map(len, contents))))
        self.assertEqual([problem for step in steps for problem in step.problems], [])
        self.assertEqual(len(self.files("loose")), 500)
        cleaned = finish(container.clean())
        self.assertEqual((cleaned[-1].finished, cleaned[-1].objects), (True, 500))
        self.assertEqual(self.files("loose"), [])
        for content in contents[::50]:
            self.assertEqual(container.get(sha256(content)), content)
        self.assertEqual(finish(container.pack())[-1].objects, 0)

    def test_a_finished_job_does_nothing_and_holds_nothing(self):
        container = self.create()
        container.add(b"content")
        with container.pack() as job:
            while not job.step().finished:
                pass
            with self.open().clean() as other:
                other.step()
                self.assertTrue(job.step().finished)

    def test_a_job_can_be_left_early(self):
        container = self.create()
        ids = [container.add(b"%d" % number) for number in range(300)]
        for progress in container.pack():
            if progress.objects:
                break
        self.assertFalse(progress.finished)
        self.assertEqual(container.contains(ids), [True] * 300)
        finish(container.pack())
        self.assertEqual(container.stats().packed_objects, 300)
        self.assertEqual([container.get(object_id) for object_id in ids], [b"%d" % number for number in range(300)])

    def test_an_index_that_is_gone_is_rebuilt(self):
        container = self.create()
        with container.pack_writer() as writer:
            ids = [writer.add(b"%d" % number) for number in range(50)]
            writer.finish()
        self.assertEqual(finish(container.verify())[-1].objects, 50)
        for path in self.files("index"):
            os.remove(path)
        with self.fails("corrupt"):
            self.open()
        damaged = self.start().open_damaged("/store")
        self.assertEqual(sum(len(step.problems) for step in finish(damaged.verify())), 1)
        self.assertEqual(finish(damaged.reindex())[-1].objects, 50)
        for start, shards, objects in [(0, 1, 50), (257, 1, 50), (258, 1, 0)]:
            steps = finish(self.open().verify(start, shards))
            self.assertEqual((steps[-1].objects, [step.problems for step in steps if step.problems]), (objects, []))
        self.assertEqual(self.open().get(ids[7]), b"7")

    def test_a_damaged_object_is_reported_and_left(self):
        container = self.create()
        ids = [container.add(b"%d" % number) for number in range(5)]
        damaged = next(path for path in self.files("loose") if ids[3].endswith(path.name))
        damaged.write_bytes(b"!")
        steps = finish(container.pack())
        (problem,) = [problem for step in steps for problem in step.problems]
        self.assertEqual(Path(self.store, problem.file), damaged)
        self.assertEqual(steps[-1].objects, 4)
        finish(container.clean())
        self.assertEqual(self.files("loose"), [damaged])
        with self.fails("corrupt") as caught:
            container.get(ids[3])
        self.assertEqual(Path(self.store, caught.exception.payload.file), damaged)

    def test_objects_go_straight_to_packs(self):
        container = self.create()
        reader = self.open(access="read-only")
        Path(self.inputs, "file").write_bytes(text(2 * MIB))
        with container.pack_writer("auto") as writer:
            ids = [writer.add(b"one"), *writer.add_many([b"two", b"", b"two"]), *writer.add_files("/in", ["file"])]
            self.assertEqual(ids, list(map(sha256, [b"one", b"two", b"", b"two", text(2 * MIB)])))
            self.assertEqual(reader.contains(ids), [False] * 5)
            writer.commit()
            self.assertEqual(reader.contains(ids), [True] * 5)
            late = writer.add(b"late")
            writer.finish()
        self.assertEqual(reader.contains([late]), [True])
        self.assertEqual(self.files("loose"), [])
        self.assertEqual(vars(reader.stats())["packed_objects"], 5)
        before = reader.stats().packs_size
        with container.pack_writer() as writer:
            self.assertEqual(writer.add_many([b"one", b"two"]), ids[:2])
            writer.finish()
        self.assertEqual(reader.stats().packs_size, before, "what is there is not written again")
        self.assertEqual(reader.get_to_file(ids[4], "/out", "file"), 2 * MIB)
        self.assertEqual(Path(self.outputs, "file").read_bytes(), text(2 * MIB))

    def test_what_is_not_committed_is_lost(self):
        container = self.create()
        with container.pack_writer() as writer:
            kept = writer.add(b"kept")
            writer.commit()
            lost = writer.add(b"lost")
        self.assertEqual(self.open().contains([kept, lost]), [True, False])


class Locks(Case):
    def packer(self):
        """A packer in another process."""
        arguments = [sys.executable, "-B", "-c", PACKER, str(Path(__file__).parent), str(COMPONENT), str(self.store)]
        packer = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def end():
            packer.kill()
            packer.communicate()

        self.addCleanup(end)
        self.assertEqual(packer.stdout.readline(), "packing\n")
        return packer

    def assert_locked(self, container, holder):
        """Each kind of packer is refused, and told who is at work."""
        for pack in [container.pack, container.clean, container.pack_writer]:
            with self.fails("locked") as caught:
                pack()
            self.assertIn(holder, caught.exception.payload)
        return caught.exception.payload

    def test_a_second_instance_is_refused(self):
        first = self.create(holder="the first")
        second = self.open(holder="the second")
        for pack in [first.pack, first.clean, first.pack_writer]:
            with self.subTest(pack.__name__), pack():
                self.assert_locked(second, "the first")
                self.assert_locked(first, "the first")
                # Who does not pack never notices.
                object_id = second.add(b"meanwhile")
                self.assertEqual(second.get(object_id), b"meanwhile")
                self.assertEqual(list(second.objects()), [object_id])
        with second.pack_writer():
            self.assert_locked(first, "the second")

    def test_a_second_process_is_refused(self):
        container = self.create()
        packer = self.packer()
        self.assert_locked(container, "another process")
        container.add(b"meanwhile")
        self.assertEqual(packer.communicate(), ("", None))
        self.assertEqual(packer.returncode, 0)
        self.assertEqual(finish(container.pack())[-1].objects, 1)

    def test_a_killed_packer_is_reported_with_the_way_out(self):
        container = self.create()
        packer = self.packer()
        packer.kill()
        packer.wait()
        message = self.assert_locked(container, "another process")
        self.assertRegex(message, "unlock")
        self.assertIn("another process", container.force_unlock())
        self.assertIsNone(container.force_unlock())
        object_id = container.add(b"content")
        self.assertEqual(finish(container.pack())[-1].objects, 1)
        self.assertEqual(container.get(object_id), b"content")

    def test_who_stops_without_finishing_gives_the_place_up(self):
        container = self.create()
        forgotten = container.pack_writer()
        del forgotten
        gc.collect()
        loosepack = self.start()
        stopped = loosepack.open("/store").pack()
        self.assert_locked(container, "pid")
        loosepack.close()
        self.assertEqual(self.files("lock"), [])
        finish(container.pack())
        with self.assertRaises(ValueError):
            stopped.step()


class Errors(Case):
    def test_a_missing_object(self):
        container = self.create()
        absent = sha256(b"absent")
        for function in [container.get, container.reader, container.info]:
            with self.subTest(function.__name__), self.fails("not-found") as caught:
                function(absent)
            self.assertEqual(caught.exception.payload, absent)
        with self.fails("not-found"):
            container.get_to_file(absent, "/out", "file")
        self.assertEqual(os.listdir(self.outputs), [])

    def test_what_is_no_id(self):
        container = self.create()
        sound = container.add(b"content")
        takers = {
            "get": container.get,
            "get-to-file": lambda text: container.get_to_file(text, "/out", "file"),
            "reader": container.reader,
            "info": container.info,
            "contains": lambda text: container.contains([sound, text]),
            "read-many": lambda text: list(container.read_many([sound, text])),
            "objects": lambda text: container._method("objects", text, 1),
        }
        texts = ["../../etc/passwd", sound.upper(), "", sound + "0", sound[:-1], " " + sound[1:]]
        texts += ["\u00e9" * 32, "g" * 64]
        # Whatever looks for it on the disk fails in another way.
        shutil.rmtree(self.store / "loose")
        shutil.rmtree(self.store / "index")
        for name, take in takers.items():
            for text in texts:
                with self.subTest(name, text=text), self.fails("invalid-id") as caught:
                    take(text)
                self.assertEqual(caught.exception.payload, text)

    def test_directories_that_are_no_container(self):
        loosepack = self.start()
        with self.fails("no-container") as caught:
            loosepack.open("/store")
        self.assertIsNone(caught.exception.payload)
        self.assertEqual(str(caught.exception), "no-container")
        self.assertEqual(os.listdir(self.store), [], "open writes nothing")
        Path(self.outputs, "something").write_bytes(b"")
        with self.fails("already-exists"):
            loosepack.create("/out")
        loosepack.create("/store", durability="none").close()
        with self.fails("already-exists"):
            loosepack.create("/store")

    def test_settings_out_of_range(self):
        loosepack = self.start()
        for setting in [{"compression_level": 0}, {"compression_level": 10}, {"pack_target": 0}, {"shared": "group"}]:
            with self.subTest(**setting), self.fails("invalid-argument") as caught:
                loosepack.create("/store", **setting)
            self.assertIn(next(iter(setting)).replace("_", "-"), caught.exception.payload)
        self.assertEqual(os.listdir(self.store), [])

    def test_a_container_of_a_later_version(self):
        self.create().close()
        settings = Path(self.store, "container.json")
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "format": 7}))
        with self.fails("unsupported-format") as caught:
            self.open()
        self.assertEqual(caught.exception.payload, 7)

    def test_a_handle_for_reading_only_writes_nothing(self):
        container = self.create()
        object_id = container.add(b"content")
        reader = self.open(access="read-only")
        self.assertEqual(reader.get(object_id), b"content")
        Path(self.inputs, "file").write_bytes(b"file")
        for refused in [
            lambda: reader.add(b"more"),
            lambda: reader.add_files("/in", ["file"]),
            reader.writer,
            reader.pack_writer,
            reader.pack,
            reader.clean,
            reader.force_unlock,
        ]:
            with self.fails("read-only"):
                refused()
        self.assertEqual(list(reader.objects()), [object_id])

    def test_a_directory_granted_for_reading_only(self):
        packed, loose = b"packed" * 1000, b"loose"
        container = self.create()
        container.add(packed)
        finish(container.pack())
        container.add(loose)
        before = sorted(path for path in self.store.rglob("*"))
        for access in ["read-only", "read-write"]:
            with self.subTest(access):
                reader = self.open("/store-to-read", access=access)
                for content in [packed, loose]:
                    self.assertEqual(reader.get(sha256(content)), content)
                self.assertEqual(len(list(reader.objects())), 2)
                self.assertEqual(reader.get_to_file(sha256(packed), "/out", "file"), 6000)
        refused = {
            "add": lambda: reader.add(b"more"),
            "writer": reader.writer,
            "pack": reader.pack,
            "clean": reader.clean,
            "pack-writer": reader.pack_writer,
            "create": lambda: self.start().create("/in"),
            "get-to-file": lambda: reader.get_to_file(sha256(loose), "/in", "file"),
        }
        for name, write in refused.items():
            with self.subTest(name), self.fails("io") as caught:
                write()
            self.assertIn(caught.exception.payload.code, ["not-permitted", "read-only"])
            self.assertRegex(caught.exception.payload.operation, "create")
            self.assertNotEqual(caught.exception.payload.path, "")
        self.assertEqual(sorted(path for path in self.store.rglob("*")), before)
        self.assertEqual(os.listdir(self.inputs), [])

    @unittest.skipIf(resource is None, "needs limits of the system")
    def test_a_write_that_fails(self):
        container = self.create()
        Path(self.inputs, "small").write_bytes(b"small")
        Path(self.inputs, "large").write_bytes(noise(2 * MIB))
        with limit("RLIMIT_FSIZE", MIB):
            with self.fails("io") as caught:
                container.add_file("/in", "large")
            failure = caught.exception.payload
            self.assertEqual((failure.operation, failure.code), ("write", "file-too-large"))
            self.assertRegex(failure.path, "^incoming/")
            with container.pack_writer() as writer:
                with self.fails("io") as caught:
                    writer.add_files("/in", ["small", "large"])
                self.assertEqual(caught.exception.payload.path, "packs/0")
                for refused in [lambda: writer.add(b"more"), writer.commit, writer.finish]:
                    with self.fails("writer-failed"):
                        refused()
        # Nothing of it is there, and a new packer mends what it left.
        self.assertEqual(list(self.open().objects()), [])
        with container.pack_writer() as writer:
            (object_id,) = writer.add_files("/in", ["large"])
            writer.finish()
        self.assertEqual(self.open().get_to_file(object_id, "/out", "large"), 2 * MIB)
        self.assertEqual(Path(self.outputs, "large").read_bytes(), noise(2 * MIB))

    def test_an_object_larger_than_the_memory(self):
        Path(self.inputs, "file").write_bytes(noise(2 * MIB))
        object_id = self.create().add_file("/in", "file")
        container = self.start(memory_limit=2 * MIB).open("/store")
        with self.fails("too-large") as caught:
            container.get(object_id)
        self.assertEqual(caught.exception.payload, 2 * MIB)
        self.assertEqual(container.get_to_file(object_id, "/out", "file"), 2 * MIB)

    def test_a_component_that_trapped_is_not_used_again(self):
        container = self.create()
        object_id = container.add(b"content")
        loosepack = self.start(memory_limit=2 * MIB)
        limited = loosepack.open("/store")
        # There is no memory for the argument, and no way to say so.
        with self.assertRaises(wasmtime.WasmtimeError):
            limited.info("0" * (4 * MIB))
        with self.assertRaises(RuntimeError):
            limited.get(object_id)
        limited.close()
        loosepack.close()
        self.assertEqual(container.get(object_id), b"content")

    def test_what_is_closed_is_not_used_again(self):
        container = self.create()
        writer = container.writer()
        writer.finish()
        writer.close()
        with self.assertRaises(ValueError):
            writer.write(b"more")
        container.close()
        with self.assertRaises(ValueError):
            container.stats()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMPONENT = Path(sys.argv.pop(1)).resolve()
    # For an endless loop in the component.
    faulthandler.dump_traceback_later(900, exit=True)
    unittest.main()

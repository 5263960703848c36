"""Arguments out of their range, and exceptions: what they name, and how they pass to other processes."""

import errno
import os
import pathlib
import pickle
import unittest

import loosepack
from loosepack import Container, _loosepack
from support import TestCase, noise, sha256


class Numbers(TestCase):
    def test_settings_out_of_range_are_named(self):
        huge = 1 << 70
        for name, call in {
            "compression_level": lambda value: Container.create(self.folder / "new", compression_level=value),
            "pack_target": lambda value: Container.create(self.folder / "new", pack_target=value),
            "min_dead": lambda value: self.store.repack(min_dead=value),
            "level": lambda value: self.store.repack(level=value),
            "completed": lambda value: self.store.verify(completed=value),
            "shard": lambda value: self.store.verify(shard=value),
            "shards": lambda value: self.store.verify(shards=value),
        }.items():
            for value in (-1, huge):
                with self.subTest(name, value=value):
                    with self.assertRaisesRegex(loosepack.InvalidArgument, f"^{name} is out of range: {value}$"):
                        call(value)
            with self.assertRaises(TypeError):
                call("5")
        with self.assertRaisesRegex(loosepack.InvalidArgument, "invalid number of seconds: -1"):
            self.store.gc([], grace=-1.0)

    def test_text_that_is_not_unicode_is_no_id(self):
        for wrong in ("\ud800", "\udcff" * 64):
            with self.assertRaises(loosepack.InvalidId):
                self.store.get(wrong)
            with self.assertRaises(loosepack.InvalidId):
                self.store.has([wrong])
            self.assertNotIn(wrong, self.store)

    def test_one_path_in_place_of_many_is_refused(self):
        for path in (os.fspath(self.folder / "file"), self.folder / "file"):
            with self.assertRaisesRegex(TypeError, "expected an iterable of paths"):
                self.store.add_files(path)
            with self.store.pack_writer() as writer, self.assertRaisesRegex(TypeError, "expected an iterable of paths"):
                writer.add_files(path)

    def test_ids_are_converted_once(self):
        """A job that waits for the pack lock starts again and again, with the IDs that it was given."""
        asked = [0]

        class Ids:
            def __iter__(self):
                asked[0] += 1
                return iter([sha256(b"absent")])

        starts = []

        class Waiting(Container):
            def _delete(self, ids):
                starts.append(ids)
                return super()._delete(ids)

        patient = Waiting(self.store.path, wait=0.2)
        with self.store.pack_writer(), self.assertRaises(loosepack.Locked):
            patient.delete(Ids())
        self.assertEqual(asked, [1])
        self.assertGreater(len(starts), 1)
        self.assertEqual({type(ids) for ids in starts}, {_loosepack.Ids})


class Files(TestCase):
    def test_files_before_one_that_fails_are_added(self):
        paths = []
        for number, size in enumerate((10, 20, 2 << 20, 30)):
            paths.append(self.folder / str(number))
            paths[-1].write_bytes(noise(size, number))
        absent = self.folder / "absent"
        expected = sorted(sha256(path.read_bytes()) for path in paths)
        for to_packs in (False, True):
            store = Container.create(self.folder / f"store-{to_packs}")
            with self.assertRaises(FileNotFoundError) as caught:
                if to_packs:
                    with store.pack_writer() as writer:
                        try:
                            writer.add_files([*paths, absent, paths[0]])
                        finally:
                            writer.commit()
                else:
                    store.add_files([*paths, absent, paths[0]])
            self.assertEqual(os.fspath(caught.exception.filename), os.fspath(absent))
            self.assertEqual(list(store), expected)

    def test_progress_counts_bytes(self):
        paths = []
        for number in range(2500):
            paths.append(self.folder / str(number))
            paths[-1].write_bytes(b"12345")
        seen = []
        self.store.add_files(paths, progress=seen.append)
        self.assertEqual([(step.objects, step.bytes) for step in seen], [(2000, 10_000), (2500, 12_500)])

    def unreadable(self):
        """A regular file of more than 1 MiB that cannot be read: the memory of a device, which is only mapped."""
        for path in pathlib.Path("/sys/devices").glob("pci*/*/resource[0-9]"):
            try:
                if path.stat().st_size > 1 << 20:
                    with path.open("rb") as file:
                        file.read(1)
            except PermissionError:
                continue
            except OSError as error:
                if error.errno == errno.EIO:
                    return path
        raise unittest.SkipTest("there is no such file here")

    def test_a_large_file_that_cannot_be_read_is_named(self):
        path = self.unreadable()
        for add in (self.store.add_files, lambda paths: self.store.add_files(paths, to_packs=True)):
            with self.assertRaises(OSError) as caught:
                add([path])
            self.assertEqual((caught.exception.errno, caught.exception.filename), (errno.EIO, path))
            self.assertNotIsInstance(caught.exception, loosepack.Error)


class Exceptions(TestCase):
    def test_directories_that_jobs_work_with_are_named(self):
        absent, empty, occupied = (self.folder / name for name in ("absent", "empty", "occupied"))
        empty.mkdir()
        occupied.mkdir()
        (occupied / "file").touch()
        for path, call, kind in (
            (absent, self.store.import_from, loosepack.NoContainer),
            (empty, self.store.import_from, loosepack.NoContainer),
            (absent, self.store.repair, loosepack.NoContainer),
            (empty, self.store.repair, loosepack.NoContainer),
            (occupied, self.store.backup, loosepack.AlreadyExists),
            (occupied, Container.create, loosepack.AlreadyExists),
            (occupied / "file", self.store.import_from, NotADirectoryError),
        ):
            with self.subTest(call.__name__, path=path.name), self.assertRaises(kind) as caught:
                call(path)
            self.assertIn(os.fspath(path), str(caught.exception))
            self.assertEqual(os.fspath(caught.exception.filename), os.fspath(path))

    def test_exceptions_pass_to_other_processes(self):
        def raised(call):
            with self.assertRaises(loosepack.Error) as caught:
                call()
            return caught.exception

        errors = [
            raised(lambda: self.store.get(sha256(b"absent"))),
            raised(lambda: Container(self.folder / "absent")),
            raised(lambda: Container.create(self.folder)),
            loosepack.StorageError.of(("disk full", "ENOSPC", "packs/0")),
            loosepack.Corrupt.of(("packs/0: damaged", "packs/0", "damaged")),
            loosepack.Locked("somebody"),
        ]
        for error in errors:
            with self.subTest(type(error).__name__):
                copy = pickle.loads(pickle.dumps(error))
                self.assertIs(type(copy), type(error))
                self.assertEqual((str(copy), copy.args, vars(copy)), (str(error), error.args, {**vars(error)}))
                for name in ("errno", "filename"):
                    self.assertEqual(getattr(copy, name, None), getattr(error, name, None))
        self.assertEqual(pickle.loads(pickle.dumps(errors[3])).errno, errno.ENOSPC)

    def test_a_writer_that_was_finished_says_so(self):
        with self.store.writer() as writer:
            writer.write(b"some bytes")
        for call in (lambda: writer.write(b"x"), writer.finish):
            with self.assertRaisesRegex(loosepack.WriterFailed, "finished, given up or stopped"):
                call()

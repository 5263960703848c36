"""Adding and reading objects, one by one and many at once."""

import io
import os
import pathlib

import loosepack
from loosepack import Container
from support import TestCase, noise, sha256, text

SIZES = [0, 1, 1000, 65_535, 65_537, 1 << 20, (1 << 20) + 1, 9 << 20]


class Objects(TestCase):
    def test_objects_of_all_sizes_come_back_loose_and_packed_in_every_way_of_reading(self):
        contents = {sha256(content): content for content in (noise(size, size) for size in SIZES)}
        self.assertEqual([self.store.add(content) for content in contents.values()], list(contents))
        for packed in (False, True):
            if packed:
                report = self.store.pack(compression="always", clean=True)
                self.assertEqual(report.objects, len(SIZES))
                self.assertEqual(self.store.stats().loose_objects, 0)
            for object_id, content in contents.items():
                self.assertEqual(self.store[object_id], content)
                self.assertEqual(self.store.get(object_id), content)
                with self.store.reader(object_id) as reader:
                    self.assertEqual(reader.read(), content)
            self.assertEqual(dict(self.store.read_many(contents)), contents)
            self.assertEqual(list(self.store), sorted(contents))

    def test_everything_that_has_bytes_can_be_added(self):
        content = noise(3 << 20)
        path = self.folder / "file"
        path.write_bytes(content)
        expected = sha256(content)
        for source in (content, bytearray(content), memoryview(content), path, io.BytesIO(content)):
            with self.subTest(type(source)):
                store = Container.create(self.folder / type(source).__name__)
                self.assertEqual(store.add(source), expected)
                self.assertEqual(store[expected], content)
                if isinstance(source, io.BytesIO):
                    source.seek(0)
                with store.pack_writer() as writer:
                    self.assertEqual(writer.add(b"another"), sha256(b"another"))
                    self.assertEqual(writer.add(source), expected)
        self.assertEqual(self.store.add(memoryview(b"abcdef")[::2]), sha256(b"ace"))
        with path.open("rb") as file:
            file.seek(1 << 20)
            self.assertEqual(self.store.add(file), sha256(content[1 << 20 :]), "what the file has left")

    def test_text_and_other_types_are_refused_and_nothing_is_stored(self):
        for wrong in ("text", 5, None, ["list"], io.StringIO("text")):
            with self.subTest(wrong), self.assertRaises(TypeError):
                self.store.add(wrong)
        with self.assertRaises(TypeError):
            self.store.add_many([b"right", "wrong"])
        self.assertEqual(list(self.store), [])

    def test_what_a_source_raises_comes_out_as_it_is(self):
        class Failing(io.RawIOBase):
            def readable(self):
                return True

            def read(self, size=-1):
                raise ZeroDivisionError("in the source")

        with self.assertRaisesRegex(ZeroDivisionError, "in the source"):
            self.store.add(Failing())
        with self.store.pack_writer() as writer:
            with self.assertRaisesRegex(ZeroDivisionError, "in the source"):
                writer.add(Failing())
            kept = writer.add(b"the writer goes on")
        self.assertEqual(list(self.store), [kept])

    def test_many_are_added_loose_and_to_packs_in_order(self):
        contents = [noise(number % 700, number) for number in range(3000)] + [noise(20 << 20, 1), b"last"]
        expected = [sha256(content) for content in contents]
        self.assertEqual(self.store.add_many(contents[:300]), expected[:300])
        self.assertEqual(self.store.add_many(iter(contents), to_packs=True, compression="never"), expected)
        self.assertEqual(dict(self.store.read_many(expected)), dict(zip(expected, contents)))
        stats = self.store.stats()
        self.assertEqual((stats.loose_objects, stats.packed_objects), (len(set(expected[:300])), len(set(expected))))

    def test_compression_is_what_was_asked_for(self):
        for compression, compressed in (("never", False), ("always", True), ("auto", True)):
            with self.subTest(compression):
                store = Container.create(self.folder / compression)
                (object_id,) = store.add_many([text(5000)], to_packs=True, compression=compression)
                self.assertEqual(store.info([object_id])[0].compressed, compressed)
        with self.assertRaisesRegex(loosepack.InvalidArgument, "compression must be"):
            self.store.pack_writer("often")

    def test_files_are_added_with_progress(self):
        paths = []
        for number in range(4500):
            paths.append(self.folder / str(number))
            paths[-1].write_bytes(b"%d" % number)
        large = self.folder / "large"
        large.write_bytes(noise(3 << 20))
        paths.insert(2000, large)
        for to_packs in (False, True):
            seen = []
            store = Container.create(self.folder / f"store-{to_packs}")
            ids = store.add_files(map(str, paths), to_packs=to_packs, progress=seen.append)
            self.assertEqual(ids, [sha256(path.read_bytes()) for path in paths])
            self.assertEqual(sorted(store), sorted(set(ids)))
            self.assertEqual([step.done for step in seen], [2000, 4000, 4501])
            self.assertEqual({step.total for step in seen}, {4501})

    def test_a_file_that_cannot_be_added_is_named(self):
        sound = self.folder / "sound"
        sound.write_bytes(b"sound")
        absent = self.folder / "absent"
        with self.assertRaises(FileNotFoundError) as caught:
            self.store.add_files([sound, absent])
        self.assertEqual(os.fspath(caught.exception.filename), os.fspath(absent))
        with self.assertRaises(FileNotFoundError):
            self.store.add(absent)
        with self.assertRaisesRegex(loosepack.InvalidArgument, "not a regular file"):
            self.store.add(self.folder)
        self.assertNotIsInstance(caught.exception, loosepack.Error)

    def test_a_writer_makes_one_object_or_none(self):
        with self.store.writer() as writer:
            self.assertEqual(writer.write(b"some "), 5)
            writer.write(b"bytes")
        self.assertEqual(writer.id, sha256(b"some bytes"))
        with self.assertRaises(KeyboardInterrupt), self.store.writer() as writer:
            writer.write(b"given up")
            raise KeyboardInterrupt
        self.assertEqual(list(self.store), [sha256(b"some bytes")])
        with self.assertRaises(loosepack.WriterFailed):
            writer.write(b"more")

    def test_a_pack_writer_commits_and_gives_up(self):
        with self.assertRaises(ZeroDivisionError), self.store.pack_writer() as writer:
            kept = writer.add_many([b"first", b"second"])
            writer.commit()
            self.assertEqual(self.store.has(kept), [True, True], "visible after the commit")
            lost = writer.add(b"third")
            raise ZeroDivisionError
        self.assertEqual(self.store.has([*kept, lost]), [True, True, False])
        with self.store.pack_writer() as writer:
            writer.add(b"fourth")
        with self.assertRaises(loosepack.WriterFailed):
            writer.add(b"fifth")
        self.assertEqual(len(list(self.store)), 3)


class Questions(TestCase):
    def test_absence_is_an_answer(self):
        there, absent = self.store.add(b"there"), sha256(b"absent")
        self.assertIn(there, self.store)
        for wrong in (absent, "no id", "", 5, None):
            self.assertNotIn(wrong, self.store)
        self.assertEqual(self.store.has([there, absent, there]), [True, False, True])
        self.assertEqual(self.store.info([absent]), [None])
        self.assertEqual(dict(self.store.read_many([there, absent], skip_missing=True)), {there: b"there"})
        for read in (self.store.get, self.store.reader, lambda text: list(self.store.read_many([text]))):
            with self.assertRaises(loosepack.NotFound) as caught:
                read(absent)
            self.assertEqual((caught.exception.id, str(caught.exception)), (absent, f"no object {absent}"))
            with self.assertRaises(KeyError):
                read(absent)
            with self.assertRaises(loosepack.InvalidId):
                read("../../etc/passwd")
            with self.assertRaises(TypeError):
                read(5)

    def test_one_id_in_place_of_many_is_refused(self):
        there = self.store.add(b"there")
        for call in (self.store.has, self.store.info, self.store.read_many, self.store.delete, self.store.gc):
            with self.subTest(call.__name__), self.assertRaises(TypeError):
                call(there)
        self.assertIn(there, self.store)

    def test_an_iterator_goes_on_after_an_absent_object(self):
        ids = self.store.add_many([b"%d" % number for number in range(100)])
        absent = sha256(b"absent")
        batch, read, missing = self.store.read_many([*ids, absent, *ids]), [], 0
        while True:
            try:
                read.append(next(batch)[0])
            except loosepack.NotFound:
                missing += 1
            except StopIteration:
                break
        self.assertEqual((sorted(read), missing), (sorted(ids), 1))

    def test_places_are_told(self):
        loose = self.store.add(b"loose")
        (packed,) = self.store.add_many([text(5000)], to_packs=True)
        first, second = self.store.info(iter([loose, packed]))
        self.assertEqual(first, (loose, 5, None, None, None))
        self.assertTrue(first.loose and not first.compressed)
        self.assertEqual((second.id, second.size, second.pack), (packed, 5000, 0))
        self.assertTrue(second.compressed and not second.loose)
        self.assertLess(second.length, 500)
        with self.pack_file().open("rb") as pack:
            pack.seek(second.offset)
            self.assertEqual(len(pack.read(second.length)), second.length)
        stats = self.store.stats()
        self.assertEqual((stats.loose_objects, stats.loose_size), (1, 5))
        self.assertEqual((stats.packed_objects, stats.packed_size, stats.packed_length), (1, 5000, second.length))
        self.assertEqual(stats.packs_size, self.pack_file().stat().st_size)
        (pack,) = self.store.packs()
        self.assertEqual((pack.number, pack.size, pack.objects, pack.dead), (0, stats.packs_size, 1, 0))

    def test_listing_pages_through_everything_once(self):
        expected = sorted(self.store.add_many([b"%d" % number for number in range(25_000)], to_packs=True))
        self.assertEqual(list(self.store), expected)


class Opening(TestCase):
    def test_settings_come_back(self):
        store = Container.create(self.folder / "made/with/parents", pack_target=12345, compression_level=7)
        again = Container.open(os.fspath(store.path))
        self.assertEqual(again.config, (12345, 7, False))
        self.assertEqual((again.id, again.path), (store.id, self.folder / "made/with/parents"))
        self.assertIsInstance(again.path, pathlib.Path)

    def test_directories_that_are_no_container(self):
        for path in (self.folder, self.folder / "absent"):
            with self.assertRaises(loosepack.NoContainer) as caught:
                Container(path)
            self.assertIsInstance(caught.exception, FileNotFoundError)
            self.assertIn(os.fspath(path), str(caught.exception))
            self.assertEqual(caught.exception.filename, os.fspath(path))
        with self.assertRaises(loosepack.AlreadyExists) as caught:
            Container.create(self.folder)
        self.assertIsInstance(caught.exception, FileExistsError)
        with self.assertRaises(loosepack.InvalidArgument):
            Container.create(self.folder / "new", compression_level=10)

    def test_a_container_for_reading_only(self):
        there = self.store.add(b"there")
        with Container.open(self.store.path, read_only=True) as store:
            self.assertEqual(store[there], b"there")
            for write in (lambda: store.add(b"x"), store.pack, store.clean, store.pack_writer):
                with self.assertRaises(loosepack.ReadOnly):
                    write()

    def test_a_closed_container_does_nothing_and_its_readers_go_on(self):
        there = self.store.add(noise(1 << 20))
        reader = self.store.reader(there)
        self.store.close()
        self.store.close()
        self.assertTrue(self.store.closed)
        for call in (lambda: self.store[there], lambda: self.store.add(b"x"), self.store.pack, self.store.stats):
            with self.assertRaisesRegex(ValueError, "closed container"):
                call()
        self.assertEqual(reader.read(), noise(1 << 20))

    def test_a_container_without_durability_keeps_what_was_added(self):
        with Container.create(self.folder / "scratch", durable=False) as store:
            there = store.add(b"there")
        self.assertEqual(Container(self.folder / "scratch")[there], b"there")

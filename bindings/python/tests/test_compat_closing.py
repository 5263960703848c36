"""`loosepack.compat` beside `disk_objectstore`: containers that are closed in between, damage, and no container."""

import io
import threading

from beside import TestCase, fill
from loosepack import compat
from loosepack.compat import exceptions as our_exceptions
from loosepack.compat import reading
from support import noise


class Closing(TestCase):
    def setUp(self):
        super().setUp()
        self.contents = [fill(side) for side in self.sides][0]
        self.keys = list(self.contents)

    def test_an_iterator_outlives_the_block_that_made_it(self):
        def listed(side):
            with side.container as container:
                return container.list_all_objects()

        self.assertEqual(self.same(lambda side: sorted(listed(side)))[1], sorted(self.keys))

        def metas(side):
            with side.container as container:
                return container.get_objects_meta(self.keys)

        self.assertEqual(self.same(lambda side: sorted(key for key, _ in metas(side)))[1], sorted(self.keys))

        def contents(side):
            with side.container as container:
                context = container.get_objects_stream_and_meta(self.keys)
            with context as found:
                return {key: stream.read() for key, stream, _ in found}

        self.assertEqual(self.same(contents)[1], self.contents)

    def test_the_container_may_be_closed_within_the_iteration(self):
        """Each object is in a group of its own."""
        together, reading.TOGETHER = reading.TOGETHER, 1
        self.addCleanup(setattr, reading, "TOGETHER", together)

        def read(side):
            found = {}
            with side.container.get_objects_stream_and_meta(self.keys) as triplets:
                for key, stream, _ in triplets:
                    found[key] = stream.read()
                    with side.container as container:
                        assert container.has_object(key)
            return found

        self.assertEqual(self.same(read)[1], self.contents)
        looked_up, reading.LOOKED_UP = reading.LOOKED_UP, 3
        self.addCleanup(setattr, reading, "LOOKED_UP", looked_up)
        read = []
        for key, _ in self.ours.container.get_objects_meta(self.keys):
            read.append(key)
            self.ours.container.close()
        self.assertEqual(sorted(read), sorted(self.keys))

    def test_a_thread_may_close_while_others_read(self):
        container, failures, end = self.ours.container, [], threading.Event()

        def work(call):
            try:
                while not end.is_set():
                    call()
            except BaseException as error:
                failures.append(error)

        def read():
            assert container.get_objects_content(self.keys[:20]) == {key: self.contents[key] for key in self.keys[:20]}
            assert container.get_object_content(self.keys[0]) == self.contents[self.keys[0]]

        def block():
            with container:
                pass

        threads = [threading.Thread(target=work, args=(call,)) for call in (read, read, block)]
        for thread in threads:
            thread.start()
        end.wait(2)
        end.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_groups_have_a_bounded_number_of_objects(self):
        """Of a million empty objects, only some are in memory at a time."""
        looked_up, reading.LOOKED_UP = reading.LOOKED_UP, 10
        self.addCleanup(setattr, reading, "LOOKED_UP", looked_up)
        store, sizes = self.ours.container._store, []

        class Store:
            _info, _reader, get = store._info, store._reader, store.get

            def read_many(self, ids, skip_missing):
                sizes.append(len(ids))
                return store.read_many(ids, skip_missing=skip_missing)

        self.assertEqual(len(list(reading.triplets(Store(), self.keys, True))), len(self.keys))
        self.assertLessEqual(max(sizes), 10)


class Absent(TestCase):
    def test_a_folder_that_is_no_container_takes_nothing(self):
        def absent(side):
            return side.package.Container(side.folder / "absent")

        self.raises("ValueError", lambda side: absent(side).add_objects_to_pack([b"x"]))
        self.raises("FileNotFoundError", lambda side: absent(side).add_streamed_objects_to_pack([io.BytesIO(b"x")]))
        self.raises("FileNotFoundError", lambda side: absent(side).add_streamed_object_to_pack(io.BytesIO(b"x")))
        self.raises("FileNotFoundError", lambda side: absent(side).clean_storage())
        self.raises("FileNotFoundError", lambda side: absent(side).repack())


class Damage(TestCase):
    def test_damage_of_a_large_object_has_the_exception_of_the_package(self):
        container = self.ours.container
        key = container.add_object(noise(3 << 20))
        path = container.get_folder() / "loose" / key[:2] / key[2:]
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
        path.write_bytes(content)

        def pieces(stream):
            while stream.read(1 << 18):
                pass

        for read in (lambda stream: stream.read(), pieces, lambda stream: stream.readlines()):
            with container.get_object_stream(key) as stream:
                with self.assertRaises(our_exceptions.InconsistentContent):
                    read(stream)
            with container.get_objects_stream_and_meta([key]) as ((_, stream, _),):
                with self.assertRaises(our_exceptions.InconsistentContent):
                    read(stream)

    def test_damage_of_everything_ends_the_iteration(self):
        """What fails again and again is not asked for ever."""
        container = self.ours.container
        key = container.add_object(b"some bytes")

        class Failing:
            def __iter__(self):
                return self

            def __next__(self):
                raise our_errors.Corrupt("again")

        class Store:
            _info = container._store._info

            def read_many(self, ids, skip_missing):
                return Failing()

        from loosepack import errors as our_errors

        with self.assertRaises(our_exceptions.InconsistentContent):
            list(reading.triplets(Store(), [key], True))


class Importing(TestCase):
    def test_objects_are_compressed_when_that_is_asked_for(self):
        content = b"a line that repeats itself\n" * 1000

        def compressed(side, compress):
            source = side.made(f"source-{compress}")
            (key,) = source.add_objects_to_pack([content])
            target = side.made(f"target-{compress}")
            copied = target.import_objects([key], source, compress=compress)
            return [copied == {key: key}, target.get_object_meta(key).pack_compressed]

        for compress in (False, True):
            self.assertEqual(self.same(lambda side: compressed(side, compress))[1], [True, compress])

    def test_keys_that_are_none_are_left_out(self):
        source = self.ours.made("source")
        for compress in (False, True):
            self.assertEqual(self.ours.container.import_objects(["no key", "0" * 64], source, compress=compress), {})


class Deleting(TestCase):
    def test_deleting_needs_the_pack_lock(self):
        key = self.ours.container.add_object(b"some bytes")
        other = compat.Container(self.ours.container.get_folder())
        with other._store.pack_writer(), self.assertRaises(FileExistsError):
            self.ours.container.delete_objects([key])
        self.assertEqual(self.ours.container.delete_objects([key]), [key])

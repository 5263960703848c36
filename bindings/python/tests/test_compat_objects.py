"""`loosepack.compat` beside `disk_objectstore`: settings, and objects that are read."""

import io

from beside import ABSENT, MALFORMED, PATHS, TestCase, fill
from loosepack import compat
from loosepack.compat import exceptions as our_exceptions


class Settings(TestCase):
    def test_settings(self):
        made = {"pack_size_target": 12345, "compression_algorithm": "zlib+7"}

        def settings(side):
            container = side.made("other", **made)
            again = side.package.Container(str(container.get_folder()))
            self.assertEqual(len(again.container_id), 32)
            self.assertEqual(again.container_id, container.container_id)
            self.assertEqual(again.get_folder(), (side.folder / "other").resolve())
            return [
                again.is_initialised,
                again.pack_size_target,
                again.compression_algorithm,
                again.hash_type,
                again.loose_prefix_len,
            ]

        self.assertEqual(self.same(settings)[1], [True, 12345, "zlib+7", "sha256", 2])

    def test_making_again_needs_clear(self):
        self.raises("FileExistsError", lambda side: side.container.init_container())

        def cleared(side):
            key, before = side.container.add_object(b"gone"), side.container.container_id
            side.container.init_container(clear=True)
            return [
                before != side.container.container_id,
                side.container.has_object(key),
                side.container.is_initialised,
            ]

        self.assertEqual(self.same(cleared)[1], [True, False, True])

        def occupied(side):
            (side.folder / "occupied").mkdir()
            (side.folder / "occupied/file").touch()
            side.made("occupied")

        self.raises("FileExistsError", occupied)

    def test_settings_out_of_range(self):
        for wrong in (
            {"pack_size_target": 0},
            {"loose_prefix_len": -1},
            {"hash_type": "md5"},
            {"compression_algorithm": "lzma+1"},
            {"compression_algorithm": "zlib+10"},
            {"compression_algorithm": "zlib"},
        ):
            with self.subTest(**wrong):
                self.raises("ValueError", lambda side: side.made("wrong", **wrong))

    def test_what_only_they_have_is_refused_with_the_reason(self):
        for setting, reason in (({"hash_type": "sha1"}, "sha256 only"), ({"loose_prefix_len": 3}, "length of 2 only")):
            with self.assertRaisesRegex(ValueError, reason):
                self.ours.made("other", **setting)
            self.assertFalse((self.ours.folder / "other").exists())
        with self.assertRaisesRegex(NotImplementedError, "takes the pack lock by itself"):
            self.ours.container.lock_pack("0")

    def test_a_folder_that_is_no_container(self):
        def absent(side):
            return side.package.Container(side.folder / "absent")

        self.assertEqual(self.same(lambda side: absent(side).is_initialised)[1], False)
        for name in ("container_id", "hash_type", "pack_size_target", "compression_algorithm", "loose_prefix_len"):
            self.raises("NotInitialised", lambda side: getattr(absent(side), name))
        self.raises("NotInitialised", lambda side: absent(side).add_object(b""))
        self.raises("NotInitialised", lambda side: absent(side).pack_all_loose())
        self.raises("FileNotFoundError", lambda side: absent(side).get_object_content(ABSENT))
        self.raises("FileNotFoundError", lambda side: absent(side).count_objects())
        self.raises("FileNotFoundError", lambda side: absent(side).get_total_size())
        self.raises("FileNotFoundError", lambda side: list(absent(side).list_all_objects()))
        self.raises("FileNotFoundError", lambda side: absent(side).has_objects([ABSENT]))

    def test_a_closed_container_goes_on(self):
        def reopened(side):
            with side.container as container:
                key = container.add_object(b"some bytes")
            with side.container as container:
                container.pack_all_loose()
            side.container.close()
            side.container.close()
            return side.container.get_object_content(key)

        self.assertEqual(self.same(reopened)[1], b"some bytes")


class Objects(TestCase):
    def setUp(self):
        super().setUp()
        self.contents = [fill(side) for side in self.sides][0]
        self.keys = list(self.contents)

    def test_contents(self):
        for key, content in self.contents.items():
            self.assertEqual(self.same(lambda side: side.container.get_object_content(key)), ("returned", content))
        asked = [*self.keys, *MALFORMED, ABSENT, *self.keys[:5]]
        for skip in (True, False):
            found = self.same(lambda side: side.container.get_objects_content(asked, skip_if_missing=skip))[1]
            expected = {} if skip else dict.fromkeys([*MALFORMED, ABSENT])
            self.assertEqual(found, {**self.contents, **expected})

    def test_absence(self):
        for key in (*MALFORMED, ABSENT):
            self.raises("NotExistent", lambda side: side.container.get_object_content(key))
            self.raises("NotExistent", lambda side: side.container.get_object_meta(key))
            self.raises("NotExistent", lambda side: side.container.get_object_stream(key).__enter__())
            self.raises("NotExistent", lambda side: side.container.get_object_stream_and_meta(key).__enter__())
            self.raises("NotExistent", lambda side: side.container.loosen_object(key))
            self.assertEqual(self.same(lambda side: side.container.has_object(key))[1], False)
        asked = [self.keys[0], ABSENT, *MALFORMED, self.keys[-1], self.keys[0]]
        found = self.same(lambda side: side.container.has_objects(asked))[1]
        self.assertEqual(found, [True, *[False] * 5, True, True])
        container = self.ours.container
        for key in PATHS:
            for read in (container.get_object_content, container.get_object_meta, container.loosen_object):
                with self.assertRaises(our_exceptions.NotExistent):
                    read(key)
        self.assertEqual((container.has_objects(PATHS), container.get_objects_content(PATHS)), ([False] * 3, {}))
        self.raises("TypeError", lambda side: side.container.has_objects([5]))

    def test_streams_are_files(self):
        for key, content in self.contents.items():

            def script(side):
                seen = []
                with side.container.get_object_stream(key) as stream:
                    seen += [
                        stream.readable(),
                        stream.writable(),
                        stream.seekable(),
                        stream.mode,
                        stream.tell(),
                        stream.closed,
                    ]
                    seen += [stream.read(5), stream.tell(), stream.seek(0), stream.read(), stream.read(1)]
                    seen += [stream.seek(len(content) // 2), stream.read(100), stream.tell()]
                    # What it returns is wrong with theirs: 0.
                    stream.seek(0, 2)
                    seen += [stream.tell(), stream.read(), stream.tell()]
                return [*seen, stream.closed]

            seen = self.same(script)[1]
            self.assertEqual(seen[6:11], [content[:5], min(5, len(content)), 0, content, b""])
        with self.ours.container.get_object_stream(
            max(self.contents, key=lambda key: len(self.contents[key]))
        ) as stream:
            self.assertIsInstance(stream, io.BufferedIOBase)

    def test_a_stream_and_what_is_known_of_it(self):
        for key, content in self.contents.items():
            with self.ours.container.get_object_stream_and_meta(key) as (stream, meta):
                self.assertEqual((meta["size"], stream.read()), (len(content), content))
            theirs, ours = (side.container.get_object_meta(key) for side in self.sides)
            for name in ("size", "pack_id"):
                self.assertEqual(ours[name], theirs[name], key)
            self.assertEqual(ours.type.value, theirs.type.value)
            self.assertEqual(ours.type.name, theirs.type.name)
            self.assertEqual(
                {name: type(value) for name, value in vars(ours).items() if name != "type"},
                {name: type(value) for name, value in vars(theirs).items() if name != "type"},
            )

    def test_many_streams_come_by_type_and_each_once(self):
        asked = [*self.keys, ABSENT, *self.keys, "malformed"]
        for skip in (True, False):

            def triplets(side):
                with side.container.get_objects_stream_and_meta(asked, skip_if_missing=skip) as found:
                    return [
                        [key, None if stream is None else stream.read(), meta.type.value] for key, stream, meta in found
                    ]

            theirs, ours = map(triplets, self.sides)
            self.assertEqual(sorted(ours), sorted(theirs))
            self.assertEqual([kind for _, _, kind in ours], [kind for _, _, kind in theirs])
            self.assertEqual(len(ours), len(self.contents) + (0 if skip else 2))

        def metas(side):
            pairs = side.container.get_objects_meta(asked, skip_if_missing=False)
            return sorted([key, meta.type.value, meta.size] for key, meta in pairs)

        self.assertEqual(self.same(metas)[0], "returned")

    def test_the_store_may_change_within_the_iteration(self):
        def change(side):
            read = {}
            with side.container.get_objects_stream_and_meta(self.keys) as found:
                for number, (key, stream, _) in enumerate(found):
                    if number == 2:
                        side.container.pack_all_loose()
                        side.container.clean_storage()
                    read[key] = stream.read()
            return read

        self.assertEqual(self.same(change), ("returned", self.contents))

    def test_counts_and_sizes(self):
        counts = self.same(lambda side: side.container.count_objects())[1]
        self.assertEqual(counts["packed"] + counts["loose"], len(self.contents))
        theirs, ours = (side.container.get_total_size() for side in self.sides)
        self.assertEqual(
            (ours.total_size_packed, ours.total_size_loose), (theirs.total_size_packed, theirs.total_size_loose)
        )
        self.assertEqual(list(vars(ours)), list(vars(theirs)))
        # The same zlib level by another implementation, and headers of records.
        self.assertLess(abs(ours.total_size_packed_on_disk / theirs.total_size_packed_on_disk - 1), 0.05)
        self.assertGreaterEqual(ours.total_size_packfiles_on_disk, ours.total_size_packed_on_disk)
        self.assertGreater(ours.total_size_packindexes_on_disk, 0)
        self.assertEqual(
            sorted(self.ours.container.list_all_objects()), sorted(self.theirs.container.list_all_objects())
        )

    def test_results_are_frozen_and_subscriptable(self):
        for name in ("count_objects", "get_total_size", "validate"):

            def change(side):
                setattr(getattr(side.container, name)(), list(vars(getattr(side.container, name)()))[0], 1)

            self.raises("FrozenInstanceError", change)
            self.raises("KeyError", lambda side: getattr(side.container, name)()["no such field"])

    def test_lazy_streams_and_loosened_files(self):
        for key in self.keys:
            for side in self.sides:
                path = side.container.loosen_object(key)
                self.assertEqual(path.read_bytes(), self.contents[key])

            def lazy(side):
                stream = side.container.get_lazy_loose_stream(key)
                seen = [stream.closed, stream.mode, stream.seekable()]
                with stream:
                    seen += [stream.closed, stream.read(3), stream.tell(), stream.seek(1), stream.read()]
                return [*seen, stream.closed]

            self.same(lazy)
        stream = [side.container.get_lazy_loose_stream(key) for side in self.sides]
        self.raises("ValueError", lambda side: stream[self.sides.index(side)].read())
        path = self.ours.container.loosen_object(self.keys[0])
        packed = self.ours.container.get_object_meta(self.keys[0]).type is compat.ObjectType.PACKED
        self.ours.container.close()
        self.assertEqual(path.exists(), not packed)

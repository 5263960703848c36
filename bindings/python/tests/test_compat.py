"""`loosepack.compat` beside the package `disk_objectstore`: the same calls on both, the same results and exceptions."""

import dataclasses
import hashlib
import io
import pathlib
import random
import tempfile
import unittest

import disk_objectstore
from disk_objectstore import backup_utils as their_backup
from disk_objectstore import dataclasses as their_dataclasses
from disk_objectstore import exceptions as their_exceptions
from disk_objectstore import utils as their_utils
from loosepack import compat
from loosepack.compat import backup_utils as our_backup
from loosepack.compat import dataclasses as our_dataclasses
from loosepack.compat import exceptions as our_exceptions
from loosepack.compat import utils as our_utils
from support import noise, text

ABSENT = "0" * 64
MALFORMED = ["abc", "g" * 64, "A" * 64, ABSENT + "0"]
#: Keys that are paths: with theirs they lead out of the container.
PATHS = ["", "../../../../../../../../etc/passwd", "/etc/passwd"]


class Side:
    """One of the two packages."""

    def __init__(self, package, exceptions, utils, dataclasses, backup, folder):
        self.package, self.exceptions, self.utils = package, exceptions, utils
        self.dataclasses, self.backup, self.folder = dataclasses, backup, folder
        self.container = self.made()

    def made(self, name="container", **settings):
        container = self.package.Container(self.folder / name)
        container.init_container(**settings)
        return container


class TestCase(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        theirs = (disk_objectstore, their_exceptions, their_utils, their_dataclasses, their_backup)
        ours = (compat, our_exceptions, our_utils, our_dataclasses, our_backup)
        self.sides = [Side(*theirs, self.folder / "theirs"), Side(*ours, self.folder / "ours")]
        self.theirs, self.ours = self.sides
        for side in self.sides:
            self.addCleanup(side.container.close)

    def same(self, call):
        """Does the same on both sides. Returns what came of it, which is the same."""
        theirs, ours = (outcome(call, side) for side in self.sides)
        self.assertEqual(ours, theirs)
        return ours

    def raises(self, name, call):
        """Both sides raise an exception of this name."""
        kind, what = self.same(call)
        self.assertEqual((kind, what), ("raised", name))


def outcome(call, side):
    try:
        return "returned", plain(call(side))
    except Exception as error:
        return "raised", type(error).__name__


def plain(value):
    """A result without its class, which belongs to one of the packages."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(value[field.name]) for field in dataclasses.fields(value)}
    if isinstance(value, disk_objectstore.CompressMode.__mro__[1]):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def fill(side, seed=1):
    """Objects of all kinds. Returns contents by key."""
    chance = random.Random(seed)
    contents = [chance.randbytes(chance.randrange(3000)) for _ in range(60)] + [text(chance.randrange(9000), 1)]
    contents += [b"", text(2 << 20), noise(3 << 20, seed)]
    chance.shuffle(contents)
    third = len(contents) // 3
    container = side.container
    container.add_objects_to_pack(contents[:third], compress=True)
    container.add_objects_to_pack(contents[third : 2 * third])
    for content in contents[2 * third :]:
        container.add_object(content)
    return {hashlib.sha256(content).hexdigest(): content for content in contents}


class Settings(TestCase):
    def test_settings(self):
        made = {"pack_size_target": 12345, "compression_algorithm": "zlib+7"}

        def settings(side):
            container = side.made("other", **made)
            again = side.package.Container(str(container.get_folder()))
            self.assertEqual(len(again.container_id), 32)
            self.assertEqual(again.container_id, container.container_id)
            self.assertEqual(again.get_folder(), (side.folder / "other").resolve())
            return [again.is_initialised, again.pack_size_target, again.compression_algorithm, again.hash_type, again.loose_prefix_len]

        self.assertEqual(self.same(settings)[1], [True, 12345, "zlib+7", "sha256", 2])

    def test_making_again_needs_clear(self):
        self.raises("FileExistsError", lambda side: side.container.init_container())

        def cleared(side):
            key, before = side.container.add_object(b"gone"), side.container.container_id
            side.container.init_container(clear=True)
            return [before != side.container.container_id, side.container.has_object(key), side.container.is_initialised]

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
                    seen += [stream.readable(), stream.writable(), stream.seekable(), stream.mode, stream.tell(), stream.closed]
                    seen += [stream.read(5), stream.tell(), stream.seek(0), stream.read(), stream.read(1)]
                    seen += [stream.seek(len(content) // 2), stream.read(100), stream.tell()]
                    # What it returns is wrong with theirs: 0.
                    stream.seek(0, 2)
                    seen += [stream.tell(), stream.read(), stream.tell()]
                return [*seen, stream.closed]

            seen = self.same(script)[1]
            self.assertEqual(seen[6:11], [content[:5], min(5, len(content)), 0, content, b""])
        with self.ours.container.get_object_stream(max(self.contents, key=lambda key: len(self.contents[key]))) as stream:
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
            self.assertEqual({name: type(value) for name, value in vars(ours).items() if name != "type"}, {name: type(value) for name, value in vars(theirs).items() if name != "type"})

    def test_many_streams_come_by_type_and_each_once(self):
        asked = [*self.keys, ABSENT, *self.keys, "malformed"]
        for skip in (True, False):

            def triplets(side):
                with side.container.get_objects_stream_and_meta(asked, skip_if_missing=skip) as found:
                    return [[key, None if stream is None else stream.read(), meta.type.value] for key, stream, meta in found]

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
        self.assertEqual((ours.total_size_packed, ours.total_size_loose), (theirs.total_size_packed, theirs.total_size_loose))
        self.assertEqual(list(vars(ours)), list(vars(theirs)))
        # The same zlib level by another implementation, and headers of records.
        self.assertLess(abs(ours.total_size_packed_on_disk / theirs.total_size_packed_on_disk - 1), 0.05)
        self.assertGreaterEqual(ours.total_size_packfiles_on_disk, ours.total_size_packed_on_disk)
        self.assertGreater(ours.total_size_packindexes_on_disk, 0)
        self.assertEqual(sorted(self.ours.container.list_all_objects()), sorted(self.theirs.container.list_all_objects()))

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


class Adding(TestCase):
    def test_streams_go_in_loose(self):
        for content in (b"", b"some bytes", noise(512 << 10), noise(3 << 20)):
            key = self.same(lambda side: side.container.add_streamed_object(io.BytesIO(content)))[1]
            self.assertEqual(key, hashlib.sha256(content).hexdigest())
            self.assertEqual(self.same(lambda side: side.container.get_object_content(key))[1], content)

        def rest(side):
            stream = io.BytesIO(b"some bytes")
            stream.seek(5)
            return side.container.get_object_content(side.container.add_streamed_object(stream))

        self.assertEqual(self.same(rest)[1], b"bytes")
        zeros = self.same(lambda side: side.container.add_streamed_object(side.utils.ZeroStream(2 << 20)))[1]
        self.assertEqual(zeros, hashlib.sha256(bytes(2 << 20)).hexdigest())

    def test_many_go_straight_to_packs(self):
        contents = [text(3000, number) for number in range(50)] + [noise(2 << 20), b"", text(3000, 1)]
        paths = [self.folder / str(number) for number in range(len(contents))]
        for path, content in zip(paths, contents):
            path.write_bytes(content)
        for compress in (False, True):
            for flags in ({}, {"no_holes": True}, {"no_holes": True, "no_holes_read_twice": False}, {"do_fsync": False}):

                def add(side):
                    side.container.init_container(clear=True)
                    keys = side.container.add_objects_to_pack(contents, compress=compress, **flags)
                    openers = [side.utils.LazyOpener(path) for path in paths]
                    again = side.container.add_streamed_objects_to_pack(openers, compress, open_streams=True, **flags)
                    streams = [io.BytesIO(content) for content in contents]
                    third = side.container.add_streamed_objects_to_pack(streams, compress, **flags)
                    assert keys == again == third
                    return [keys, side.container.count_objects(), side.container.get_objects_content(keys)]

                keys, counts, _ = self.same(add)[1]
                self.assertEqual(keys, [hashlib.sha256(content).hexdigest() for content in contents])
                self.assertEqual(counts, {"packed": 52, "loose": 0, "pack_files": 1})
        self.raises("AssertionError", lambda side: side.container.add_objects_to_pack([b""], compress=side.package.CompressMode.YES))

    def test_one_stream_goes_to_a_pack_with_progress(self):
        def add(side):
            seen = []
            key = side.container.add_streamed_object_to_pack(
                io.BytesIO(noise(3 << 20)),
                compress=True,
                callback=lambda action, value: seen.append((action, value)),
                callback_size_hint=3 << 20,
            )
            assert seen[0] == ("init", {"total": 3 << 20, "description": "Streamed object"}), seen[0]
            return [key, seen[-1], sum(value for action, value in seen if action == "update")]

        key, end, total = self.same(add)[1]
        self.assertEqual((key, end, total), (hashlib.sha256(noise(3 << 20)).hexdigest(), ["close", None], 3 << 20))

    def test_objects_are_imported(self):
        contents = [text(3000, number) for number in range(30)] + [noise(2 << 20)]

        def copy(side, source):
            keys = source.add_objects_to_pack(contents, compress=True)
            side.container.init_container(clear=True)
            side.container.add_object(contents[0])
            copied = side.container.import_objects([*keys, ABSENT, keys[0]], source)
            return [copied, side.container.get_objects_content(keys), side.container.validate().is_valid()]

        copied = self.same(lambda side: copy(side, side.made("source")))[1][0]
        self.assertEqual(len(copied), 30)
        # Containers of the package are a source as well.
        old = disk_objectstore.Container(self.folder / "old")
        old.init_container(hash_type="sha1")
        copied, found, valid = copy(self.ours, old)
        self.assertEqual(len(copied), 31)
        self.assertEqual(set(copied.values()), {hashlib.sha256(content).hexdigest() for content in contents})
        self.assertTrue(valid and not found)
        old.close()


class Upkeep(TestCase):
    def setUp(self):
        super().setUp()
        self.contents = [fill(side) for side in self.sides][0]
        self.keys = list(self.contents)

    def test_packing_and_cleaning(self):
        modes = [True, False, "NO", "YES", "AUTO", "KEEP"]
        for mode in modes:
            for clean in (False, True):

                def pack(side):
                    compress = side.package.CompressMode[mode] if isinstance(mode, str) else mode
                    for number in range(20):
                        side.container.add_object(text(4000, f"{mode}{clean}{number}".__hash__() % 1000))
                        side.container.add_object(b"%d %d" % (number, clean))
                    side.container.pack_all_loose(compress=compress, clean_loose_per_pack=clean, do_fsync=False)
                    packed = side.container.count_objects()
                    # Theirs keeps loose files of what was packed before.
                    assert side is self.theirs or not clean or packed.loose == 0
                    side.container.clean_storage(vacuum=True)
                    return [packed.packed, side.container.count_objects()]

                before, after = self.same(pack)[1]
                self.assertEqual((after["loose"], after["packed"]), (0, before))

        def wrong(side):
            side.container.add_object(b"not packed")
            side.container.pack_all_loose(compress="yes")

        self.raises("NotImplementedError", wrong)
        self.assertEqual(self.same(lambda side: side.container.get_objects_content(self.keys))[1], self.contents)

    def test_deleting_and_repacking(self):
        deleted = self.same(lambda side: sorted(side.container.delete_objects([*self.keys[::2], ABSENT, self.keys[0]])))[1]
        self.assertEqual(deleted, sorted(self.keys[::2]))
        self.same(lambda side: side.container.has_objects(self.keys))
        for mode in ("KEEP", "YES", "NO", "AUTO"):

            def repack(side):
                side.container.repack(compress_mode=side.package.CompressMode[mode])
                sizes = side.container.get_total_size()
                dead = sizes.total_size_packfiles_on_disk - sizes.total_size_packed_on_disk
                assert dead < 10_000, dead
                return [sizes.total_size_packed, side.container.get_objects_content(self.keys)]

            self.assertEqual(len(self.same(repack)[1][1]), len(self.keys) // 2)
        for side in self.sides:
            pack = side.container.get_object_meta(self.keys[1]).pack_id
            side.container.repack_pack(str(pack))
        self.raises("AssertionError", lambda side: side.container.repack_pack("no pack"))
        self.assertEqual(self.same(lambda side: side.container.validate())[1], {name: [] for name in vars(self.ours.container.validate())})

    def test_somebody_else_is_packing(self):
        other = compat.Container(self.ours.container.get_folder())
        for call in (
            lambda side: side.container.pack_all_loose(),
            lambda side: side.container.add_objects_to_pack([b"another"]),
        ):
            # Theirs takes away the lock that it was refused.
            with other._store.pack_writer(), self.theirs.container.lock_pack("0"):
                self.raises("FileExistsError", call)
        self.same(lambda side: side.container.pack_all_loose())

    def test_callbacks_are_opened_and_closed_in_order(self):
        calls = {
            "pack": lambda side, callback: side.container.pack_all_loose(callback=callback),
            "add": lambda side, callback: side.container.add_objects_to_pack([b"1", b"22"], callback=callback),
            "repack": lambda side, callback: side.container.repack(callback=callback),
            "validate": lambda side, callback: side.container.validate(callback=callback),
        }
        for name, call in calls.items():
            for side in self.sides:
                with self.subTest(name, side=side.package.__name__):
                    seen = []
                    call(side, lambda action, value: seen.append((action, value)))
                    depth, total, done = 0, 0, 0
                    for action, value in seen:
                        depth += {"init": 1, "update": 0, "close": -1}[action]
                        self.assertIn(depth, (0, 1))
                        if action == "init":
                            self.assertEqual(set(value), {"total", "description"})
                            total += value["total"]
                        elif action == "update":
                            self.assertEqual(depth, 1)
                            done += value
                        else:
                            self.assertIsNone(value)
                    self.assertEqual((depth, done), (0, total))
                    self.assertTrue(seen)

    def test_damage_is_found(self):
        def places(key):
            return [side.container.get_object_meta(key) for side in self.sides]

        def plain_places(key):
            return all(meta.pack_compressed is False and meta.size > 100 for meta in places(key))

        def damage(side, key):
            container = side.container
            container.close()
            meta = container.get_object_meta(key)
            if meta.type.value == "loose":
                path, position = side.container.get_folder() / "loose" / key[:2] / key[2:], 0
            else:
                path, position = side.container.get_folder() / "packs" / str(meta.pack_id), meta.pack_offset
            container.close()
            content = bytearray(path.read_bytes())
            content[position + 20] ^= 1
            path.write_bytes(content)

        loose = next(key for key in self.keys if self.ours.container.get_object_meta(key).type is compat.ObjectType.LOOSE and len(self.contents[key]) > 100)
        packed = next(filter(plain_places, self.keys))
        for side in self.sides:
            damage(side, loose)
            damage(side, packed)
        issues = self.same(lambda side: side.container.validate())[1]
        self.assertEqual((issues["invalid_hashes_loose"], issues["invalid_hashes_packed"]), ([loose], [packed]))
        self.assertEqual(self.same(lambda side: side.container.validate().is_valid())[1], False)
        self.raises("InconsistentContent", lambda side: side.container.pack_all_loose())
        # They return wrong bytes.
        for key in (loose, packed):
            with self.assertRaises(our_exceptions.InconsistentContent):
                self.ours.container.get_object_content(key)


class Backups(TestCase):
    def backup(self, side, **settings):
        manager = side.backup.BackupManager(str(side.folder / "backups"), **settings)
        manager.backup_auto_folders(
            lambda path, previous: side.backup.backup_container(manager, side.container, path, previous)
        )
        return manager

    def test_backups_are_containers_and_old_ones_go(self):
        for side in self.sides if our_backup.is_exe_found("rsync") else [self.ours]:
            expected = []
            for number in range(3):
                side.container.add_objects_to_pack([b"packed %d" % number])
                side.container.add_object(b"loose %d" % number)
                expected.append(sorted(side.container.list_all_objects()))
                manager = self.backup(side, keep=1)
            folders = sorted(manager.get_existing_backup_folders())
            self.assertEqual(len(folders), 2)
            for folder, keys in zip(folders, expected[1:]):
                copy = side.package.Container(folder)
                self.assertTrue(copy.validate().is_valid())
                self.assertEqual(sorted(copy.list_all_objects()), keys)
                copy.close()
            self.assertEqual((side.folder / "backups/last-backup").resolve(), pathlib.Path(folders[-1]).resolve())
            self.assertEqual(manager.get_last_backup_folder(), pathlib.Path(folders[-1]))
            self.assertFalse((side.folder / "backups/live-backup").exists())

    def test_what_a_backup_has_does_not_change_with_the_next(self):
        def files(folder):
            return {path: path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file()}

        self.ours.container.add_objects_to_pack([noise(100_000)])
        first = self.backup(self.ours).get_last_backup_folder()
        before = files(first)
        self.ours.container.add_objects_to_pack([noise(100_000, 2)])
        self.ours.container.delete_objects(list(self.ours.container.list_all_objects())[:1])
        self.ours.container.repack()
        self.backup(self.ours)
        self.assertEqual(files(first), before)

    def test_a_backup_of_another_container_is_no_start(self):
        self.ours.container.add_object(b"of the first")
        self.backup(self.ours)
        self.ours.container.init_container(clear=True)
        key = self.ours.container.add_object(b"of the second")
        copy = compat.Container(self.backup(self.ours).get_last_backup_folder())
        self.assertEqual(list(copy.list_all_objects()), [key])

    def test_wrong_settings(self):
        for wrong in ({"keep": -1}, {"dest": "a:b:c"}):
            for side in self.sides if our_backup.is_exe_found("rsync") else [self.ours]:
                with self.subTest(**wrong), self.assertRaises(ValueError):
                    side.backup.BackupManager(**{"dest": str(side.folder / "backups"), **wrong})
        with self.assertRaisesRegex(ValueError, "mount it"):
            our_backup.BackupManager("host:backups")
        with self.assertRaises(ValueError):
            our_backup.BackupManager(str(self.folder / "no/such/parent"))


class Utilities(TestCase):
    def test_sorted_iterators(self):
        for left, right in (([], []), ([1, 3, 5], [2, 3, 6]), ([1], []), ([], [1, 2]), ([2, 1], [3]), ([1], [2, 2]), ([1, 1], [1])):
            with self.subTest(left=left, right=right):
                self.same(lambda side: [[item, where.value] for item, where in side.utils.detect_where_sorted(left, right)])
                self.same(lambda side: list(side.utils.merge_sorted(left, right)))
        pairs = [(1, "a"), (3, "b")]
        found = self.same(lambda side: [[item, where.name] for item, where in side.utils.detect_where_sorted(pairs, [3, 4], left_key=lambda pair: pair[0])])
        self.assertEqual(found[1][1], [[3, "b"], "BOTH"])

    def test_helpers(self):
        for size in (1, 3, 10):
            self.same(lambda side: list(side.utils.chunk_iterator(range(9), size)))
        self.same(lambda side: list(side.utils.yield_first_element([(1, 2), (3,)])))
        self.same(lambda side: side.utils.nullcontext(5).__enter__())
        for name in ("sha1", "sha256", "md5"):
            self.same(lambda side: side.utils.is_known_hash(name))
            self.same(lambda side: side.utils.get_hash_cls(name)(b"x").hexdigest())
            self.same(lambda side: side.utils.compute_hash_and_size(io.BytesIO(noise(1 << 20)), name))
        for name in ("zlib+1", "zlib+9", "zlib+0", "zlib", "gzip+1"):
            self.same(lambda side: len(side.utils.get_compressobj_instance(name).compress(b"") + b"x") > 0)
        self.same(lambda side: side.utils.ZeroStream(10).read(4) + side.utils.ZeroStream(3).read())
        self.assertIsNone(our_utils.rename_callback(None, "x"))
        for mode in ("NO", "YES", "KEEP", "AUTO"):
            for content in (b"", text(100_000), noise(100_000)):
                for compressed in (False, True):
                    self.same(lambda side: side.utils.should_compress(io.BytesIO(content), side.package.CompressMode[mode], compressed, len(content) // 2, len(content)))
        self.assertEqual([mode.value for mode in compat.CompressMode], [mode.value for mode in disk_objectstore.CompressMode])

    def test_lazy_files(self):
        path = self.folder / "file"
        path.write_bytes(b"some bytes")

        def lazy(side):
            opener = side.utils.LazyOpener(path)
            seen = [str(opener.path), opener.mode]
            with opener as file:
                seen += [file.read(4), opener.tell()]
            return [*seen, file.closed]

        self.same(lazy)
        self.raises("ValueError", lambda side: side.utils.LazyOpener(path).tell())

        def twice(side):
            with side.utils.LazyOpener(path) as _, (opener := side.utils.LazyOpener(path)), opener:
                pass

        self.raises("OSError", twice)

    def test_callbacks_of_streams(self):
        def script(side):
            seen = []
            callback = side.utils.rename_callback(lambda *event: seen.append(event), "Renamed")
            stream = side.utils.CallbackStreamWrapper(io.BytesIO(noise(4000)), callback, total_length=4000)
            seen.append([stream.readable(), stream.writable(), stream.seekable(), stream.closed, len(stream.read(3))])
            seen.append([len(stream.read(1000)), stream.seek(2000), stream.tell(), len(stream.read())])
            seen.append([stream.seek(10), len(stream.read(5))])
            stream.close_callback()
            return seen

        self.same(script)

    def test_every_public_name_of_theirs_is_here_or_documented(self):
        internal = {"HashWriterWrapper", "ObjectWriter", "PackedObjectReader", "ZlibLikeBaseStreamDecompresser", "ZlibStreamDecompresser", "get_stream_decompresser", "safe_flush_to_disk"}
        for ours, theirs, left_out in (
            (our_utils, their_utils, internal),
            (our_exceptions, their_exceptions, set()),
            (our_dataclasses, their_dataclasses, set()),
            (compat.Container, disk_objectstore.Container, set()),
        ):
            names = {
                name
                for name, value in vars(theirs).items()
                if not name.startswith("_") and getattr(value, "__module__", theirs.__name__) == theirs.__name__ and (callable(value) or isinstance(theirs, type))
            }
            self.assertEqual(names - left_out - set(dir(ours)), set())
        self.assertEqual(compat.__all__, disk_objectstore.__all__ + ("__version__",))

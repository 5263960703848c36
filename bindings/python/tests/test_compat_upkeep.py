"""`loosepack.compat` beside `disk_objectstore`: adding, packing, deleting, repacking, validating, backups."""

import hashlib
import io
import pathlib

import disk_objectstore
from beside import ABSENT, TestCase, fill
from loosepack import compat
from loosepack.compat import backup_utils as our_backup
from loosepack.compat import exceptions as our_exceptions
from support import noise, text


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
            for flags in (
                {},
                {"no_holes": True},
                {"no_holes": True, "no_holes_read_twice": False},
                {"do_fsync": False},
            ):

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
        self.raises(
            "AssertionError",
            lambda side: side.container.add_objects_to_pack([b""], compress=side.package.CompressMode.YES),
        )

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
        deleted = self.same(
            lambda side: sorted(side.container.delete_objects([*self.keys[::2], ABSENT, self.keys[0]]))
        )[1]
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
        self.assertEqual(
            self.same(lambda side: side.container.validate())[1],
            {name: [] for name in vars(self.ours.container.validate())},
        )

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

        loose = next(
            key
            for key in self.keys
            if self.ours.container.get_object_meta(key).type is compat.ObjectType.LOOSE
            and len(self.contents[key]) > 100
        )
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

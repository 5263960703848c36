"""Upkeep: every job, its report, its progress, and what stops it."""

import threading
import time

import loosepack
from loosepack import Container
from support import TestCase, noise, sha256, text


class Jobs(TestCase):
    def test_packing_cleaning_deleting_and_repacking(self):
        contents = [text(2000, number) for number in range(500)]
        ids = self.store.add_many(contents)
        self.assertEqual(self.store.pack(compression="never")[:2], (500, sum(map(len, contents))))
        stats = self.store.stats()
        self.assertEqual((stats.loose_objects, stats.loose_packed, stats.packed_objects), (500, 500, 500))
        self.assertEqual(self.store.clean().objects, 500)
        self.assertEqual(self.store.delete([*ids[:400], sha256(b"absent")]).objects, 400)
        self.assertEqual(self.store.has(ids), [False] * 400 + [True] * 100)
        before = self.store.stats().packs_size
        self.assertGreater(self.store.packs()[0].dead, before // 2)
        self.store.repack(dry_run=True)
        self.assertEqual(self.store.stats().packs_size, before)
        self.assertTrue(self.store.repack().ok)
        self.assertLess(self.store.stats().packs_size, before // 3)
        self.assertEqual([self.store[object_id] for object_id in ids[400:]], contents[400:])

    def test_what_is_deleted_is_gone_at_once_for_every_way_of_reading(self):
        ids = self.store.add_many([b"%d" % number for number in range(100)], to_packs=True)
        # Several handles have read the index.
        batches = [self.store.read_many(ids) for _ in range(4)]
        for batch in batches:
            self.assertEqual(len(list(batch)), 100)
        del batch, batches
        self.store.delete(ids[:50])
        for _ in range(10):
            self.assertEqual(self.store.has(ids), [False] * 50 + [True] * 50)
            with self.assertRaises(loosepack.NotFound):
                self.store.get(ids[0])
        self.assertEqual(len(dict(self.store.read_many(ids, skip_missing=True))), 50)

    def test_garbage_is_collected(self):
        ids = self.store.add_many([b"%d" % number for number in range(100)], to_packs=True)
        self.assertEqual(self.store.gc(ids[:30], dry_run=True).objects, 70)
        self.assertEqual(len(list(self.store)), 100)
        self.assertEqual(self.store.gc(iter(ids[:30])).objects, 70)
        self.assertEqual(list(self.store), sorted(ids[:30]))
        with self.assertRaises(loosepack.InvalidArgument):
            self.store.gc([], grace=float("nan"))

    def test_damage_is_reported_and_mended_from_another_container(self):
        ids = self.store.add_many([noise(1000, number) for number in range(50)], to_packs=True)
        self.assertTrue(self.store.backup(self.folder / "backup").ok)
        (place,) = self.store.info(ids[7:8])
        self.damage(self.pack_file(), place.offset + 5)
        self.store.close()
        store = Container(self.folder / "store")
        report = store.verify()
        self.assertFalse(report.ok)
        ((file, message),) = report.problems
        self.assertTrue(file.startswith("packs/0") and ids[7] in message, (file, message))
        with self.assertRaises(loosepack.Corrupt) as caught:
            store.get(ids[7])
        self.assertTrue(caught.exception.file and caught.exception.problem)
        read, corrupt, batch = 0, 0, store.read_many(ids)
        while True:
            try:
                next(batch)
                read += 1
            except loosepack.Corrupt:
                corrupt += 1
            except StopIteration:
                break
        self.assertEqual((read, corrupt), (49, 1))
        self.assertEqual(store.repair(self.folder / "backup").objects, 1)
        self.assertTrue(store.verify().ok)
        self.assertEqual(store[ids[7]], noise(1000, 7))

    def test_a_lost_index_is_rebuilt(self):
        ids = self.store.add_many([b"%d" % number for number in range(50)], to_packs=True)
        self.store.close()
        for file in (self.folder / "store/index").iterdir():
            file.unlink()
        with self.assertRaises(loosepack.Error):
            Container(self.folder / "store").has(ids)
        with Container.open(self.folder / "store", damaged=True) as store:
            self.assertEqual(store.reindex().objects, 50)
        self.assertEqual(list(Container(self.folder / "store")), sorted(ids))

    def test_the_index_becomes_one_file(self):
        folded = 0
        for first in range(3):
            self.store.add_many([b"%d %d" % (first, number) for number in range(50)], to_packs=True)
            folded = self.store.fold().objects
        self.assertEqual(folded, 150)
        self.assertEqual(len(list((self.folder / "store/index").glob("run-*"))), 1)
        self.assertEqual(self.store.verify().problems, [])
        with self.store.pack_writer():
            with self.assertRaises(loosepack.Locked):
                Container(self.folder / "store").fold()

    def test_copies(self):
        ids = self.store.add_many([b"%d" % number for number in range(50)], to_packs=True)
        with Container.create(self.folder / "other") as other:
            self.assertEqual(other.import_from(self.store, iter(ids[:10])).objects, 10)
            self.assertEqual(list(other), sorted(ids[:10]))
            self.assertEqual(other.import_from(self.store.path).objects, 40)
            with self.assertRaises(loosepack.NoContainer):
                other.import_from(self.folder)
        self.store.backup(self.folder / "backup")
        self.store.add(b"later")
        self.assertEqual(self.store.backup(self.folder / "backup").objects, 1)
        with Container.restore(self.folder / "backup", self.folder / "restored") as restored:
            self.assertEqual(list(restored), list(self.store))
            restored.add(b"it is worked with")
        with self.assertRaises(loosepack.AlreadyExists):
            self.store.backup(self.folder / "other")

    def test_verifying_resumes_and_is_shared(self):
        self.store.add_many([b"%d" % number for number in range(1000)], to_packs=True)
        shares = [self.store.verify(shard=shard, shards=3).objects for shard in range(3)]
        self.assertEqual(sum(shares), 1000)
        with self.assertRaises(loosepack.InvalidArgument):
            self.store.verify(shard=3, shards=3)


class Progress(TestCase):
    def jobs(self):
        self.store.add_many([b"%d" % number for number in range(300)])
        yield "pack", self.store.pack
        yield "clean", self.store.clean
        yield "verify", self.store.verify
        yield "backup", lambda progress: self.store.backup(self.folder / "backup", progress=progress)
        yield "delete", lambda progress: self.store.delete(list(self.store)[:100], progress=progress)
        yield "repack", self.store.repack
        yield "gc", lambda progress: self.store.gc([], progress=progress)
        yield "reindex", self.store.reindex
        yield "fold", self.store.fold

    def test_progress_goes_from_start_to_end_in_every_job(self):
        for name, job in self.jobs():
            with self.subTest(name):
                seen = []
                report = job(progress=seen.append)
                self.assertTrue(seen)
                done = [step.done for step in seen]
                self.assertEqual(done, sorted(done))
                self.assertEqual(seen[-1].done, seen[-1].total)
                self.assertEqual((seen[-1].objects, seen[-1].bytes), (report.objects, report.bytes))

    def test_what_progress_raises_stops_the_job_and_frees_the_lock(self):
        def stop(step):
            raise KeyboardInterrupt

        for name, job in self.jobs():
            with self.subTest(name):
                with self.assertRaises(KeyboardInterrupt):
                    job(progress=stop)
                self.store.pack(clean=True)

    def test_a_second_packer_is_refused_or_waits(self):
        kept = self.store.add(b"kept")
        with self.store.pack_writer() as writer:
            for other in (self.store, Container(self.store.path)):
                for locked in (other.pack, other.pack_writer, other.clean, other.repack):
                    with self.assertRaisesRegex(loosepack.Locked, "another packer is at work: Python, process"):
                        locked()
            patient = Container(self.store.path, wait=0.2)
            start = time.monotonic()
            with self.assertRaises(loosepack.Locked):
                patient.pack()
            self.assertGreaterEqual(time.monotonic() - start, 0.2)
            patient = Container(self.store.path, wait=60.0)
            reports = []
            thread = threading.Thread(target=lambda: reports.append(patient.pack()))
            thread.start()
            time.sleep(0.1)
            self.assertEqual(reports, [])
            writer.add(b"packed")
        thread.join()
        self.assertEqual(reports[0].objects, 1)
        self.assertIn(kept, self.store)

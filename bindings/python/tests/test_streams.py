"""Objects as streams."""

import io
import os
import shutil
import tarfile

import loosepack
from support import TestCase, noise, text


class Streams(TestCase):
    def readers(self, content):
        """The object loose, packed and compressed."""
        object_id = self.store.add(content)
        yield self.store.reader(object_id)
        self.store.pack(compression="never", clean=True)
        yield self.store.reader(object_id)
        self.store.repack(compression="always")
        yield self.store.reader(object_id)

    def test_readers_seek_like_files(self):
        content = text(3 << 20)
        for reader in self.readers(content):
            file = io.BytesIO(content)
            for offset, whence, size in [
                (2_000_000, os.SEEK_SET, 100),
                (5, os.SEEK_SET, 1),
                (-50, os.SEEK_CUR, 0),
                (1 << 20, os.SEEK_CUR, 70_000),
                (-100, os.SEEK_END, 1000),
                (50, os.SEEK_END, 10),
                (0, os.SEEK_SET, -1),
            ]:
                if whence == os.SEEK_CUR and offset < 0:
                    offset = -file.tell()
                self.assertEqual(reader.seek(offset, whence), file.seek(offset, whence))
                self.assertEqual(reader.tell(), file.tell())
                self.assertEqual(reader.read(size), file.read(size))
                self.assertEqual(reader.tell(), file.tell())
            for offset, whence in ((-1, os.SEEK_SET), (-len(content) - 1, os.SEEK_END), (0, 9)):
                with self.assertRaises(ValueError):
                    reader.seek(offset, whence)

    def test_readers_are_raw_streams_of_the_standard_library(self):
        lines = [b"%d\n" % number for number in range(100_000)]
        for reader in self.readers(b"".join(lines)):
            self.assertIsInstance(reader, io.RawIOBase)
            self.assertTrue(reader.readable() and reader.seekable() and not reader.writable())
            self.assertEqual((reader.mode, reader.size), ("rb", sum(map(len, lines))))
            room = bytearray(10)
            self.assertEqual((reader.readinto(room), bytes(room)), (10, b"0\n1\n2\n3\n4\n"))
            self.assertEqual(reader.readline(), b"5\n")
            reader.seek(0)
            self.assertEqual(list(io.BufferedReader(reader)), lines)

    def test_the_end_is_no_bytes(self):
        for reader in self.readers(b"some bytes"):
            self.assertEqual(reader.read(), b"some bytes")
            self.assertEqual((reader.read(), reader.read(5), reader.readinto(bytearray(3))), (b"", b"", 0))
            reader.seek(1000)
            self.assertEqual(reader.read(), b"")

    def test_a_closed_reader_reads_no_more(self):
        reader = self.store.reader(self.store.add(b"some bytes"))
        with reader:
            self.assertEqual(reader.read(4), b"some")
        reader.close()
        for call in (
            reader.read,
            reader.tell,
            reader.seekable,
            lambda: reader.seek(0),
            lambda: reader.readinto(bytearray(1)),
        ):
            with self.assertRaisesRegex(ValueError, "closed file"):
                call()

    def test_a_reader_outlives_what_happens_to_its_object(self):
        content = noise(3 << 20)
        reader = self.store.reader(self.store.add(content))
        self.assertEqual(reader.read(100), content[:100])
        self.store.pack(clean=True)
        self.assertEqual(reader.read(100), content[100:200])
        self.store.delete([reader.id])
        self.store.repack(min_dead=1)
        self.assertNotIn(reader.id, self.store)
        self.assertEqual(reader.read(), content[200:])

    def test_programs_that_take_files_take_readers(self):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo("letter")
            member.size = 5 << 20
            archive.addfile(member, io.BytesIO(noise(5 << 20)))
        for reader in self.readers(buffer.getvalue()):
            with tarfile.open(fileobj=reader) as archive:
                self.assertEqual(archive.extractfile("letter").read(), noise(5 << 20))
            reader.seek(0)
            copy = io.BytesIO()
            shutil.copyfileobj(reader, copy)
            self.assertEqual(copy.getvalue(), buffer.getvalue())

    def test_damage_is_noticed_at_the_end_of_the_object(self):
        content = noise(3 << 20)
        object_id = self.store.add(content)
        self.damage(self.folder / "store/loose" / object_id[:2] / object_id[2:], 1000)
        reader = self.store.reader(object_id)
        with self.assertRaises(loosepack.Corrupt) as caught:
            while reader.read(1 << 18):
                pass
        self.assertEqual(reader.tell(), 11 << 18, "all but the last piece was read")
        self.assertIn(object_id[2:], caught.exception.file)

"""zipstore: zip archives through a component that is written in Python."""

import zipfile

from support import TARSTORE, ZIPSTORE, TestCase, line, noise

FILES = {
    "empty": b"",
    "small": b"some bytes",
    "folder/noise": noise(1, 3_000_000),
    "zeros": bytes(2_000_000),
    "line\nend": b"an odd name",
    "\u65e5\u672c": b"another",
}


class Zip(TestCase):
    def archive(self, files, method=zipfile.ZIP_DEFLATED):
        """Writes `x.zip`."""
        with zipfile.ZipFile(self.dir / "x.zip", "w", method) as archive:
            archive.writestr("folder/", b"")
            for path, content in files.items():
                archive.writestr(path, content)

    def lines(self, files):
        return [line(content, path.encode()) for path, content in files.items()]

    def test_files_of_an_archive_become_objects(self):
        for method in zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED:
            with self.subTest(method):
                self.archive(FILES, method)
                printed = self.output(ZIPSTORE, "store", "x.zip")
                self.assertEqual(printed.splitlines(), self.lines(FILES))
                self.check(FILES)
                self.output(TARSTORE["wasmtime"], "list", "store", stdin=printed)
                self.loosepack("pack", "--clean")

    def test_more_files_than_are_gathered(self):
        files = {str(number): b"%d" % number for number in range(2500)}
        self.archive(files)
        self.assertEqual(self.output(ZIPSTORE, "store", "x.zip").splitlines(), self.lines(files))

    def test_damage_is_left_out_and_leaves_nothing(self):
        self.archive(FILES, zipfile.ZIP_STORED)
        data = bytearray((self.dir / "x.zip").read_bytes())
        data[data.index(b"folder/noise") + 100_000] ^= 1
        (self.dir / "x.zip").write_bytes(data)
        printed = self.refused(ZIPSTORE, "store", "x.zip", says="folder/noise: Bad CRC-32")
        self.assertEqual(printed.splitlines(), self.lines({k: v for k, v in FILES.items() if k != "folder/noise"}))
        self.assertEqual(list((self.dir / "store/incoming").iterdir()), [])
        self.loosepack("verify")

    def test_a_size_that_cannot_be_is_left_out(self):
        self.archive({"bomb": bytes(1000), "good": b"good"})
        data = bytearray((self.dir / "x.zip").read_bytes())
        # The size in the directory of the archive.
        entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
        self.assertEqual(data[entry + 46 : entry + 50], b"bomb")
        data[entry + 24 : entry + 28] = (1 << 30).to_bytes(4, "little")
        (self.dir / "x.zip").write_bytes(data)
        printed = self.refused(ZIPSTORE, "store", "x.zip", says="bomb: it claims to be longer")
        self.assertEqual(printed.splitlines(), self.lines({"good": b"good"}))

    def test_archives_and_containers_that_are_none(self):
        (self.dir / "folder").mkdir()
        (self.dir / "text").write_text("no archive")
        self.archive(FILES)
        self.refused(ZIPSTORE, "store", "text", says="text: File is not a zip file")
        self.refused(ZIPSTORE, "store", "nowhere.zip", says="nowhere.zip")
        self.refused(ZIPSTORE, "folder", "x.zip", says="folder: there is no container here")
        self.refused(ZIPSTORE, "nowhere", "x.zip", says="cannot open the directory nowhere")
        self.refused(ZIPSTORE, "/etc", "x.zip", says="nothing is granted for /etc")
        self.refused(ZIPSTORE, "store", says="usage: zipstore")

"""tarstore: archives that real programs make, damaged ones, and the ordinary command on the same container."""

import io
import os
import random
import shutil
import subprocess
import sys
import tarfile

from support import LOOSEPACK, ROOT, STOCK, TARGET, TARSTORE, TestCase, escaped, line, noise, sha256

#: Sizes around those of pieces and batches of files.
SIZES = [0, 1, 511, 512, 513, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, (256 << 10) + 1, (1 << 20) + 1, 3_000_000]
BLOCK = 512
WASMTIME = TARSTORE["wasmtime"]


def archive(members, form=tarfile.GNU_FORMAT):
    """An archive of these files, by Python."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form, errors="surrogateescape") as tar:
        for path, content in members.items():
            info = tarfile.TarInfo(os.fsdecode(path))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def size_line(content, path):
    """The line of a file in the output of `list`."""
    text, differs = escaped(path)
    return (b"\\" if differs else b"") + b"%12d  " % len(content) + text


def unpacked(data):
    """The files of an archive, by Python."""
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        return {os.fsencode(info.name): tar.extractfile(info).read() for info in tar if info.isfile()}


def header(kind, size, name=b"x", magic=b"ustar  \0", target=b""):
    """A header, with the right checksum."""
    block = bytearray(BLOCK)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    block[156:157] = kind
    block[157 : 157 + len(target)] = target
    block[257:265] = magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content):
    """Content in whole blocks."""
    return content + bytes(-len(content) % BLOCK)


END = bytes(2 * BLOCK)


class Archives(TestCase):
    def files(self, names=()):
        """Files in the folder `tree`, with names of all kinds."""
        shutil.rmtree(self.dir / "tree", ignore_errors=True)
        files = {b"tree/%d" % size: noise(size, size) for size in SIZES}
        files |= {name: sha256(name).encode() for name in names}
        for path, content in files.items():
            full = os.path.join(os.fsencode(self.dir), path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(content)
        return files

    def both_ways(self, command, data, files):
        """Imports an archive, and has its files back: by the list, from the command that imported it and from ours."""
        printed = self.output(command, "import", "store", stdin=data)
        self.assertEqual(sorted(printed.splitlines()), sorted(line(content, path) for path, content in files.items()))
        self.check(files)
        self.assertEqual(unpacked(self.output(command, "export", "store", stdin=printed)), files)
        sizes = self.output(command, "list", "store", stdin=printed)
        expected = sorted(size_line(content, path) for path, content in files.items())
        self.assertEqual(sorted(sizes.splitlines()), expected)
        return printed

    def test_archives_of_tar(self):
        """Of GNU tar, in all its formats, with all kinds of members; and under each runtime."""
        odd = [b"tree/back\\slash", b"tree/line\nend", b"tree/" + b"d" * 90 + b"/" + b"n" * 150, "tree/\u00e9".encode()]
        for form, names in ("gnu", [*odd, b"tree/latin-\xe9"]), ("posix", odd), ("ustar", []), ("v7", []):
            with self.subTest(form):
                files = self.files(names)
                (self.dir / "tree/empty-folder").mkdir()
                os.symlink("513", self.dir / "tree/symlink")
                os.link(self.dir / "tree/513", self.dir / "tree/link")
                files[b"tree/link"] = noise(513, 513)
                if form != "v7":
                    os.mkfifo(self.dir / "tree/fifo")
                made = subprocess.run(
                    ["tar", "--create", f"--format={form}", "tree"], cwd=self.dir, stdout=subprocess.PIPE, check=True
                )
                for runtime, command in TARSTORE.items():
                    with self.subTest(runtime):
                        self.both_ways(command, made.stdout, files)
                ran = self.run_in(WASMTIME, "import", "store", stdin=made.stdout)
                self.assertIn(b"that are neither files nor folders", ran.stderr)

    def test_archives_of_python(self):
        long = b"/".join([b"p" * 200] * 5)
        for form in tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT:
            with self.subTest(form):
                files = {b"%d" % size: noise(form + size, size) for size in SIZES}
                if form != tarfile.USTAR_FORMAT:
                    files |= {long: b"long", "\u65e5\u672c".encode(): b"name"}
                data = archive(files, form)
                printed = self.both_ways(WASMTIME, data, files)
                # The order of the archive.
                self.assertEqual(printed, b"".join(line(files[path], path) + b"\n" for path in files))

    def test_more_files_than_are_gathered(self):
        files = {b"%d" % number: noise(number, number % 700) for number in range(9000)}
        printed = self.output(WASMTIME, "import", "store", stdin=archive(files))
        self.assertEqual(printed, b"".join(line(files[path], path) + b"\n" for path in files))
        self.assertEqual(unpacked(self.output(WASMTIME, "export", "store", stdin=printed)), files)

    def test_what_the_command_adds_the_plugin_reads_and_the_other_way(self):
        files = self.files([b"tree/line\nend"])
        added = self.loosepack("add", "-r", "tree")
        for runtime, command in TARSTORE.items():
            with self.subTest(runtime):
                self.assertEqual(unpacked(self.output(command, "export", "store", stdin=added)), files)
                more = {f"of {runtime} {number}".encode(): noise(number, 5000) for number in range(20)}
                printed = self.output(command, "import", "store", stdin=archive(more))
                self.assertIn(b"packed", self.output(command, "pack", "store"))
                self.assertEqual(list((self.dir / "store/loose").rglob("*?/*")), [], "all is packed")
                (self.dir / "list").write_bytes(printed)
                self.loosepack("export", "--manifest", "list", f"out-{runtime}")
                for path, content in more.items():
                    self.assertEqual((self.dir / f"out-{runtime}" / path.decode()).read_bytes(), content)
                self.assertEqual(unpacked(self.output(command, "export", "store", stdin=added)), files)
        self.check(files)

    def test_a_container_of_its_own(self):
        for runtime, command in TARSTORE.items():
            with self.subTest(runtime):
                self.assertIn(b"made container", self.output(command, "init", f"new/{runtime}"))
                self.output(command, "import", f"new/{runtime}", stdin=archive({b"a": b"content"}))
                self.assertEqual(
                    self.output(LOOSEPACK, "-C", f"new/{runtime}", "get", sha256(b"content")), b"content"
                )
                self.refused(command, "init", f"new/{runtime}", says="a container")

    def test_memory_is_bounded(self):
        """A file of 256 MiB goes in and out through less than half of that."""
        size, peak = 256 << 20, 128 << 10
        head, tail = header(b"0", size, b"large"), END

        def pieces():
            yield head
            for _ in range(size >> 20):
                yield bytes(1 << 20)
            yield tail

        printed, used = self.measured("import", pieces())
        self.assertEqual(printed.count(b"\n"), 1)
        self.assertLess(used, peak)
        exported, used = self.measured("export", [printed])
        self.assertGreater(len(exported), size)
        self.assertLess(used, peak)

    def measured(self, subcommand, pieces):
        """The output of tarstore, and its most memory in KiB."""
        with open(self.dir / "output", "wb") as out:
            command = [*WASMTIME, subcommand, "store"]
            process = subprocess.Popen(command, cwd=self.dir, stdin=subprocess.PIPE, stdout=out)
        with process.stdin as stdin:
            for piece in pieces:
                stdin.write(piece)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        output = (self.dir / "output").read_bytes()
        return output, usage.ru_maxrss if sys.platform == "linux" else 0


class Damaged(TestCase):
    FILES = {b"%d" % number: noise(number, size) for number, size in enumerate([10, 1000, 70_000, 300_000, 0, 600])}

    def stored(self, ran, lines):
        """What was printed is a start of these lines, all of it is there, and nothing is half there."""
        printed = ran.stdout.splitlines()
        self.assertEqual(printed, lines[: len(printed)])
        self.loosepack("has", "-", stdin=ran.stdout)
        self.assertEqual(list((self.dir / "store/incoming").iterdir()), [])
        return len(printed)

    def test_an_archive_that_is_cut_off_is_reported_wherever_it_is_cut(self):
        data = archive(self.FILES)
        lines = [line(content, path) for path, content in self.FILES.items()]
        # Where the end mark starts: a cut before it is at least a block short of one.
        end = len(data.rstrip(b"\0")) + -len(data.rstrip(b"\0")) % BLOCK
        cuts = {0, 1, 100, BLOCK, BLOCK + 5, end - BLOCK, end - 1, end, *range(1500, end, 51_234)}
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            cuts |= {info.offset + more for info in tar for more in (0, 300)}
        counts = set()
        for cut in sorted(cuts):
            with self.subTest(cut):
                ran = self.run_in(WASMTIME, "import", "store", stdin=data[:cut])
                self.assertEqual(ran.returncode, 1, ran.stderr)
                self.assertTrue(ran.stderr.startswith(b"tarstore: "), ran.stderr)
                counts.add(self.stored(ran, lines))
        self.assertEqual(counts, set(range(len(lines) + 1)))
        self.loosepack("verify")

    def test_archives_with_changed_bytes_stop_nothing(self):
        data = archive(self.FILES, tarfile.PAX_FORMAT) + archive({b"l" * 300: b"long"})
        draw = random.Random(7)
        for number in range(60):
            changed = bytearray(data)
            for _ in range(draw.randrange(1, 6)):
                at = draw.randrange(0, len(data), BLOCK) + draw.choice([0, 100, 124, 130, 148, 156, 257, 345])
                changed[min(at, len(data) - 1)] = draw.choice([0, 0x20, 0x30, 0x37, 0x78, 0x80, 0xFF])
            with self.subTest(number):
                ran = self.run_in(WASMTIME, "import", "store", stdin=bytes(changed))
                self.loosepack("has", "-", stdin=ran.stdout)
        self.assertEqual(list((self.dir / "store/incoming").iterdir()), [])
        self.loosepack("verify")

    def test_hostile_headers(self):
        good = header(b"0", 4, b"good") + padded(b"good")
        sparse = header(b"0", 5, b"GNUSparseFile.0/s", b"ustar\00000")
        record = b"22 GNU.sparse.major=1\n"
        cases = {
            "nothing on standard input": b"",
            "before the file does": header(b"0", 1 << 60) + bytes(100_000),
            "no tar archive from byte 1024 on": good + b"\xff" * 600,
            "decompress it first": b"\x1f\x8b\x08" + noise(1, 2000),
            "more than 2097152 bytes": good + header(b"L", 1 << 40) + b"n" * (3 << 20),
            "the headers of a member": good + header(b"x", 1 << 33) + b"n" * (3 << 20),
            "describing a future member": good + header(b"L", 5) + padded(b"name\0") + END,
            "no end mark": good,
            "sparse file": good + header(b"x", len(record)) + padded(record) + sparse + padded(b"12345") + END,
            "which is no file before it": good + header(b"1", 0, target=b"gone") + END,
            "a hard link without a target": good + header(b"1", 0) + END,
            "no path that a file can have": header(b"0", 4, b"") + padded(b"good") + good + END,
        }
        for says, data in cases.items():
            with self.subTest(says):
                printed = self.refused(WASMTIME, "import", "store", stdin=data, says=says)
                self.assertEqual(printed, line(b"good", b"good") + b"\n" if good in data else b"")
        named = header(b"x", 19) + padded(b"19 path=a\x1b[2Jb\0cde\n"[:19]) + good + END
        ran = self.run_in(WASMTIME, "import", "store", stdin=named)
        self.assertNotIn(b"\x1b", ran.stderr)
        self.loosepack("verify")

    def test_paths_that_lead_out_are_listed_and_not_exported(self):
        members = {b"/etc/passwd": b"1", b"../up": b"2", b"a/../../b": b"3", b"./a//b": b"4"}
        data = b"".join(header(b"0", 1, path) + padded(content) for path, content in members.items()) + END
        printed = self.output(WASMTIME, "import", "store", stdin=data)
        self.assertEqual(printed, b"".join(line(content, path) + b"\n" for path, content in members.items()))
        exported = self.refused(WASMTIME, "export", "store", stdin=printed, says="without `..`")
        self.assertEqual(unpacked(exported), {b"a/b": b"4"})

    def test_lists_with_errors(self):
        there = line(b"there", b"name")
        self.output(WASMTIME, "import", "store", stdin=archive({b"name": b"there"}))
        absent = line(b"absent", b"gone")
        for subcommand in "list", "export":
            for text in b"no line", b"\\" + there + b"\\x", there[:64], there.upper():
                self.refused(WASMTIME, subcommand, "store", stdin=there + b"\n" + text, says="line 2 is not")
            output = self.refused(
                WASMTIME, subcommand, "store", stdin=absent + b"\n" + there, says=f"gone: no object {sha256(b'absent')}"
            )
            self.assertIn(b"name", output)
        self.assertEqual(self.output(WASMTIME, "list", "store"), b"")

    def test_a_damaged_object_ends_the_archive_without_an_end_mark(self):
        printed = self.output(WASMTIME, "import", "store", stdin=archive({b"a": b"first", b"b": noise(1, 300_000)}))
        damaged = sha256(noise(1, 300_000))
        path = self.dir / "store/loose" / damaged[:2] / damaged[2:]
        os.chmod(path, 0o644)
        with open(path, "r+b") as file:
            file.seek(299_000)
            file.write(b"damage")
        exported = self.refused(WASMTIME, "export", "store", stdin=printed, says="b: damaged")
        self.assertFalse(exported.endswith(END))
        self.assertIn(b"first", exported)

    def test_absent_containers_and_wrong_use(self):
        (self.dir / "folder").mkdir()
        for runtime, command in TARSTORE.items():
            with self.subTest(runtime):
                self.refused(command, "import", "nowhere", says="cannot open the directory nowhere: no-entry")
                self.refused(command, "import", "folder", says="folder: there is no container here")
                self.refused(command, "import", "/etc", says="nothing is granted for /etc")
                self.refused(command, "import", "../store", says="cannot open the directory ../store: not-permitted")
                self.assertEqual(self.run_in(command, "import").returncode in (1, 2), True)
        self.assertIn(b"usage: tarstore", self.output(WASMTIME, "--help"))


class Package(TestCase):
    def test_the_wit_package_has_its_documentation(self):
        package = (ROOT / "dist/loosepack-wit.wasm").read_bytes()
        for text in b"Bytes go in, their SHA-256 comes out.", b"loosepack:store", b"MIT OR Apache-2.0":
            self.assertIn(text, package)

    def test_without_a_store_the_command_is_not_run(self):
        built = TARGET / "plugin/build/wasm32-wasip2/release/tarstore.wasm"
        ran = subprocess.run([*STOCK, str(built), "list", "store"], cwd=self.dir, capture_output=True, check=False)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn(b"loosepack:store/", ran.stderr)

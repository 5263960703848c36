"""What the tests of the composed commands share: how they are run, and files to archive."""

import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
EXE = ".exe" if os.name == "nt" else ""

#: The command, natively.
LOOSEPACK = [str(TARGET / f"release/loosepack{EXE}")]
#: wasmtime with WASI alone; the working directory is granted.
STOCK = [str(TARGET / f"release/loosepack-stock{EXE}"), "run", "--dir", "."]
ZIPSTORE = [*STOCK, str(TARGET / "plugin/zipstore.cwasm")]
#: The ways to run tarstore: each is the composed component.
TARSTORE = {
    "wasmtime": [*STOCK, str(TARGET / "plugin/tarstore.cwasm")],
    "node": ["node", str(ROOT / "tests/plugin/node.mjs"), str(TARGET / "node/tarstore/tarstore.js"), "."],
}
#: What a component that stopped, instead of reporting a failure, would have on standard error.
TRAPS = (b"wasm trap", b"panicked", b"Traceback", b"RuntimeError", b"node:internal")


def sha256(content):
    """The ID of an object."""
    return hashlib.sha256(content).hexdigest()


def noise(seed, size):
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def escaped(path):
    """A path as sha256sum prints it, and whether that differs."""
    text = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return text, text != path


def line(content, path):
    """The line of a file."""
    text, differs = escaped(path)
    return (b"\\" if differs else b"") + sha256(content).encode() + b"  " + text


class TestCase(unittest.TestCase):
    """Tests in a directory of their own, with a container `store`."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="loosepack-plugin-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.loosepack("init")

    def run_in(self, command, *arguments, stdin=b""):
        """Runs a command in the directory. It may fail, but must not be stopped."""
        ran = subprocess.run([*command, *arguments], cwd=self.dir, input=stdin, capture_output=True, check=False)
        self.assertIn(ran.returncode, (0, 1, 2), ran.stderr)
        for trap in TRAPS:
            self.assertNotIn(trap, ran.stderr)
        return ran

    def output(self, command, *arguments, stdin=b""):
        """The output of a command that must succeed."""
        ran = self.run_in(command, *arguments, stdin=stdin)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def refused(self, command, *arguments, says, stdin=b""):
        """The output of a command that must fail, with these words."""
        ran = self.run_in(command, *arguments, stdin=stdin)
        self.assertEqual(ran.returncode, 1, (ran.stdout, ran.stderr))
        self.assertIn(says, ran.stderr.decode())
        return ran.stdout

    def loosepack(self, *arguments, stdin=b""):
        """The output of the ordinary command."""
        return self.output(LOOSEPACK, "-C", "store", *arguments, stdin=stdin)

    def check(self, files):
        """The ordinary command finds no damage, and these files."""
        self.loosepack("verify")
        for content in set(files.values()):
            self.assertEqual(self.loosepack("get", sha256(content)), content)

"""What the tests share."""

import contextlib
import hashlib
import pathlib
import random
import tempfile
import unittest

import loosepack


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def text(size, number=0):
    line = b"%d: a line of a text that repeats itself\n" % number
    return (line * (size // len(line) + 1))[:size]


class TestCase(unittest.TestCase):
    """A test with a folder of its own, and a container in it."""

    def setUp(self):
        self.folder = pathlib.Path(self.enter(tempfile.TemporaryDirectory()))
        self.store = self.enter(loosepack.Container.create(self.folder / "store"))

    def enter(self, context):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(context)

    def pack_file(self):
        return self.folder / "store/packs/0"

    def damage(self, path, position=-3):
        content = bytearray(path.read_bytes())
        content[position] ^= 0x40
        path.write_bytes(content)

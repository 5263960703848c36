"""`loosepack.compat` beside the package `disk_objectstore`: does the same on both, and compares what comes of it."""

import dataclasses
import hashlib
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
        """Does the same on both sides. Returns what came of it, which is the same, and no exception."""
        outcomes = self.outcomes(call)
        self.assertEqual(outcomes[0], "returned", outcomes)
        return outcomes

    def outcomes(self, call):
        theirs, ours = (outcome(call, side) for side in self.sides)
        self.assertEqual(ours, theirs)
        return ours

    def raises(self, name, call):
        """Both sides raise an exception of this name."""
        kind, what = self.outcomes(call)
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

"""`loosepack.compat` beside `disk_objectstore`: the utilities, and the names there are."""

import inspect
import io
from enum import Enum

import disk_objectstore
from beside import TestCase, plain
from disk_objectstore import dataclasses as their_dataclasses
from disk_objectstore import exceptions as their_exceptions
from disk_objectstore import utils as their_utils
from loosepack import compat
from loosepack.compat import dataclasses as our_dataclasses
from loosepack.compat import exceptions as our_exceptions
from loosepack.compat import utils as our_utils
from support import noise, text


def parameters(value):
    """Names and defaults of what a function, or what makes an object of a class, takes; nothing for another value."""
    if not callable(value) or isinstance(value, type) and issubclass(value, (Enum, Exception)):
        return None
    taken = inspect.signature(value).parameters.values()
    return [(one.name, str(one.kind), str(plain(one.default))) for one in taken]


class Utilities(TestCase):
    def test_sorted_iterators(self):
        for left, right in (
            ([], []),
            ([1, 3, 5], [2, 3, 6]),
            ([1], []),
            ([], [1, 2]),
        ):
            with self.subTest(left=left, right=right):
                self.same(
                    lambda side: [[item, where.value] for item, where in side.utils.detect_where_sorted(left, right)]
                )
                self.same(lambda side: list(side.utils.merge_sorted(left, right)))
        for left, right in (([2, 1], [3]), ([1], [2, 2]), ([1, 1], [1])):
            with self.subTest(left=left, right=right):
                self.raises("ValueError", lambda side: list(side.utils.detect_where_sorted(left, right)))
                self.raises("ValueError", lambda side: list(side.utils.merge_sorted(left, right)))
        pairs = [(1, "a"), (3, "b")]
        found = self.same(
            lambda side: [
                [item, where.name]
                for item, where in side.utils.detect_where_sorted(pairs, [3, 4], left_key=lambda pair: pair[0])
            ]
        )
        self.assertEqual(found[1][1], [[3, "b"], "BOTH"])

    def test_helpers(self):
        for size in (1, 3, 10):
            self.same(lambda side: list(side.utils.chunk_iterator(range(9), size)))
        self.same(lambda side: list(side.utils.yield_first_element([(1, 2), (3,)])))
        self.same(lambda side: side.utils.nullcontext(5).__enter__())
        self.assertEqual(self.same(lambda side: side.utils.is_known_hash("md5"))[1], False)
        self.raises("ValueError", lambda side: side.utils.get_hash_cls("md5"))
        self.raises("ValueError", lambda side: side.utils.compute_hash_and_size(io.BytesIO(b""), "md5"))
        for name in ("sha1", "sha256"):
            self.same(lambda side: side.utils.is_known_hash(name))
            self.same(lambda side: side.utils.get_hash_cls(name)(b"x").hexdigest())
            self.same(lambda side: side.utils.compute_hash_and_size(io.BytesIO(noise(1 << 20)), name))
        for name in ("zlib+0", "zlib", "gzip+1"):
            self.raises("ValueError", lambda side: side.utils.get_compressobj_instance(name))
        for name in ("zlib+1", "zlib+9"):
            self.same(lambda side: len(side.utils.get_compressobj_instance(name).compress(b"") + b"x") > 0)
        self.same(lambda side: side.utils.ZeroStream(10).read(4) + side.utils.ZeroStream(3).read())
        self.assertIsNone(our_utils.rename_callback(None, "x"))
        for mode in ("NO", "YES", "KEEP", "AUTO"):
            for content in (b"", text(100_000), noise(100_000)):
                for compressed in (False, True):
                    self.same(
                        lambda side: side.utils.should_compress(
                            io.BytesIO(content),
                            side.package.CompressMode[mode],
                            compressed,
                            len(content) // 2,
                            len(content),
                        )
                    )
        self.assertEqual(
            [mode.value for mode in compat.CompressMode], [mode.value for mode in disk_objectstore.CompressMode]
        )

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
        internal = {
            "HashWriterWrapper",
            "ObjectWriter",
            "PackedObjectReader",
            "ZlibLikeBaseStreamDecompresser",
            "ZlibStreamDecompresser",
            "get_stream_decompresser",
            "safe_flush_to_disk",
        }
        for ours, theirs, left_out in (
            (our_utils, their_utils, internal),
            (our_exceptions, their_exceptions, set()),
            (our_dataclasses, their_dataclasses, set()),
            (compat.Container, disk_objectstore.Container, set()),
        ):
            names = {
                name
                for name, value in vars(theirs).items()
                if not name.startswith("_")
                and getattr(value, "__module__", theirs.__name__) == theirs.__name__
                and (callable(value) or isinstance(theirs, type))
            }
            self.assertEqual(names - left_out - set(dir(ours)), set())
            for name in names - left_out:
                with self.subTest(theirs.__name__, name=name):
                    self.assertEqual(parameters(getattr(ours, name)), parameters(getattr(theirs, name)))
        self.assertEqual(compat.__all__, disk_objectstore.__all__ + ("__version__",))

"""zipstore: the files of a zip archive in a container of loosepack.

    zipstore CONTAINER ARCHIVE

A command for WASI that imports `loosepack:store`. It adds each file of the archive to the container, and prints
`ID  PATH` for each, as sha256sum does. It ends with 1 if something was left out.
"""

# What is imported when the component is made is all there is of the standard library: zipfile looks this up later.
import encodings.cp437  # noqa: F401
import sys
import zipfile
import zlib

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.container import Container, ObjectWriter
from wit_world.imports.preopens import get_directories
from wit_world.imports.store_types import Access, Durability, Error_Io, Error_NoContainer, OpenOptions
from wit_world.imports.types import DescriptorFlags, OpenFlags, PathFlags

USAGE = "usage: zipstore CONTAINER ARCHIVE"
#: Bytes that are read at once.
PIECE = 1 << 18
#: Files up to this size are gathered, and added together: one flush for all of them.
SMALL = 1 << 16
#: Files, and bytes of them, that are gathered at most.
GATHERED_FILES = 1000
GATHERED_BYTES = 1 << 22
#: A byte of deflate becomes at most so many.
RATIO_MAX = 1032
#: Bytes of an ID in a list of IDs.
DIGEST = 32
#: What reading a member of an archive raises when it is damaged, or packed in a way that is not known here.
UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)


class Failure(Exception):
    """A reason to stop, for a person."""


def split(path):
    """The names of a path that lead somewhere."""
    return [name for name in path.split("/") if name not in ("", ".")]


def directory(path):
    """The directory at a path, opened from the one that the runtime granted with the longest name."""
    names = split(path)
    best = None
    for granted, name in get_directories():
        start = split(name)
        covers = names[: len(start)] == start and (name.startswith("/") or not path.startswith("/"))
        if covers and (best is None or len(start) >= best[1]):
            best = granted, len(start)
    if best is None:
        raise Failure(f"nothing is granted for {path}: give it with `wasmtime run --dir DIR ...`")
    granted, length = best
    below = "/".join(names[length:]) or "."
    try:
        return granted.open_at(PathFlags.SYMLINK_FOLLOW, below, OpenFlags.DIRECTORY, DescriptorFlags.READ)
    except Err as error:
        raise Failure(f"cannot open the directory {path}: {error.value.name.lower()}") from None


def message(error):
    """A failure of the store, for a person."""
    if isinstance(error, Error_NoContainer):
        return "there is no container here: make one with `loosepack init`"
    if isinstance(error, Error_Io):
        failure = error.value
        return f"cannot {failure.operation} {failure.path}: {failure.code.name.lower()}"
    return str(getattr(error, "value", "the container was opened for reading only"))


def shown(name):
    """A name from an archive, which may hold anything, for a terminal."""
    return name if name.isprintable() else repr(name)


def line(digest, path):
    """The line for an object. A path that holds a backslash or a line end is escaped."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{digest}  {escaped}\n"


class Import:
    """Files on their way into a container."""

    def __init__(self, container, out):
        self.container = container
        self.out = out
        self.paths = []
        self.contents = []
        self.gathered = 0
        self.complete = True

    def leave_out(self, path, why):
        """Reports a member that is not stored."""
        print(f"zipstore: {shown(path)}: {why}; it is left out", file=sys.stderr)
        self.complete = False

    def member(self, archive, info):
        """Adds a member of the archive."""
        if info.is_dir():
            return
        if info.compress_type == zipfile.ZIP_DEFLATED and info.file_size > RATIO_MAX * info.compress_size:
            self.leave_out(info.filename, "it claims to be longer than its compressed bytes can become")
            return
        try:
            with archive.open(info) as file:
                if info.file_size <= SMALL:
                    self.gather(info.filename, file.read())
                else:
                    self.large(info.filename, file)
        except UNREADABLE as error:
            self.leave_out(info.filename, error)

    def gather(self, path, content):
        """Adds a small file, with others."""
        self.paths.append(path)
        self.contents.append(content)
        self.gathered += len(content)
        if len(self.paths) >= GATHERED_FILES or self.gathered >= GATHERED_BYTES:
            self.store()

    def store(self):
        """Stores what was gathered, and prints it."""
        if not self.paths:
            return
        digests = self.container.add_many(self.contents)
        for place, path in enumerate(self.paths):
            self.print(digests[place * DIGEST : (place + 1) * DIGEST].hex(), path)
        self.paths, self.contents, self.gathered = [], [], 0

    def large(self, path, file):
        """Stores a file piece by piece. One that turns out to be damaged leaves no object."""
        self.store()
        writer = self.container.writer()
        try:
            while piece := file.read(PIECE):
                writer.write(piece)
        except BaseException:
            writer.__exit__(None, None, None)
            raise
        # Takes the writer, which cannot be closed afterwards: that is why there is no `with`.
        self.print(ObjectWriter.finish(writer), path)

    def print(self, digest, path):
        """Prints the line of what is stored."""
        self.out.write(line(digest, path).encode("utf-8", "surrogateescape"))


def run(arguments):
    """Imports an archive; returns whether all of it was stored."""
    if len(arguments) != 2:
        raise Failure(USAGE)
    path, source = arguments
    options = OpenOptions(Access.READ_WRITE, Durability.FULL, True, "zipstore")
    try:
        with Container.open(directory(path), options) as container, zipfile.ZipFile(source) as archive:
            work = Import(container, sys.stdout.buffer)
            for info in archive.infolist():
                work.member(archive, info)
            work.store()
    except Err as error:
        raise Failure(f"{path}: {message(error.value)}") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise Failure(f"{source}: {error}") from None
    return work.complete


class Run(exports.Run):
    """The command."""

    def run(self):
        """Runs it; raising `Err` is the exit status 1."""
        complete = False
        try:
            complete = run(sys.argv[1:])
        except Failure as failure:
            print(f"zipstore: {failure}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        if not complete:
            raise Err(None)

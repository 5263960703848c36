"""loosepack from Python: the portable component, run by wasmtime (`pip install wasmtime==48.*`).

Written to be copied into a project. The contract is `wit/` of loosepack; what this adds to it is what Python expects:

    from loosepack import Loosepack

    directories = {"/store": "/srv/store", "/out": "/tmp"}
    with Loosepack("loosepack.wasm", directories, read_only={"/in": "/home/me"}) as loosepack:
        with loosepack.create("/store") as container:
            object_id = container.add(b"some bytes")
            results = container.add_files("/in", ["a.bin", "b/c.bin"])
            for progress in container.pack():
                print(progress.done, "of", progress.total)
            container.get_to_file(object_id, "/out", "some.bin")

- A directory of the host is granted when the component is started, under a name; functions take that name, and paths
  below it. Nothing else of the host can be reached.
- A failure is a `LoosepackError` with the case's name and payload.
- Close what you open (`with` does). A forgotten handle is closed with its `Loosepack`, or when nothing refers to it; a
  process that ends otherwise while it packs leaves a lock file behind, as one that is killed does.
- `bytes` cross into the component and back at about 1 MB/s, because wasmtime's Python package converts byte by byte.
  Anything large goes from file to file: `add_file`, `add_files`, `get_to_file`.
"""

import functools
import os
import re
import threading
import weakref
from types import SimpleNamespace

import wasmtime
from wasmtime.component import Component, Linker, Record, Variant

PACKAGE, VERSION = "loosepack:store", "0.1.0"

PACK_TARGET = 4 << 30
COMPRESSION_LEVEL = 1

# wasmtime gives a call 128 MiB for what it returns, counts 48 bytes for a byte, and stops the component for good when
# that is not enough. Objects beyond this size are read in pieces.
LIST_MAX = 2 << 20


class LoosepackError(Exception):
    """Why a function failed.

    `case` is the name of a case of `error` in `wit/store-types.wit`, such as "not-found"; `payload` is what the case carries:
    text, a number, an object with the record's fields (`error.payload.path`), or None.
    """

    def __init__(self, case, payload=None):
        super().__init__(case, payload)
        self.case = case
        self.payload = payload

    def __str__(self):
        if isinstance(self.payload, SimpleNamespace):
            return self.case + ": " + ", ".join(f"{name} {value}" for name, value in vars(self.payload).items())
        return self.case if self.payload is None else f"{self.case}: {self.payload}"


class Loosepack:
    """The component, running, and the directories it was granted.

    One thread at a time is let in; threads that are to work at the same time take an instance each.
    """

    def __init__(self, component, directories, read_only=None, memory_limit=None):
        """Start the component.

        `component`: path of `loosepack.wasm`. `directories` and `read_only`: name -> directory of the host.
        `memory_limit`: bytes the component may use at most.
        """
        engine, self._component = _compile(os.fspath(component))
        wasi = wasmtime.WasiConfig()
        for granted, writable in [(directories, True), (read_only or {}, False)]:
            for name, directory in granted.items():
                wasi.preopen_dir(os.fspath(directory), name, writable)
        linker = Linker(engine)
        linker.add_wasip2()
        # A resource of one store used with another aborts the process: nothing but this class touches `_store`.
        self._store = wasmtime.Store(engine)
        self._store.set_wasi(wasi)
        if memory_limit is not None:
            self._store.set_limits(memory_size=memory_limit)
        self._instance = linker.instantiate(self._store, self._component)
        # Of the kind that lets the garbage collector close something while a call prepares its arguments.
        self._lock = threading.RLock()
        self._usable = True
        self._places = {}
        self._opened = weakref.WeakSet()

    def create(
        self, place, pack_target=PACK_TARGET, compression_level=COMPRESSION_LEVEL, shared="umask", **options
    ):
        """Make a container in an empty directory that was granted as `place`. `options`: those of `open`."""
        config = _record(pack_target=pack_target, compression_level=compression_level, shared=shared)
        function = "[static]container.create"
        return Container(self, self._call("container", function, self.place(place), config, _options(**options)))

    def open(self, place, **options):
        """Open the container in a directory that was granted as `place`.

        `options`, by name: `access` ("read-write", "read-only"), `durability` ("full", "none"), `verify`, `holder` (who
        this is, for the message a second packer gets).
        """
        function = "[static]container.open"
        return Container(self, self._call("container", function, self.place(place), _options(**options)))

    def open_damaged(self, place, **options):
        """Open a container whose index may be damaged or gone, to verify or reindex it."""
        function = "[static]container.open-damaged"
        return Container(self, self._call("container", function, self.place(place), _options(**options)))

    def place(self, name):
        """The handle on a granted directory."""
        if name not in self._places:
            handle = self._call("preopens", "preopened", name)
            if handle is None:
                raise ValueError(f"no directory was granted as {name!r}")
            self._places[name] = handle
        return self._places[name]

    def close(self):
        """Stop the component. Everything it had open is closed, and what was not finished is lost."""
        with self._lock:
            for resource in list(self._opened):
                resource.close()
            self._usable = False
            self._places.clear()
            self._store.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _call(self, interface, function, *arguments):
        """Call an exported function. Returns what it succeeds with, or raises what it fails with."""
        with self._lock:
            if not self._usable:
                raise RuntimeError("the component is closed, or has failed beyond repair")
            index = _export(self._component, interface, function)
            try:
                result = self._instance.get_func(self._store, index)(self._store, *arguments)
            except wasmtime.WasmtimeError:
                # It trapped: an instance cannot be entered any more after that.
                self._usable = False
                raise
        # The only variant that a function of the contract returns with its tag is `error`.
        if isinstance(result, Variant):
            raise _value(result)
        return _value(result)

    def _drop(self, handle):
        with self._lock:
            if self._usable:
                handle.drop(self._store)


class _Resource:
    """A handle on something inside the component, to be closed."""

    def __init__(self, loosepack, handle):
        self._loosepack = loosepack
        self._handle = handle
        loosepack._opened.add(self)

    def __del__(self):
        self.close()

    def close(self):
        """Let go of it. Closing twice does nothing."""
        if self._handle is not None:
            self._loosepack._drop(self._take())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _call(self, interface, function, *arguments):
        if self._handle is None:
            raise ValueError("it is closed")
        return self._loosepack._call(interface, function, self._handle, *arguments)

    def _take(self):
        if self._handle is None:
            raise ValueError("it is closed")
        handle, self._handle = self._handle, None
        return handle


class Container(_Resource):
    """A handle on a container."""

    def _method(self, name, *arguments):
        return self._call("container", f"[method]container.{name}", *arguments)

    def id(self):
        """The container's own identifier."""
        return self._method("id")

    def config(self):
        """The settings it was created with: `.pack_target`, `.compression_level`, `.shared`."""
        return self._method("config")

    def add(self, content):
        """Store bytes; returns their id."""
        return self._method("add", bytes(content))

    def add_file(self, place, path):
        """Store the content of a file; returns its id."""
        (result,) = self.add_files(place, [path])
        if isinstance(result, LoosepackError):
            raise result
        return result

    def add_files(self, place, paths):
        """Store the contents of files, each opened only while it is read. Returns, in their order, an id or, for a file
        that could not be stored, the `LoosepackError`."""
        return self._method("add-streams", _files(self._loosepack, place, paths))

    def writer(self):
        """Start writing an object piece by piece."""
        return ObjectWriter(self._loosepack, self._method("writer"))

    def get(self, object_id):
        """The bytes of an object."""
        if self.info(object_id).size <= LIST_MAX:
            return self._method("get", object_id)
        with self.reader(object_id) as reader:
            return b"".join(iter(reader.read, b""))

    def get_to_file(self, object_id, place, path):
        """Write the bytes of an object to a file; returns their number."""
        return self._method("get-to-file", object_id, self._loosepack.place(place), path)

    def reader(self, object_id):
        """Start reading an object piece by piece."""
        return ObjectReader(self._loosepack, self._method("reader", object_id))

    def read_many(self, object_ids):
        """Read many objects, in the order that is fastest. Gives pairs of an id and what was found for it: the bytes;
        None when there is no such object; a number, its size, when it is too large for this and needs a reader; a
        `LoosepackError` when it cannot be read."""
        object_ids = list(object_ids)
        with _Resource(self._loosepack, self._method("read-many", _digests(object_ids))) as batch:
            while True:
                block = batch._call("container", "[method]object-batch.next")
                if not block.positions and not block.others:
                    return
                start = 0
                for position, length in zip(block.positions, block.lengths):
                    yield object_ids[position], block.bytes[start : start + length]
                    start += length
                for position, without in block.others:
                    yield object_ids[position], without

    def contains(self, object_ids):
        """Which of these objects there are, as bools in their order."""
        return self._method("contains", _digests(object_ids))

    def info(self, object_id):
        """What is known of an object: `.size`, and `.placement`, which is None when it is loose."""
        return self._method("info", object_id)

    def objects(self, page=10_000):
        """The ids of all objects, sorted."""
        after = None
        while ids := _ids(self._method("objects", after, page)):
            yield from ids
            after = ids[-1]

    def stats(self):
        """Counts and sizes."""
        return self._method("stats")

    def pack(self, compression="auto"):
        """Start moving loose objects into packs. `compression`: "never", "always" or "auto"."""
        return Job(self._loosepack, self._call("maintenance", "pack-loose", compression))

    def clean(self):
        """Start removing the loose files of packed objects."""
        return Job(self._loosepack, self._call("maintenance", "clean"))

    def delete(self, object_ids):
        """Start deleting objects."""
        return Job(self._loosepack, self._call("maintenance", "delete", _digests(object_ids)))

    def verify(self, start=0, shards=1, shard=0):
        """Start reading and checking everything, or a part of it."""
        part = _record(completed=start, shard=shard, shards=shards)
        return Job(self._loosepack, self._call("maintenance", "verify", part))

    def reindex(self):
        """Start rebuilding the index from the packs."""
        return Job(self._loosepack, self._call("maintenance", "reindex"))

    def pack_writer(self, compression="auto"):
        """Start writing objects straight to packs."""
        writer = self._call("maintenance", "[static]pack-writer.open", compression)
        return PackWriter(self._loosepack, writer)

    def force_unlock(self):
        """Remove the lock file of a packer that was killed, and only then; returns who it was, or None."""
        return self._call("maintenance", "force-unlock")


class ObjectWriter(_Resource):
    """An object that is being written. Closed before `finish`, it leaves no object."""

    def write(self, content):
        """Append bytes."""
        self._call("container", "[method]object-writer.write", bytes(content))

    def finish(self):
        """Make it an object; returns its id."""
        return self._loosepack._call("container", "[static]object-writer.finish", self._take())


class ObjectReader(_Resource):
    """An object that is being read."""

    def size(self):
        """Its size in bytes."""
        return self._call("container", "[method]object-reader.size")

    def read(self, length=1 << 20):
        """The next bytes, at most `length` and at most 1 MiB; empty only at the end."""
        return self._call("container", "[method]object-reader.read", length)

    def seek(self, position):
        """Continue at this byte."""
        self._call("container", "[method]object-reader.seek", position)


class PackWriter(_Resource):
    """Writes objects straight to packs. Closed before `finish`, what was added since the last `commit` is lost."""

    def _method(self, name, *arguments):
        return self._call("maintenance", f"[method]pack-writer.{name}", *arguments)

    def add(self, content):
        """Append an object; returns its id."""
        return self._method("add", bytes(content))

    def add_many(self, contents):
        """Append objects; returns their ids."""
        return _ids(self._method("add-many", [bytes(content) for content in contents]))

    def add_files(self, place, paths):
        """Append the contents of files; returns the same as `Container.add_files`."""
        return self._method("add-streams", _files(self._loosepack, place, paths))

    def commit(self):
        """Make everything added so far visible and durable."""
        self._method("commit")

    def finish(self):
        """Commit, and let others pack."""
        self._loosepack._call("maintenance", "[static]pack-writer.finish", self._take())


class Job(_Resource):
    """A long operation. Iterate over it to do it; each step gives its progress."""

    def step(self):
        """Do a bounded piece of the work: `.finished`, `.done`, `.total`, `.objects`, `.bytes`, `.problems`,
        `.notes`."""
        return self._call("maintenance", "[method]job.step")

    def __iter__(self):
        with self:
            finished = False
            while not finished:
                progress = self.step()
                yield progress
                finished = progress.finished


@functools.lru_cache(maxsize=None)
def _compile(path):
    """Compiling takes some tenths of a second: once for all instances."""
    engine = wasmtime.Engine()
    return engine, Component.from_file(engine, path)


@functools.lru_cache(maxsize=None)
def _export(component, interface, function):
    interface_index = component.get_export_index(f"{PACKAGE}/{interface}@{VERSION}")
    index = interface_index and component.get_export_index(function, interface_index)
    if index is None:
        raise RuntimeError(f"the component has no {PACKAGE}/{interface}@{VERSION} {function}")
    return index


def _digests(object_ids):
    """Ids as calls take many of them: 32 bytes each."""
    digests = bytearray()
    for object_id in object_ids:
        if not re.fullmatch("[0-9a-f]{64}", object_id):
            raise LoosepackError("invalid-id", object_id)
        digests += bytes.fromhex(object_id)
    return bytes(digests)


def _ids(digests):
    """The ids that 32 bytes each are."""
    return [bytes(digests[start : start + 32]).hex() for start in range(0, len(digests), 32)]


def _options(access="read-write", durability="full", verify=True, holder=None):
    holder = f"pid {os.getpid()}" if holder is None else holder
    return _record(access=access, durability=durability, verify=verify, holder=holder)


def _files(loosepack, place, paths):
    """Streams that a function is to consume: no file is opened yet."""
    return loosepack._call("sources", "[static]lazy-stream.from-files", loosepack.place(place), list(paths))


def _record(**fields):
    record = Record()
    for name, value in fields.items():
        setattr(record, name.replace("_", "-"), value)
    return record


def _value(value):
    """What wasmtime gives, as Python has it: records with names that are names, errors as exceptions (not raised)."""
    if isinstance(value, Variant):
        return LoosepackError(value.tag, _value(value.payload))
    if isinstance(value, Record):
        return SimpleNamespace(**{name.replace("-", "_"): _value(field) for name, field in vars(value).items()})
    if isinstance(value, (list, tuple)):
        return type(value)(_value(item) for item in value)
    return value

"""What the suite asks of `disk_objectstore`: a request on each line of standard input, a JSON object each, and an answer
on each line of standard output: the seconds it took, and the objects and bytes that came.

`get FOLDER ID` prints one object instead, and `source FOLDER CONTENTS` makes a container to import from.
"""

import dataclasses
import json
import os
import pathlib
import struct
import sys
import time

from disk_objectstore import CompressMode, Container

PIECE = 1 << 20


class Steps:
    """A method for each step. It returns the seconds, and what came if anything did."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.contents, self.texts, self.large, self.ids = [], [], None, []
        self.packed = None

    def create(self, name):
        container = Container(self.folder / name)
        container.init_container()
        return container

    def Start(self, request):
        if request["contents"]:
            self.contents = contents(request["contents"])
        self.texts, self.large = request["texts"], request["large"]
        return {}

    def Ids(self, request):
        return self.ids[: len(self.ids) // 10 + 1]

    def Direct(self, request):
        self.packed = self.create("direct")
        begin = time.perf_counter()
        self.ids = self.packed.add_objects_to_pack(self.contents, compress=False)
        return {"seconds": time.perf_counter() - begin}

    def DirectZlib(self, request):
        container = self.create("zlib")
        begin = time.perf_counter()
        container.add_objects_to_pack(self.contents, compress=True)
        seconds = time.perf_counter() - begin
        container.close()
        return {"seconds": seconds}

    def ReadMany(self, request):
        begin = time.perf_counter()
        found = self.packed.get_objects_content(self.ids)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, **tally(found.values())}

    def ReadOne(self, request, container=None):
        container = container or self.packed
        begin = time.perf_counter()
        found = [container.get_object_content(id) for id in self.ids[: request["count"]]]
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, **tally(found)}

    def ExistsMany(self, request):
        begin = time.perf_counter()
        found = self.packed.has_objects(self.ids)
        seconds = time.perf_counter() - begin
        assert all(found) and len(found) == len(self.ids)
        return {"seconds": seconds}

    def ExistsOne(self, request):
        begin = time.perf_counter()
        found = [self.packed.has_object(id) for id in self.ids[: request["count"]]]
        seconds = time.perf_counter() - begin
        assert all(found)
        return {"seconds": seconds}

    def Verify(self, request):
        begin = time.perf_counter()
        problems = self.packed.validate()
        seconds = time.perf_counter() - begin
        assert not any(dataclasses.asdict(problems).values()), problems
        return {"seconds": seconds}

    TextVerify = Verify

    def Loose(self, request):
        # It always flushes; here nobody does.
        fsync, os.fsync = os.fsync, lambda descriptor: None
        try:
            return self.add_loose("loose", request["count"])
        finally:
            os.fsync = fsync

    def LooseSync(self, request):
        return self.add_loose("synced", request["count"])

    def add_loose(self, name, count):
        container = self.create(name)
        begin = time.perf_counter()
        for content in self.contents[:count]:
            container.add_object(content)
        seconds = time.perf_counter() - begin
        container.close()
        return {"seconds": seconds}

    def ReadLoose(self, request):
        return self.ReadOne(request, Container(self.folder / "loose"))

    def PackLoose(self, request):
        container = Container(self.folder / "loose")
        begin = time.perf_counter()
        container.pack_all_loose(compress=CompressMode.NO)
        seconds = time.perf_counter() - begin
        assert container.count_objects().packed == request["count"]
        container.close()
        return {"seconds": seconds}

    def Clean(self, request):
        container = Container(self.folder / "loose")
        begin = time.perf_counter()
        container.clean_storage()
        seconds = time.perf_counter() - begin
        assert container.count_objects().loose == 0
        container.close()
        return {"seconds": seconds}

    def Repack(self, request):
        return repack(self.packed, self.ids)

    def RepackPieces(self, request):
        data = pathlib.Path(self.large).read_bytes()
        starts = enumerate(range(0, len(data), 64 << 10))
        pieces = [number.to_bytes(8, "little") + data[start : start + (64 << 10)] for number, start in starts]
        container = self.create("pieces")
        answer = repack(container, container.add_objects_to_pack(pieces))
        container.close()
        return answer

    def Text(self, request):
        self.packed = self.create("text")
        begin = time.perf_counter()
        streams = [LazyFile(path) for path in self.texts]
        self.ids = self.packed.add_streamed_objects_to_pack(streams, compress=True, open_streams=True)
        return {"seconds": time.perf_counter() - begin}

    def TextRead(self, request):
        objects = size = 0
        begin = time.perf_counter()
        with self.packed.get_objects_stream_and_meta(self.ids) as triplets:
            for _, stream, _ in triplets:
                objects += 1
                size += len(stream.read())
        return {"seconds": time.perf_counter() - begin, "objects": objects, "bytes": size}

    def Large(self, request, compress=False):
        self.packed = self.create("large-zlib" if compress else "large")
        begin = time.perf_counter()
        with open(self.large, "rb") as stream:
            self.ids = [self.packed.add_streamed_object_to_pack(stream, compress=compress)]
        return {"seconds": time.perf_counter() - begin}

    def LargeZlib(self, request):
        return self.Large(request, compress=True)

    def LargeRead(self, request):
        size = 0
        begin = time.perf_counter()
        with self.packed.get_object_stream(self.ids[0]) as stream:
            while piece := stream.read(PIECE):
                size += len(piece)
        return {"seconds": time.perf_counter() - begin, "objects": 1, "bytes": size}

    LargeZlibRead = LargeRead


    def Import(self, request):
        source = Container(request["source"])
        return self.exchange(source, "imported")

    def Export(self, request):
        return self.exchange(Container(self.folder / "imported"), "exported")

    def exchange(self, source, name):
        target = self.create(name)
        ids = list(source.list_all_objects())
        begin = time.perf_counter()
        target.import_objects(ids, source, compress=False)
        seconds = time.perf_counter() - begin
        assert target.count_objects().packed == len(ids)
        source.close()
        target.close()
        return {"seconds": seconds}


class LazyFile:
    """A file that is open in a `with` block only."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.stream = open(self.path, "rb")
        return self.stream

    def __exit__(self, *_):
        self.stream.close()


def repack(container, ids):
    container.delete_objects(ids[1::2])
    begin = time.perf_counter()
    container.repack()
    return {"seconds": time.perf_counter() - begin}


def contents(path):
    data, position, found = pathlib.Path(path).read_bytes(), 0, []
    while position < len(data):
        (size,) = struct.unpack_from("<I", data, position)
        found.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    return found


def source(folder, path):
    """A container with half of the objects packed as they are, a quarter compressed, and a quarter loose; some of the
    packed ones are loose as well, and some are deleted, so that their bytes stay in the pack."""
    objects = contents(path)
    half, rest = len(objects) // 2, len(objects) * 3 // 4
    container = Container(folder)
    container.init_container()
    container.add_objects_to_pack([b"deleted " + content for content in objects[: half // 20]], compress=False)
    container.delete_objects(list(container.list_all_objects()))
    container.add_objects_to_pack(objects[:half], compress=False)
    container.add_objects_to_pack(objects[half:rest], compress=True)
    os.fsync = lambda descriptor: None
    for content in objects[:half:10] + objects[rest:]:
        container.add_object(content)
    container.close()


def tally(contents):
    return {"objects": len(contents), "bytes": sum(map(len, contents))}


def serve(folder):
    steps = Steps(folder)
    for line in sys.stdin:
        request = json.loads(line)
        step = getattr(steps, request["step"], None)
        print(json.dumps(step(request) if step else {}), flush=True)


def get(folder, id):
    sys.stdout.buffer.write(Container(pathlib.Path(folder) / "direct").get_object_content(id))


if __name__ == "__main__":
    {"serve": serve, "get": get, "source": source}[sys.argv[1]](*sys.argv[2:])

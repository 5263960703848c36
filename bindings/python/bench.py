"""loosepack and disk_objectstore side by side, in one process.

    python bench.py [--objects N] [--rounds N] [--adds N] [--folder DIR]

Both are installed: `pip install loosepack disk_objectstore`. Each step is done by one, then by the other, in changing
order, in each round; the table has the medians. Both flush files as they do unless told otherwise; loosepack flushes
directories as well, and checks what it reads. `add_files` of loosepack makes 2000 files durable together; the calls of
`disk_objectstore` make each durable by itself.
"""

import argparse
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import disk_objectstore
import loosepack
from loosepack import compat

MIB = 1 << 20


class Bench:
    """The steps, and how long each of them took."""

    def __init__(self, folder, objects):
        self.folder = folder
        self.count = objects
        chance = random.Random(1)
        self.contents = [chance.randbytes(chance.randrange(1000)) for _ in range(objects)]
        self.files = []
        (folder / "files").mkdir()
        for number, content in enumerate(self.contents[:10_000]):
            self.files.append(folder / "files" / str(number))
            self.files[-1].write_bytes(content)
        self.large = folder / "large"
        with self.large.open("wb") as file:
            for _ in range(256):
                file.write(chance.randbytes(MIB))
        self.times = {}

    def measure(self, step, side, work, per=None):
        """Measures one step of one side: microseconds for each of `per`, or seconds."""
        start = time.perf_counter()
        result = work()
        took = time.perf_counter() - start
        unit = "s" if per is None else "us"
        self.times.setdefault((step, unit), {}).setdefault(side, []).append(took if per is None else took / per * 1e6)
        return result

    def round(self, number):
        """Does all steps once."""
        sides = [self.ours, self.theirs, self.compat]
        for side in sides[number % 3 :] + sides[: number % 3]:
            folder = self.folder / "containers"
            folder.mkdir()
            side(folder)
            shutil.rmtree(folder)

    def ours(self, folder):
        store = loosepack.Container.create(folder / "ours")

        def step(name, work, per=None):
            return self.measure(name, "loosepack", work, per)

        ids = step(
            "add many to packs", lambda: store.add_many(self.contents, to_packs=True, compression="never"), self.count
        )
        shuffled = self.shuffled(ids)
        step("get one by one", lambda: [store.get(key) for key in shuffled], len(shuffled))
        step("get through a stream", lambda: [read(store.reader(key)) for key in shuffled], len(shuffled))
        step("has, one by one", lambda: [key in store for key in shuffled], len(shuffled))
        step("read many", lambda: sum(len(content) for _, content in store.read_many(ids)), self.count)
        loose = loosepack.Container.create(folder / "loose")
        step("10,000 files, loose", lambda: loose.add_files(self.files), len(self.files))
        step("pack them", loose.pack, len(self.files))
        key = step("256 MiB in, loose", lambda: store.add(self.large))
        step("256 MiB out", lambda: drain(store.reader(key)))
        with self.large.open("rb") as file, store.pack_writer("never") as writer:
            step("256 MiB in, to a pack", lambda: writer.add(file))

    def theirs(self, folder):
        self.same_calls(folder / "theirs", "disk_objectstore", disk_objectstore.Container)

    def compat(self, folder):
        self.same_calls(folder / "compat", "loosepack.compat", compat.Container)

    def same_calls(self, folder, side, make):
        """The same calls of `disk_objectstore` and of `loosepack.compat`."""
        container = make(folder)
        container.init_container()

        def step(name, work, per=None):
            return self.measure(name, side, work, per)

        def stream(key):
            with container.get_object_stream(key) as opened:
                return opened.read()

        def many():
            with container.get_objects_stream_and_meta(ids) as found:
                return sum(len(opened.read()) for _, opened, _ in found)

        def files():
            for path in self.files:
                with path.open("rb") as file:
                    container.add_streamed_object(file)

        ids = step("add many to packs", lambda: container.add_objects_to_pack(self.contents), self.count)
        shuffled = self.shuffled(ids)
        step("get one by one", lambda: [container.get_object_content(key) for key in shuffled], len(shuffled))
        step("get through a stream", lambda: [stream(key) for key in shuffled], len(shuffled))
        step("has, one by one", lambda: [container.has_object(key) for key in shuffled], len(shuffled))
        step("read many", many, self.count)
        loose = container
        container = make(folder.with_suffix(".loose"))
        container.init_container()
        step("10,000 files, loose", files, len(self.files))
        step("pack them", container.pack_all_loose, len(self.files))
        container.close()
        container = loose
        with self.large.open("rb") as file:
            key = step("256 MiB in, loose", lambda: container.add_streamed_object(file))
        with container.get_object_stream(key) as opened:
            step("256 MiB out", lambda: drain(opened))
        container.delete_objects([key])
        with self.large.open("rb") as file:
            step("256 MiB in, to a pack", lambda: container.add_streamed_object_to_pack(file))
        container.close()

    def shuffled(self, ids):
        """Some IDs in an order that is no one's."""
        some = list(dict.fromkeys(ids))
        random.Random(2).shuffle(some)
        return some[:5000]


def read(stream):
    with stream:
        return stream.read()


def drain(stream):
    while stream.read(MIB):
        pass


#: What an interpreter of its own does, for memory: the peak of its resident set.
PEAK = """
import sys
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
before = peak()
{setup}
print((peak() - before) / 1024)
"""
SETUP = {
    "loosepack": """
import loosepack, pathlib
store = loosepack.Container.create(sys.argv[1])
with store.pack_writer("always") as writer:
    key = writer.add(pathlib.Path(sys.argv[2]))
reader = store.reader(key)
while reader.read(1 << 20): pass
""",
    "loosepack.compat": """
from loosepack.compat import Container
""",
    "disk_objectstore": """
from disk_objectstore import Container
""",
}
SAME = """
container = Container(sys.argv[1])
container.init_container()
with open(sys.argv[2], "rb") as file:
    key = container.add_streamed_object_to_pack(file, compress=True)
with container.get_object_stream(key) as stream:
    while stream.read(1 << 20): pass
"""


#: Writes and flushes files on the same disk until it is killed.
WRITER = """
import os, sys
content = os.urandom(1 << 20)
while True:
    with open(sys.argv[1], "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
"""


def durable(bench, adds):
    """One durable add after the other, the sides in turns; then the same beside a process that writes."""
    for number, beside in enumerate(["", ", beside a writer"]):
        folder = bench.folder / f"durable-{number}"
        folder.mkdir()
        adders = {"loosepack": loosepack.Container.create(folder / "ours").add}
        for side, make in [("loosepack.compat", compat.Container), ("disk_objectstore", disk_objectstore.Container)]:
            container = make(folder / side)
            container.init_container()
            adders[side] = container.add_object
        took = {side: [] for side in adders}
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder / "written")]) if beside else None
        try:
            sides = list(adders)
            for turn in range(adds):
                sides.append(sides.pop(0))
                for side in sides:
                    content = b"%d %s" % (turn, bench.contents[turn % len(bench.contents)])
                    start = time.perf_counter()
                    adders[side](content)
                    took[side].append((time.perf_counter() - start) * 1e6)
        finally:
            if writer:
                writer.kill()
                writer.wait()
        for side, times in took.items():
            cuts = statistics.quantiles(times, n=100)
            for name, value in [("median", cuts[49]), ("99th percentile", cuts[98])]:
                bench.times.setdefault((f"one durable add, {name}{beside}", "us"), {})[side] = [value]
        shutil.rmtree(folder)


def alone(bench, rounds):
    """Import time and peak memory, each in an interpreter of its own."""
    for _ in range(rounds):
        for name, setup in SETUP.items():
            script = f"import time; start = time.perf_counter(); import {name}; print(time.perf_counter() - start)"
            ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
            bench.times.setdefault(("import", "ms"), {}).setdefault(name, []).append(float(ran.stdout) * 1000)
            folder = bench.folder / "alone"
            body = setup if name == "loosepack" else setup + SAME
            script = PEAK.format(setup=body)
            command = [sys.executable, "-c", script, str(folder), str(bench.large)]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
            step = ("memory above Python's, 256 MiB in and out compressed", "MiB")
            bench.times.setdefault(step, {}).setdefault(name, []).append(float(ran.stdout))
            shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=None)
    parser.add_argument("--adds", type=int, default=500, help="durable adds of each side")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        bench = Bench(pathlib.Path(folder), arguments.objects)
        for number in range(arguments.rounds):
            bench.round(number)
        durable(bench, arguments.adds)
        alone(bench, arguments.rounds)
    print(f"{arguments.objects} objects of 0 to 1000 bytes, medians of {arguments.rounds} rounds")
    versions = f"loosepack {loosepack.__version__}, disk_objectstore {disk_objectstore.__version__}"
    print(f"Python {sys.version.split()[0]}, {versions}")
    print()
    print("| step | in | loosepack | loosepack.compat | disk_objectstore | times, compat |")
    print("|---|---|---:|---:|---:|---:|")
    for (step, unit), sides in bench.times.items():
        ours, same, theirs = (
            statistics.median(sides[name]) for name in ("loosepack", "loosepack.compat", "disk_objectstore")
        )
        print(
            f"| {step} | {unit} | {ours:.3g} | {same:.3g} | {theirs:.3g} | {theirs / ours:.3g}, {theirs / same:.3g} |"
        )


if __name__ == "__main__":
    main()

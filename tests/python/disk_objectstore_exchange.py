"""Over from the Python package `disk_objectstore`, and back: its real containers, through the command.

    disk_objectstore_exchange.py LOOSEPACK FOLDER [OBJECTS]

LOOSEPACK is the command, FOLDER an empty directory. A container of OBJECTS objects, of all the kinds that the package
makes, is imported, exported and read by the package again; it is imported once more by the package's own
`import_objects`, and the times are printed. Then it is moved, and the move is killed again and again.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time

from disk_objectstore import CompressMode, Container

#: Sizes of the objects that are not small.
LARGE = [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000, 5_000_000]


def text(number, size):
    """Bytes that compress, different for each number."""
    line = f"{number}: a line of a text that repeats itself\n".encode()
    return (line * (size // len(line) + 1))[:size]


def fill(container, count, seed=1):
    """Adds objects in all ways there are. Returns the contents by key, without those that were deleted."""
    chance = random.Random(seed)
    contents = [
        text(number, size) if number % 2 else chance.randbytes(size)
        for number, size in ((number, chance.randrange(5000)) for number in range(count - 2 * len(LARGE)))
    ]
    contents += [make(size) for size in LARGE for make in (lambda size: text(size, size), chance.randbytes)]
    contents[0] = b""
    chance.shuffle(contents)
    quarter = len(contents) // 4
    container.add_objects_to_pack(contents[:quarter], compress=True)
    container.add_objects_to_pack(contents[quarter : 2 * quarter], compress=False)
    # Duplicates leave holes.
    container.add_objects_to_pack(contents[: quarter // 10], compress=False)
    deleted = container.add_objects_to_pack([b"deleted %d" % number for number in range(100)])
    fsync, os.fsync = os.fsync, lambda descriptor: None
    try:
        for content in contents[2 * quarter : 3 * quarter]:
            container.add_object(content)
        # These stay loose files as well as packed objects.
        container.pack_all_loose(compress=CompressMode.AUTO)
        for content in contents[3 * quarter :]:
            container.add_object(content)
    finally:
        os.fsync = fsync
    container.delete_objects(deleted)
    return {hashlib.new(container.hash_type, content).hexdigest(): content for content in contents}


def create(folder, **options):
    container = Container(folder)
    container.init_container(**{"pack_size_target": 4 << 20, **options})
    return container


class Command:
    """The command `loosepack`, on one container."""

    def __init__(self, program, store):
        self.start = [program, "-C", str(store)]

    def __call__(self, *arguments, code=0):
        ran = subprocess.run([*self.start, *map(str, arguments)], capture_output=True, text=True)
        assert ran.returncode == code, (arguments, ran.returncode, ran.stdout[-2000:], ran.stderr[-2000:])
        return ran.stdout

    def killed(self, after, *arguments):
        """Runs it, and kills it after some seconds. Returns its exit code, or None."""
        process = subprocess.Popen(
            [*self.start, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None
        return process.returncode


def summary(printed):
    return json.loads(printed.splitlines()[-1])


def check_ours(command, contents):
    """Our container has these objects, and no others, and is sound."""
    ids = {hashlib.sha256(content).hexdigest() for content in contents.values()}
    assert set(command("ls").split()) == ids
    command("verify")


def check_theirs(folder, contents):
    """The package reads every object, and finds nothing wrong."""
    with Container(folder) as container:
        issues = container.validate()
        assert issues.is_valid(), issues
        found, read = set(container.list_all_objects()), 0
        assert found == set(contents), (len(found), len(contents))
        with container.get_objects_stream_and_meta(list(contents), skip_if_missing=False) as triplets:
            for key, stream, _ in triplets:
                assert stream.read() == contents[key], key
                read += 1
        assert read == len(contents)


def exchange(program, folder, count):
    """There and back."""
    old = create(folder / "old")
    contents = fill(old, count)
    old.close()
    before = sorted(path.name for path in (folder / "old").iterdir())
    command = Command(program, folder / "store")
    command("init")
    begin = time.perf_counter()
    printed = summary(command("import", "--from-disk-objectstore", folder / "old", "--json"))
    ours = time.perf_counter() - begin
    assert printed["objects"] == len(contents) and printed["problems"] == 0, printed
    assert sorted(path.name for path in (folder / "old").iterdir()) == before, "nothing was made"
    check_ours(command, contents)
    check_theirs(folder / "old", contents)
    again = summary(command("import", "--from-disk-objectstore", folder / "old", "--json"))
    assert again["objects"] == 0 and again["present"] == printed["objects"] + printed["present"], again

    begin = time.perf_counter()
    printed = summary(command("export", "--to-disk-objectstore", folder / "back", "--pack-target", "4M", "--json"))
    export = time.perf_counter() - begin
    assert printed["objects"] == len(contents) and printed["problems"] == 0, printed
    assert schema(folder / "back") == schema(folder / "old")
    check_theirs(folder / "back", contents)
    # It is one that the package goes on with.
    with Container(folder / "back") as back:
        assert back.pack_size_target == 4 << 20
        key = back.add_object(b"later")
        back.pack_all_loose()
        back.clean_storage()
        back.repack()
        assert back.get_object_content(key) == b"later" and back.validate().is_valid()
    command("export", "--to-disk-objectstore", folder / "back", code=2)

    theirs = create(folder / "theirs", pack_size_target=4 << 30)
    old = Container(folder / "old")
    begin = time.perf_counter()
    theirs.import_objects(list(contents), old)
    package = time.perf_counter() - begin
    theirs.close()
    print(
        f"{len(contents)} objects: imported in {ours:.2f} s, exported in {export:.2f} s; "
        f"import_objects of the package took {package:.2f} s, {package / ours:.1f} times as long"
    )
    old.close()
    return contents


def packs(folder):
    """The packs that rows refer to."""
    with contextlib.closing(sqlite3.connect(folder / "packs.idx")) as db:
        return {str(number) for (number,) in db.execute("SELECT DISTINCT pack_id FROM db_object")}


def schema(folder):
    with contextlib.closing(sqlite3.connect(folder / "packs.idx")) as db:
        rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
        rows = [(kind, name, " ".join(sql.split())) for kind, name, sql in rows]
        return rows, db.execute("PRAGMA journal_mode").fetchone()


def rehash(program, folder, count):
    """A container whose keys are SHA-1."""
    old = create(folder / "sha1", hash_type="sha1")
    contents = fill(old, count, seed=2)
    old.close()
    command = Command(program, folder / "rehashed")
    command("init")
    command("import", "--from-disk-objectstore", folder / "sha1", code=2)
    command("import", "--from-disk-objectstore", folder / "sha1", "--rehash", "--map", folder / "map")
    check_ours(command, contents)
    pairs = dict(reversed(line.split()) for line in (folder / "map").read_text().splitlines())
    assert pairs == {key: hashlib.sha256(content).hexdigest() for key, content in contents.items()}


def damage(program, folder, count):
    """An object that is damaged in their pack is skipped, and its pack stays."""
    old = create(folder / "damaged", pack_size_target=1 << 30)
    contents = fill(old, count, seed=3)
    packed = [key for key, meta in old.get_objects_meta(list(contents)) if meta["pack_id"] == 0 and meta["size"]]
    meta = old.get_object_meta(packed[0])
    (folder / "damaged/loose" / packed[0][:2] / packed[0][2:]).unlink(missing_ok=True)
    old.close()
    with open(folder / "damaged/packs/0", "r+b") as pack:
        pack.seek(meta["pack_offset"])
        byte = pack.read(1)
        pack.seek(meta["pack_offset"])
        pack.write(bytes([byte[0] ^ 0x81]))
    command = Command(program, folder / "undamaged")
    command("init")
    printed = command("import", "--from-disk-objectstore", folder / "damaged", "--move", "--json", code=1)
    assert summary(printed)["problems"] == 1 and packed[0] in printed, printed[-1000:]
    assert (folder / "damaged/packs/0").exists()
    del contents[packed[0]]
    check_ours(command, contents)


def move(program, folder, count, kills, seed=4):
    """A move that is killed at random moments, and started again, loses nothing. Returns the number of kills."""
    chance = random.Random(seed)
    killed = rounds = 0
    while killed < kills:
        rounds += 1
        old = create(folder / "moved", pack_size_target=300_000)
        contents = fill(old, count, seed + rounds)
        old.close()
        # Packs of nothing but holes stay: no row says what was in them.
        unknown = sorted(set(os.listdir(folder / "moved/packs")) - packs(folder / "moved"))
        command = Command(program, folder / "target")
        command("init")
        arguments = ["import", "--from-disk-objectstore", folder / "moved", "--move"]
        code = None
        while code is None:
            code = command.killed(chance.choice([0.05, 0.1, 0.3, 0.6]) * (1 + chance.random()), *arguments)
            killed += code is None
            if code is None and chance.random() < 0.3:
                split(command, folder / "moved", contents)
        assert code == 0, code
        check_ours(command, contents)
        with Container(folder / "moved") as old:
            assert list(old.list_all_objects()) == [] and old.validate().is_valid()
        assert sorted(os.listdir(folder / "moved/packs")) == unknown
        shutil.rmtree(folder / "moved")
        shutil.rmtree(folder / "target")
    print(f"{killed} kills of moves of {count} objects in {rounds} rounds (seed {seed}): 0 lost, 0 wrong")


def split(command, folder, contents):
    """In the middle of a move: what is in their container can be read there, and the rest is with us."""
    with Container(folder) as old:
        there = set(old.list_all_objects())
        # Reading them all would fail for one row of a pack that is gone.
        found = old.get_objects_content(sorted(there))
        assert all(found[key] == contents[key] for key in there)
    assert set(contents) - there <= set(command("ls").split())


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
    kills = int(os.environ.get("LOOSEPACK_KILLS", "5"))
    exchange(program, folder, count)
    rehash(program, folder, min(count, 1000))
    damage(program, folder, min(count, 1000))
    move(program, folder, min(count, 3000), kills, int(os.environ.get("LOOSEPACK_SEED", "4")))


if __name__ == "__main__":
    main()

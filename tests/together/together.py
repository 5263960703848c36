"""All hosts at work on one container at once: the command, the packages for Python and Node, a composed plugin, and the
portable command under a runtime that gives nothing but WASI.

First each packer that can be made to wait keeps all others out, and some are killed while they do. Then every host
adds, packs and reads in rounds, all at the same time, and a part of what they do is killed at a random moment. In the
end the container must be sound, and every host must read all that any of them has acknowledged.

The number of rounds is LOOSEPACK_ROUNDS, the seed LOOSEPACK_SEED.
"""

import contextlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from gate import Gate
from hosts import LOOSEPACK, Killed, Refused, Worker, all_hosts, sha256

ROUNDS = int(os.environ.get("LOOSEPACK_ROUNDS", "60"))
SEED = int(os.environ.get("LOOSEPACK_SEED", "1"))
#: Of so many pieces of work, one is killed, within the time that such work took last.
KILL_ONE_OF = 3
#: Seconds within which the first is killed.
KILL_WITHIN = 0.05
#: Sizes of objects; the last is that of one object in each fourth round.
SMALL, MEDIUM, LARGE = 400, 70_000, 2_500_000
#: Objects that are read in each round.
READ = 12
#: Lock files, in the container.
FILE_MARK, SYSTEM_MARK = "store/lock/pack.file.json", "store/lock/pack.os.json"


def loosepack(folder, *arguments):
    """Runs the ordinary command; returns its status and what it said."""
    command = [*LOOSEPACK, "-C", "store", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def succeed(folder, *arguments):
    """Runs the ordinary command, which must succeed."""
    status, said = loosepack(folder, *arguments)
    assert status == 0, (arguments, status, said)
    return said


class Record:
    """What was acknowledged, by whomever, and what was counted."""

    def __init__(self):
        self.lock = threading.Lock()
        self.contents = {}
        self.counts = {}
        self.failures = []

    def acknowledge(self, ids, contents):
        """Notes objects that a host says are stored: a start of these contents, or all."""
        ids = list(ids)
        expected = [sha256(content) for content in contents]
        # The order of the command is that of its arguments, and that of the others the order of the contents.
        assert ids == expected[: len(ids)], (ids, expected)
        with self.lock:
            self.contents.update(zip(ids, contents))

    def count(self, host, what):
        """Counts an event."""
        with self.lock:
            self.counts[host.name, what] = self.counts.get((host.name, what), 0) + 1

    def sample(self, draw, most):
        """Some of what was acknowledged."""
        with self.lock:
            ids = sorted(self.contents)
            return {one: self.contents[one] for one in draw.sample(ids, min(most, len(ids)))}


class Test:
    """A container, and all hosts."""

    def __init__(self, folder):
        self.folder = folder
        self.record = Record()
        succeed(folder, "init")
        self.hosts = all_hosts(folder)
        #: Packers that use lock files are inside; who removes a lock file of a killed one is alone.
        self.gate = Gate()
        #: Seconds that work took last, by host and kind.
        self.took = {}

    def host(self, name):
        (found,) = (host for host in self.hosts if host.name == name)
        return found

    def exists(self, mark):
        return (self.folder / mark).exists()

    # Packers keep each other out.

    def everyone_is_refused(self, holder):
        """No host packs, and all add and read."""
        for host in self.hosts:
            if host is not holder:
                try:
                    host.pack()
                except Refused:
                    self.record.count(host, "refused")
                else:
                    raise AssertionError(f"{host.name} packed although {holder.name} had the pack lock")
            content = f"{host.name} while {holder.name} packs".encode()
            self.record.acknowledge(host.add([content]), [content])
            self.check_reading(host, {sha256(content): content})

    def everyone_packs(self):
        """One after the other, each host packs something."""
        for host in self.hosts:
            content = os.urandom(1000)
            self.record.acknowledge(host.add([content]), [content])
            host.pack()
            self.record.count(host, "packed")
            assert "packed" in succeed(self.folder, "info", sha256(content)), f"{host.name} did not pack"

    @contextlib.contextmanager
    def waiting_process(self, host, mark):
        """A process of the command that has the pack lock, and waits for its input."""
        arguments = [*host.command, "-C", "store", "add", "--to-pack", "-"]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        with subprocess.Popen(arguments, cwd=self.folder, **streams) as process:
            while not self.exists(mark):
                assert process.poll() is None, "it ended without the pack lock"
                time.sleep(0.01)
            yield process
        # The end of its input is the end of it.

    def exclusion(self):
        """Each kind of packer keeps out each other, and a killed one leaves what its kind does."""
        self.everyone_packs()
        for name in "python", "node, addon", "node, component":
            holder = self.host(name)
            holder.hold()
            self.everyone_is_refused(holder)
            holder.free()
            self.everyone_packs()
        for name, mark in ("command", SYSTEM_MARK), ("portable", FILE_MARK):
            with self.waiting_process(self.host(name), mark):
                self.everyone_is_refused(self.host(name))
            self.everyone_packs()
            with self.waiting_process(self.host(name), mark) as process:
                process.kill()
            assert self.exists(mark)
            self.after_a_kill(mark)
        for name, mark in ("python", SYSTEM_MARK), ("node, addon", SYSTEM_MARK), ("node, component", FILE_MARK):
            holder = self.host(name)
            assert isinstance(holder, Worker)
            holder.hold()
            holder.kill()
            self.after_a_kill(mark)

    def after_a_kill(self, mark):
        """The system's lock is free at once. A lock file keeps all others out until somebody removes it."""
        if mark == SYSTEM_MARK:
            self.host("command").pack()
        else:
            status, said = loosepack(self.folder, "pack")
            assert status != 0 and "forced unlock" in said, said
            succeed(self.folder, "unlock", "--force")
        self.everyone_packs()

    # All at once.

    def rounds(self, host, number):
        """What one host does while the others do the same."""
        draw = random.Random(SEED * 1000 + number)
        for turn in range(ROUNDS):
            sizes = [draw.randrange(SMALL), draw.randrange(SMALL), draw.randrange(MEDIUM), 0]
            contents = [draw.randbytes(size) for size in sizes[: 3 if turn else 4]]
            # The same from all hosts, at about the same time.
            contents += [f"of all, in round {turn}".encode(), random.Random(turn).randbytes(2000)]
            if turn % 4 == number % 4:
                contents.append(draw.randbytes(LARGE))
            self.add(host, contents, self.moment(draw, host, "add"))
            if (turn + number) % 2 == 0:
                self.pack(host, self.moment(draw, host, "pack"))
            self.check_reading(host, self.record.sample(draw, READ))

    def moment(self, draw, host, kind):
        """When to kill what is started now, if at all."""
        within = self.took.get((host.name, kind), KILL_WITHIN)
        return draw.uniform(0, within) if draw.randrange(KILL_ONE_OF) == 0 else None

    @contextlib.contextmanager
    def timed(self, host, kind):
        """Notes how long work takes that is not killed."""
        start = time.monotonic()
        yield
        self.took[host.name, kind] = time.monotonic() - start

    def add(self, host, contents, kill):
        try:
            with self.timed(host, "add"):
                ids = host.add(contents, kill)
            assert len(ids) == len(contents), f"{host.name} acknowledged {len(ids)} of {len(contents)}"
        except Killed as killed:
            self.record.count(host, "killed")
            ids = killed.ids
        self.record.acknowledge(ids, contents)
        self.record.count(host, "added")

    def pack(self, host, kill):
        with contextlib.nullcontext() if host.has_locks else self.gate.together():
            try:
                with self.timed(host, "pack"):
                    host.pack(kill)
                self.record.count(host, "packed")
                return
            except Refused:
                self.record.count(host, "refused")
                return
            except Killed:
                self.record.count(host, "killed")
        if not host.has_locks:
            with self.gate.by_itself():
                self.remove_lock_file()

    def remove_lock_file(self):
        """Nobody who uses lock files is packing: what is there was left behind."""
        while self.exists(FILE_MARK):
            status, said = loosepack(self.folder, "unlock", "--force")
            # A packer with a lock of the system may be about to find that file and to give way.
            assert status == 0 or "another packer is at work" in said, said

    def check_reading(self, host, expected):
        found = host.read(expected)
        assert found.keys() == expected.keys(), f"{host.name} does not find {expected.keys() - found.keys()}"
        for one, content in expected.items():
            assert found[one] == content, f"{host.name} reads {one} wrong"
        self.record.count(host, "read")

    def at_once(self):
        """All hosts in threads of this process; the first failure is raised when all have ended."""

        def work(host, number):
            try:
                self.rounds(host, number)
            except BaseException as failure:
                self.record.failures.append(failure)

        threads = [threading.Thread(target=work, args=(host, number)) for number, host in enumerate(self.hosts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for failure in self.record.failures:
            raise failure

    def the_end(self):
        """All is there for everyone, packed or not."""
        for when in "before", "after":
            said = succeed(self.folder, "verify")
            assert "no damage" in said, said
            for host in self.hosts:
                self.check_reading(host, dict(self.record.contents))
            if when == "before":
                self.everyone_packs()
        listed = set(succeed(self.folder, "ls").split())
        assert self.record.contents.keys() <= listed, "ls lacks objects"
        for mark in FILE_MARK, SYSTEM_MARK:
            assert not self.exists(mark), f"{mark} was left"

    def report(self):
        kinds = ["added", "packed", "refused", "read", "killed"]
        print(f"{'':10}" + "".join(f"{kind:>9}" for kind in kinds))
        for host in self.hosts:
            print(f"{host.name:10}" + "".join(f"{self.record.counts.get((host.name, kind), 0):9}" for kind in kinds))
        assert any(what == "killed" for _, what in self.record.counts), "nothing was killed: more rounds are needed"


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="loosepack-together-"))
    test = Test(folder)
    try:
        test.exclusion()
        test.at_once()
        test.the_end()
        test.report()
    except BaseException:
        print(f"together: the container is {folder / 'store'}, the seed {SEED}", file=sys.stderr)
        raise
    finally:
        for host in test.hosts:
            host.close()
    shutil.rmtree(folder)
    print(f"{len(test.hosts)} hosts, {ROUNDS} rounds, {len(test.record.contents)} objects acknowledged, none lost")


if __name__ == "__main__":
    sys.exit(main())

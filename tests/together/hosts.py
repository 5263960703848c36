"""The hosts: each way to a container, behind one interface, in processes that can be killed."""

import base64
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
EXE = ".exe" if os.name == "nt" else ""
LOOSEPACK = [str(TARGET / f"release/loosepack{EXE}")]
STOCK = [str(TARGET / f"release/loosepack-stock{EXE}"), "run", "--dir", "."]
PYTHON = [str(TARGET / "python-package" / ("Scripts/python.exe" if EXE else "bin/python"))]

#: How every host says that another one has the pack lock.
REFUSAL = "another packer is at work"


def sha256(content):
    """The ID of an object."""
    return hashlib.sha256(content).hexdigest()


class Killed(Exception):
    """The process was killed. `ids`: what it had acknowledged."""

    def __init__(self, ids=()):
        super().__init__("killed")
        self.ids = list(ids)


class Refused(Exception):
    """Another packer was at work."""


class Host:
    """A way to the container `store` in a folder. `kill` is when a process is killed, in seconds from its start."""

    #: Whether it has locks of the operating system; otherwise it uses lock files.
    has_locks = True

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder

    def add(self, contents, kill=None):
        """Adds objects; returns their IDs, in order."""
        raise NotImplementedError

    def read(self, ids):
        """Objects by their IDs; all must be there."""
        raise NotImplementedError

    def pack(self, kill=None):
        """Packs and cleans."""
        raise NotImplementedError

    def close(self):
        """Ends its processes."""


class OneShot(Host):
    """A host whose every call is a process."""

    def __init__(self, name, folder, command, has_locks):
        super().__init__(name, folder)
        self.command = command
        self.has_locks = has_locks
        self.private = folder / name
        self.private.mkdir()

    def run(self, *arguments, stdin=b"", kill=None):
        """The output of a process that must succeed."""
        process = subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        timer = threading.Timer(kill, process.kill) if kill is not None else None
        if timer:
            timer.start()
        out, err = process.communicate(stdin)
        if timer:
            timer.cancel()
        if kill is not None and process.returncode == -9:
            raise Killed(self.ids_of(out))
        if REFUSAL in err.decode():
            raise Refused
        if process.returncode != 0:
            raise AssertionError(f"{self.name}: {arguments}: {process.returncode}: {err.decode()}")
        return out

    @staticmethod
    def ids_of(lines):
        """The IDs of complete lines `ID  PATH`."""
        return [text[:64].decode() for text in lines.split(b"\n")[:-1]]


class Command(OneShot):
    """The command `loosepack`: natively, or the portable one."""

    def add(self, contents, kill=None):
        paths = []
        for number, content in enumerate(contents):
            paths.append(f"{self.name}/{number}")
            (self.folder / paths[-1]).write_bytes(content)
        return self.ids_of(self.run("-C", "store", "add", *paths, kill=kill))

    def read(self, ids):
        out = self.private / "out"
        (self.private / "list").write_text("".join(f"{one}  {one}\n" for one in ids))
        self.run("-C", "store", "export", "--manifest", f"{self.name}/list", f"{self.name}/out")
        found = {path.name: path.read_bytes() for path in out.iterdir()}
        shutil.rmtree(out)
        return found

    def pack(self, kill=None):
        self.run("-C", "store", "pack", "--clean", kill=kill)


class Plugin(OneShot):
    """The command in `examples/plugin`, composed with the portable store."""

    def add(self, contents, kill=None):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for number, content in enumerate(contents):
                info = tarfile.TarInfo(str(number))
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return self.ids_of(self.run("import", "store", stdin=archive.getvalue(), kill=kill))

    def read(self, ids):
        exported = self.run("export", "store", stdin="".join(f"{one}  {one}\n" for one in ids).encode())
        with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
            return {info.name: tar.extractfile(info).read() for info in tar}

    def pack(self, kill=None):
        self.run("pack", "store", kill=kill)


class Worker(Host):
    """A package, in a process that answers requests; it is started again after it was killed."""

    def __init__(self, name, folder, command, has_locks):
        super().__init__(name, folder)
        self.command = command
        self.has_locks = has_locks
        self.process = None

    def ask(self, request, kill=None):
        """The answer to a request."""
        if self.process is None:
            self.process = subprocess.Popen(
                [*self.command, "store"], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            # Starting takes longer than most requests: what is killed is the request.
            self.answer({"do": "read", "ids": []})
        fired = threading.Event()

        def strike(process):
            fired.set()
            process.kill()

        timer = threading.Timer(kill, strike, [self.process]) if kill is not None else None
        if timer:
            timer.start()
        try:
            answer = self.answer(request)
        except Killed:
            if not fired.is_set():
                raise AssertionError(f"{self.name}: its process ended: {request}") from None
            raise
        finally:
            if timer:
                timer.cancel()
                timer.join()
                # It may have been killed after its answer, and be about to end.
                if fired.is_set() and self.process is not None:
                    self.end()
        if isinstance(answer, dict) and REFUSAL in answer.get("locked", ""):
            raise Refused
        return answer

    def answer(self, request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            text = self.process.stdout.readline()
        except BrokenPipeError:
            text = ""
        if not text.endswith("\n"):
            self.end()
            raise Killed
        return json.loads(text)

    def add(self, contents, kill=None):
        return self.ask({"do": "add", "contents": [base64.b64encode(one).decode() for one in contents]}, kill)

    def read(self, ids):
        answer = self.ask({"do": "read", "ids": list(ids)})
        return {one: base64.b64decode(content) for one, content in answer.items()}

    def pack(self, kill=None):
        assert self.ask({"do": "pack"}, kill) is True, f"{self.name} found damage"

    def hold(self):
        """Takes the pack lock, and keeps it."""
        assert self.ask({"do": "hold"}) is True

    def free(self):
        """Frees the pack lock."""
        assert self.ask({"do": "free"}) is True

    def kill(self):
        """Kills the process, now."""
        self.process.kill()
        self.end()

    def end(self):
        """Closes what leads to a process that ends."""
        process, self.process = self.process, None
        process.wait()
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdout.close()

    def close(self):
        if self.process is not None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
            self.end()


def all_hosts(folder):
    """One of each."""
    here = pathlib.Path(__file__).parent
    return [
        Command("command", folder, LOOSEPACK, has_locks=True),
        Worker("python", folder, [*PYTHON, str(here / "worker.py")], has_locks=True),
        Worker("node, addon", folder, ["node", str(here / "worker.mjs"), "addon"], has_locks=True),
        Worker("node, component", folder, ["node", str(here / "worker.mjs"), "component"], has_locks=False),
        Plugin("plugin", folder, [*STOCK, str(TARGET / "plugin/tarstore.cwasm")], has_locks=False),
        Command("portable", folder, [*STOCK, str(TARGET / "plugin/loosepack-cli.cwasm")], has_locks=False),
    ]



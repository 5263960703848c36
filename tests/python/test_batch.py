"""Drives `loosepack batch` and `loosepack get --batch` with nothing but the standard library.

Usage: test_batch.py PATH-OF-LOOSEPACK
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "loosepack"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Driver:
    """A process that is asked, and answers."""

    def __init__(self, folder, *arguments):
        command = [PROGRAM, "-C", "store", *arguments]
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def ask(self, **request):
        self.send(json.dumps(request).encode() + b"\n")
        return json.loads(self.process.stdout.readline())

    def ask_many(self, requests):
        def write():
            for request in requests:
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()

        writer = threading.Thread(target=write)
        writer.start()
        answers = [json.loads(self.process.stdout.readline()) for _ in requests]
        writer.join()
        return answers

    def end(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(), rest


class StoreTest(unittest.TestCase):
    """A folder with a container in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        subprocess.run([PROGRAM, "-C", "store", "init"], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)

    def file(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()


class BatchTest(StoreTest):
    """`batch`."""

    def test_each_operation_is_answered_at_once(self):
        driver = Driver(self.folder, "batch")
        binary, large = bytes(range(256)), os.urandom(9 << 20)
        self.file("large", large)
        hello = driver.ask(op="put", text="h\u00e9llo")
        self.assertEqual(hello, {"id": sha256("h\u00e9llo".encode())})
        put = driver.ask(op="put", base64=base64.b64encode(binary).decode(), tag={"a": [1]})
        self.assertEqual(put, {"tag": {"a": [1]}, "id": sha256(binary)})
        self.assertEqual(driver.ask(op="put", path="large"), {"id": sha256(large)})
        self.assertTrue(driver.ask(op="has", id=sha256(large))["present"])
        self.assertEqual(driver.ask(op="info", id=sha256(large))["size"], len(large))
        self.assertEqual(driver.ask(op="get", id=hello["id"], **{"as": "text"})["text"], "h\u00e9llo")
        got = driver.ask(op="get", id=sha256(binary))
        self.assertEqual((base64.b64decode(got["base64"]), got["size"]), (binary, 256))
        self.assertEqual(driver.ask(op="get", id=sha256(large), path="out")["size"], len(large))
        self.assertEqual(self.read("out"), large)
        self.assertTrue(driver.ask(op="delete", id=hello["id"])["deleted"])
        self.assertFalse(driver.ask(op="has", id=hello["id"])["present"])
        self.assertEqual(driver.end(), (0, b""))

    def test_many_requests_are_answered_in_order(self):
        for more in [[], ["--to-pack", "--compress", "auto"]]:
            driver = Driver(self.folder, "batch", *more)
            contents = [b"%d " % number * (number % 700) for number in range(3000)]
            ids = [sha256(content) for content in contents]
            puts = [{"op": "put", "text": content.decode(), "tag": n} for n, content in enumerate(contents)]
            answers = driver.ask_many(puts)
            self.assertEqual(answers, [{"tag": n, "id": id} for n, id in enumerate(ids)])
            gets = driver.ask_many([{"op": "get", "id": id} for id in ids])
            self.assertEqual([base64.b64decode(got["base64"]) for got in gets], contents)
            mixed = []
            for id in ids[:30]:
                mixed += [{"op": "delete", "id": id}, {"op": "has", "id": id}, {"op": "put", "text": id}]
            for number, answer in enumerate(driver.ask_many(mixed)):
                if number % 3 == 1:
                    self.assertFalse(answer["present"])
            self.assertEqual(driver.end(), (0, b""))

    def test_a_failed_request_does_not_stop_the_others(self):
        driver = Driver(self.folder, "batch")
        absent = "0" * 64
        self.assertEqual(driver.ask(op="get", id=absent, tag=7)["error"], "absent")
        self.assertEqual(driver.ask(op="info", id=absent)["error"], "absent")
        self.assertEqual(driver.ask(op="delete", id=absent), {"id": absent, "deleted": False})
        wrong = [
            {"op": "put"},
            {"op": "put", "text": "a", "more": 1},
            {"op": "has", "id": "../../etc/passwd"},
            {"op": "put", "text": "x" * ((4 << 20) + 1)},
        ]
        for request in wrong:
            answer = driver.ask(tag="it", **request)
            self.assertEqual((answer["tag"], answer["error"]), ("it", "invalid"), answer)
        for name in ["absent", "store", "/dev/null"]:
            self.assertEqual(driver.ask(op="put", path=name)["error"], "failed")
        self.assertEqual(driver.ask(op="get", id=absent, path="out")["error"], "absent")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "out")))
        for line in [b"no JSON\n", b"\xff\n", b"{\"op\":\"put\",\"text\":\"" + b"x" * (9 << 20) + b"\"}\n"]:
            driver.send(line)
            self.assertEqual(json.loads(driver.process.stdout.readline())["error"], "invalid")
        # One good put among bad ones, all at once.
        answers = driver.ask_many([{"op": "put", "path": "absent"}, {"op": "put", "text": "good"}, {"op": "nothing"}])
        self.assertEqual([answer.get("error") for answer in answers], ["failed", None, "invalid"])
        large = driver.ask_many([{"op": "put", "path": self.large()}])[0]["id"]
        self.assertIn("path", driver.ask(op="get", id=large)["message"])
        binary = driver.ask(op="put", base64="/w==")["id"]
        self.assertEqual(driver.ask(op="get", id=binary, **{"as": "text"})["error"], "invalid")
        self.assertEqual(driver.end(), (2, b""))

    def large(self):
        self.file("large", b"\0" * ((4 << 20) + 1))
        return "large"

    def test_a_damaged_object_is_told(self):
        driver = Driver(self.folder, "batch")
        ids = [driver.ask(op="put", text=text)["id"] for text in ("some text", "other text")]
        with open(os.path.join(self.folder, "store", "loose", ids[0][:2], ids[0][2:]), "wb") as file:
            file.write(b"SOME TEXT")
        for request in ({"op": "get", "id": ids[0]}, {"op": "get", "id": ids[0], "path": "out"}):
            self.assertEqual(driver.ask(**request)["error"], "damaged")
        both = driver.ask_many([{"op": "get", "id": id, "as": "text"} for id in ids])
        self.assertEqual((both[0]["error"], both[1]["text"]), ("damaged", "other text"))
        self.assertEqual(driver.end(), (1, b""))

    def test_the_last_line_needs_no_end(self):
        driver = Driver(self.folder, "batch")
        driver.send(b'\n{"op":"put","text":"a"}')
        self.assertEqual(driver.end(), (0, b'{"id":"%s"}\n' % sha256(b"a").encode()))


class GetBatchTest(StoreTest):
    """`get --batch`, in the manner of `git cat-file --batch`."""

    def got(self, driver, id):
        driver.send(id.encode() + b"\n")
        return self.answer(driver)

    def answer(self, driver):
        words = driver.process.stdout.readline().decode().split(" ", 2)
        if words[1].strip().isdigit():
            content = driver.process.stdout.read(int(words[1]))
            self.assertEqual(driver.process.stdout.read(1), b"\n")
            return content
        return words[1].strip()

    def test_objects_are_answered_one_by_one_and_many_at_once(self):
        putting = Driver(self.folder, "batch")
        contents = [b"", b"a\nb\n", bytes(range(256)) * 1000, b"x" * (3 << 20)]
        ids = [putting.ask(op="put", base64=base64.b64encode(content).decode())["id"] for content in contents]
        putting.end()
        self.file("huge", b"h" * (40 << 20))
        huge = subprocess.run([PROGRAM, "-C", "store", "add", "huge"], cwd=self.folder, check=True, stdout=subprocess.PIPE)
        ids.append(huge.stdout[:64].decode())
        contents.append(b"h" * (40 << 20))
        damaged = sha256(b"a\nb\n")
        driver = Driver(self.folder, "get", "--batch")
        for id, content in zip(ids, contents):
            self.assertEqual(self.got(driver, id), content)
        self.assertEqual(self.got(driver, "0" * 64), "missing")
        self.assertEqual(self.got(driver, "nonsense"), "invalid")
        with open(os.path.join(self.folder, "store", "loose", damaged[:2], damaged[2:]), "wb") as file:
            file.write(b"A\nB\n")
        with open(os.path.join(self.folder, "store", "loose", ids[4][:2], ids[4][2:]), "r+b") as file:
            file.seek(39 << 20)
            file.write(b"H")
        for id in (damaged, ids[4]):
            self.assertEqual(self.got(driver, id), "damaged")
        driver.send("".join(f"{id}  a name\n" for id in ids * 5).encode())
        expected = [b"", "damaged", contents[2], contents[3], "damaged"] * 5
        for content in expected:
            self.assertEqual(self.answer(driver), content)
        self.assertEqual(driver.end(), (2, b""))


if __name__ == "__main__":
    unittest.main()

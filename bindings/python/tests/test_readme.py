"""The examples of the README run as they are printed."""

import contextlib
import importlib
import io
import os
import pathlib
import re
import tempfile
import unittest

README = pathlib.Path(__file__).parent.parent / "README.md"


class Readme(unittest.TestCase):
    def test_examples_run(self):
        examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        self.assertEqual(len(examples), 2)
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                for example in examples:
                    printed = io.StringIO()
                    with contextlib.redirect_stdout(printed):
                        exec(compile(example, str(README), "exec"), {})
                    if "print" in example:
                        self.assertEqual(printed.getvalue().count("b'object "), 1000)
                        self.assertRegex(printed.getvalue(), r"(?m)^(\d+) of \1$")
            finally:
                os.chdir(before)

    def test_every_method_that_it_names_exists(self):
        import loosepack

        table = README.read_text().split("## What there is")[1].split("The calls of")[0]
        names = set(re.findall(r"`(?:Container\.)?([a-z_]+)\(", table))
        self.assertGreater(len(names), 20)
        self.assertEqual({name for name in names if not hasattr(loosepack.Container, name)}, set())

    def test_every_test_that_the_table_of_calls_names_exists(self):
        table = (README.parent / "../../docs/from-disk-objectstore.md").resolve().read_text()
        named = set(re.findall(r"package/(\w+): (\w+)", table))
        self.assertGreater(len(named), 25)
        for module, name in named:
            classes = vars(importlib.import_module(module)).values()
            self.assertTrue(any(hasattr(value, name) for value in classes if isinstance(value, type)), name)

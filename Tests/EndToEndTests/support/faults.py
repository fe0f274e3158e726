"""A disk and a clock that misbehave on demand, by a preloaded library that is compiled once (`faults.c`)."""

import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile


@functools.cache
def library():
    compiler = next((found for name in ("clang", "cc", "gcc") if (found := shutil.which(name))), None)
    assert compiler, "the library of faults needs a C compiler; Swift's tool chain has clang"
    source = pathlib.Path(__file__).with_suffix(".c")
    folder = tempfile.mkdtemp(prefix="sallyport-faults-")
    atexit.register(shutil.rmtree, folder)
    made = pathlib.Path(folder) / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(made), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


class Faults:
    """Rules for the calls on files below one directory; `set()` ends them all."""

    def __init__(self, under, control):
        self.under, self.control = pathlib.Path(under), pathlib.Path(control)
        self.trace_file = self.control.with_suffix(".trace")
        self.set()

    def environment(self, clock_ahead=0):
        added = {
            "LD_PRELOAD": str(library()),
            "FAULTS_UNDER": str(self.under),
            "FAULTS_FILE": str(self.control),
            "FAULTS_TRACE": str(self.trace_file),
            "FAULTS_CLOCK": str(clock_ahead),
        }
        return os.environ | added

    def set(self, *rules):
        """`set("fdatasync EIO 1 1", …)`: CALL ACTION FIRST COUNT, counted from now on."""
        fresh = self.control.with_suffix(".new")
        # A rule that is set twice counts anew: the text has to differ.
        self.generation = getattr(self, "generation", 0) + 1
        fresh.write_text("\n".join([f"# {self.generation}", *rules]) + "\n")
        fresh.rename(self.control)

    def trace(self):
        """`(call, file name)` of every call so far."""
        if not self.trace_file.exists():
            return []
        lines = [line.split(" ", 1) for line in self.trace_file.read_text().splitlines()]
        return [(call, pathlib.Path(path).name) for call, path in lines]

    def forget(self):
        self.trace_file.unlink(missing_ok=True)

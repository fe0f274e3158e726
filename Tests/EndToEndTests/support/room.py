"""A small disk of one's own: a tmpfs in a mount namespace that a process holds open.

Nothing is mounted outside of it, and it goes with the process.
"""

import os
import pathlib
import subprocess

MOUNT = 'mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$2" && echo mounted && exec cat'
# As the superuser, and where that is not allowed or not so, as the root of a user namespace.
WAYS = [["-m"], ["-r", "-m"]]


class NoRoom(Exception):
    """Neither root nor user namespaces can mount here."""


class Room:
    """`outside` is the directory as everybody else sees it, for as long as this is open."""

    def __init__(self, directory, size):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True, mode=0o700)
        self.holder = next((holder for way in WAYS if (holder := self._hold(way, size))), None)
        if not self.holder:
            raise NoRoom("no tmpfs can be mounted: neither `unshare -m` nor `unshare -rm` may do so here")
        # `--preserve-credentials` needs a user namespace to enter; the superuser has none to enter.
        user = ["-U", "--preserve-credentials"] if self.way == WAYS[1] else []
        self.enter = ["nsenter", "-t", str(self.holder.pid), *user, "-m", f"--wd={os.getcwd()}", "--"]
        self.outside = pathlib.Path(f"/proc/{self.holder.pid}/root{self.directory}")
        self.ballast = self.outside / "ballast"

    def _hold(self, way, size):
        holder = subprocess.Popen(
            ["unshare", *way, "sh", "-c", MOUNT, "sh", str(size), str(self.directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.way = way
        if holder.stdout.readline() == b"mounted\n":
            return holder
        holder.stdin.close()
        holder.wait(10)
        return None

    @property
    def free_bytes(self):
        found = os.statvfs(self.outside)
        return found.f_bavail * found.f_frsize

    def fill(self, but=0):
        """Takes all space but `but` bytes, as far as pages allow."""
        with open(self.ballast, "ab", buffering=0) as ballast:
            try:
                while (left := self.free_bytes - but) >= 4096:
                    ballast.write(bytes(min(left // 4096 * 4096, 1 << 20)))
            except OSError:
                pass

    def clear(self):
        self.ballast.unlink(missing_ok=True)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(10)

"""A real grid of one node, and the programs whose use of it is measured."""
import os
import sys

import rounds
from grid import TAHOE, RealGrid


class Real:
    """Everything is below `folder`, which is also HOME."""
    def __init__(self, barge, folder):
        self.barge, self.folder = barge, folder
        self.grid = self.make_grid(folder)
        self.node = ["-d", self.grid.directory]
        self.second = None
        self.gateways = [self.grid.running[-1].pid]
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"],
                            "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore"}

    def make_grid(self, folder):
        return RealGrid(folder / "grid")

    def measure(self, command, **options):
        return rounds.measure(command, self.gateways, self.environment, **options)

    def two_gateways(self):
        """Options of barge; starts the second one, which has no storage, where it does not run.  It
        is named first: the first one also plans, and the node has its storage to serve."""
        if not self.second:
            self.second, process = self.grid.add_gateway()
            self.gateways.append(process.pid)
        return [*self.node, "-u", self.second, "-u", self.grid.url]

    def barge_cp(self, *words, state="state"):
        """The command; jobs of another `state` are not known to it."""
        return [self.barge, "cp", "-r", "--state-dir", self.folder / state, *words]

    def tahoe_cp(self, *words):
        return [TAHOE, *self.node, "cp", "-r", *words]

    def versions(self):
        return {"barge": rounds.version([self.barge, "--version"]),
                "tahoe": rounds.version([TAHOE, "--version"]),
                "curl": rounds.version(["curl", "--version"]),
                "python": sys.version.split()[0]}

    def stop(self):
        self.grid.stop()

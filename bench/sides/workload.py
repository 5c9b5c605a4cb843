"""Trees of files with random content, and curl's way of sending the same files."""
import os
from pathlib import Path


class Workload:
    """`small` files of `size` bytes in directories, and `large` ones of `large_size` at the top.

    With `middles` m and `leaves` l there are m directories of l each: 1 + m + m * l in all.
    """
    def __init__(self, folder, shape, small=(400, 4096), large=(0, 0)):
        self.folder, self.top = Path(folder), Path(folder) / "tree"
        middles, leaves = shape
        self.directories = 1 + middles + middles * leaves
        ends = [self.top / f"middle-{m:02d}" / f"leaf-{n:02d}"
                for m in range(middles) for n in range(leaves)]
        for end in ends:
            end.mkdir(parents=True)
        self.small = [ends[i % len(ends)] / f"file-{i:05d}.dat" for i in range(small[0])]
        self.large = [self.top / f"large-{i}.dat" for i in range(large[0])]
        self.small_size, self.large_size = small[1], large[1]
        self.bytes = small[0] * small[1] + large[0] * large[1]

    def renew(self, _side=None):
        """New content everywhere, so that a grid has seen none of it."""
        for path in self.small:
            path.write_bytes(os.urandom(self.small_size))
        for path in self.large:
            with open(path, "wb") as file:
                for _ in range(self.large_size >> 20):
                    file.write(os.urandom(1 << 20))

    def curl(self, url, parallel):
        """The command that PUTs each file, without directories; no file twice."""
        config = self.folder / "curl.config"
        pairs = (f'url = "{url}uri"\nupload-file = "{path}"\noutput = "/dev/null"\n'
                 for path in self.small + self.large)
        config.write_text("".join(pairs))
        return ["curl", "-q", "--silent", "--show-error", "--fail", "--noproxy", "*", "-Z",
                "--parallel-max", str(parallel), "-H", "Expect:", "-K", str(config)]

    def describe(self):
        return {"small_files": len(self.small), "small_size": self.small_size,
                "large_files": len(self.large), "large_size": self.large_size,
                "directories": self.directories, "bytes": self.bytes}

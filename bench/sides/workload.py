"""Trees of files with random content, and curl's way of sending and fetching the same files."""
import os
from pathlib import Path
from urllib.parse import quote


class Workload:
    """`small` files of `size` bytes in directories, and `large` ones of `large_size` at the top.

    With `middles` m and `leaves` l there are m directories of l each: 1 + m + m * l in all.
    """
    def __init__(self, folder, shape, small=(400, 4096), large=(0, 0)):
        self.folder, self.top = Path(folder), Path(folder) / "tree"
        middles, leaves = shape
        self.directories = 1 + middles + middles * leaves
        self.top.mkdir(parents=True)
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
        return [*self.curl_options(parallel), "-H", "Expect:", "-K", str(config)]

    @staticmethod
    def curl_options(parallel):
        return ["curl", "-q", "--silent", "--show-error", "--fail", "--noproxy", "*", "-Z",
                "--parallel-max", str(parallel)]

    def curl_back(self, url, caps, folder, parallel):
        """The command that fetches {path: cap}, and {path: where it puts each}, all in `folder`."""
        config, places = self.folder / "curl-back.config", {}
        lines = []
        for number, (path, cap) in enumerate(sorted(caps.items())):
            places[path] = folder / f"{number}.dat"
            lines.append(f'url = "{url}uri/{quote(cap)}"\noutput = "{places[path]}"\n')
        config.write_text("".join(lines))
        return [*self.curl_options(parallel), "-K", str(config)], places

    def describe(self):
        return {"small_files": len(self.small), "small_size": self.small_size,
                "large_files": len(self.large), "large_size": self.large_size,
                "directories": self.directories, "bytes": self.bytes}

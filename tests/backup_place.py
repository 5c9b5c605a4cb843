"""A source and a target for tests of barge backup."""
import time

from tree import content

OLD = 0.3  # seconds after which times are believed


class Place:
    """A source, a target of its own, and what is at the target."""
    def __init__(self, grid, barge, source):
        self.grid, self.barge, self.source = grid, barge, source
        self.alias, self.cap = grid.fresh()
        (source / "a/b").mkdir(parents=True)
        (source / "c").mkdir()
        for number in range(3):
            (source / f"a/f{number}").write_bytes(content(300, number))
            (source / f"a/b/g{number}").write_bytes(content(70_000, number))
            (source / f"c/s{number}").write_bytes(b"small %d" % number)
        (source / "c/link").symlink_to("../a/f1")
        time.sleep(OLD)

    def backup(self, *options, code=0, **how):
        run = self.barge.ok("backup", "--json", *options, self.source, self.alias + "to",
                            code=code, **how)
        return run.summary()

    def archives(self):
        """{stamp: cap} of the snapshots."""
        return {name: node["ro_uri"]
                for name, (_, node) in self.grid.children(self.cap, "to/Archives").items()}

    def latest(self):
        return self.grid.child(self.cap, "to/Latest")[1]["ro_uri"]

    def tree(self):
        """What the last snapshot holds; symlinks are files there."""
        return self.grid.tree(self.latest())

    def database(self):
        (path,) = (self.barge.state / "known").glob("*.sqlite")
        return path


def counts(summary):
    """Files uploaded, reused, skipped; directories created, reused, skipped."""
    return tuple(summary[key] for key in ("files_uploaded", "files_reused", "files_skipped",
                                          "directories_created", "directories_reused",
                                          "directories_skipped"))


def check_latest(place):
    """Latest is the newest snapshot, and that has all names of the source."""
    archives = place.archives()
    assert place.latest() == archives[max(archives)]
    names = {str(path.relative_to(place.source)) for path in place.source.rglob("*")}
    assert set(place.tree()) == names

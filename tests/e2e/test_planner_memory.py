"""The planner's memory does not grow with the tree."""
import os

import pytest

MIB = 1 << 20


def make_entries(path, count, a_directory=1000):
    """`count` empty files, `a_directory` in each directory."""
    for first in range(0, count, a_directory):
        folder = path / f"d{first // a_directory:04}"
        folder.mkdir(parents=True)
        for number in range(first, min(first + a_directory, count)):
            os.close(os.open(folder / f"file with a name of some length {number}",
                             os.O_CREAT | os.O_WRONLY))


def peak_of_plan(barge, source, plan):
    """Bytes of resident memory at most, of `barge plan -o`."""
    process = barge.start("plan", "-r", "-o", plan, source, "tahoe:")
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, errors
    return usage.ru_maxrss * 1024


def test_ten_times_the_entries_take_no_more_memory(embedded, client, tmp_path):
    barge = client(embedded)
    peaks = []
    for count in (10_000, 100_000):
        source = tmp_path / f"tree{count}"
        make_entries(source, count)
        peaks.append(peak_of_plan(barge, source, tmp_path / f"{count}.plan"))
    print(f"peaks {[peak // 1024 for peak in peaks]} KiB")
    assert peaks[1] - peaks[0] < 4 * MIB


@pytest.mark.long
def test_a_million_entries_stay_below_64_mib(embedded, client, tmp_path):
    source = tmp_path / "tree"
    make_entries(source, 1_000_000)
    peak = peak_of_plan(client(embedded), source, tmp_path / "million.plan")
    print(f"peak {peak // 1024} KiB")
    assert peak < 64 * MIB

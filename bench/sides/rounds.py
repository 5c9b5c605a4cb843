"""Several programs that do the same job, one after the other, round after round.

    measure     one command: seconds, its CPU, the CPU meanwhile of a gateway
    play        all sides in each round, another first each time
    figures     medians, spread, CPU and ratios of what play returned
    machine     what it ran on, and how busy that was
"""
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """CPU seconds of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(command, gateways, env=None, out=subprocess.DEVNULL):
    """Runs a command that must succeed; {"seconds", "cpu", "gateway_cpu", "load"}, where `gateways`
    are the pids of all that may be asked."""
    load = os.getloadavg()[0]
    before, begun = sum(map(cpu_of, gateways)), time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                          env=env) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}: "
                 f"{said[-2000:].decode(errors='replace')}")
    return {"seconds": round(seconds, 4), "cpu": round(usage.ru_utime + usage.ru_stime, 4),
            "gateway_cpu": round(sum(map(cpu_of, gateways)) - before, 2), "load": round(load, 2)}


def play(sides, rounds, prepare):
    """Runs {name: function} `rounds` times; {name: [what the function returned]}.

    `prepare(name)` comes before each and is not timed.  What the last one left to be written to
    the disk is written first.
    """
    results, names = {name: [] for name in sides}, list(sides)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            prepare(name)
            os.sync()
            results[name].append(sides[name]())
            print(f"round {number + 1}: {name}: {results[name][-1]}", file=sys.stderr, flush=True)
    return results


def median(results, what="seconds"):
    return round(statistics.median(result[what] for result in results), 4)


def figures(results):
    """{side: medians, spread, and all single runs}."""
    return {name: {"seconds": median(of),
                   "fastest": min(result["seconds"] for result in of),
                   "slowest": max(result["seconds"] for result in of),
                   "cpu": median(of, "cpu"), "gateway_cpu": median(of, "gateway_cpu"),
                   "runs": of}
            for name, of in results.items()}


def ratio(results, side, against, target=None):
    """How many times as fast `side` is as `against`; without a target nothing is to be met."""
    value = median(results[against]) / median(results[side])
    return {"side": side, "against": against, "times": round(value, 3), "target": target,
            "met": None if target is None else value >= target}


def ratios(results, targets):
    """The ratio of each (side, against, target) whose sides were both run."""
    return [ratio(results, *target) for target in targets
            if target[0] in results and target[1] in results]


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def machine():
    return {"cpus": os.cpu_count(), "processor": processor(), "kernel": platform.release(),
            "arch": platform.machine(),
            "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            "load_average": [round(load, 2) for load in os.getloadavg()]}


def version(command):
    """The first line it prints that names a version."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False)
    return next((line for line in done.stdout.splitlines() if any(map(str.isdigit, line))), "")

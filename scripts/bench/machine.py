"""The machine a benchmark runs on: what it is, and how much of it other programs took meanwhile."""
import os
import platform
import resource
import time

# Above this share a timing says more about the neighbours than about the program.
QUIET = 3.0


def model():
    """The CPU model as the kernel names it."""
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def cores():
    return os.cpu_count()


def today():
    return time.strftime("%Y-%m-%d")


class Neighbours:
    """Counts from its making; `share` may be asked once our children have been waited for."""

    def __init__(self):
        self.total, self.busy = machine_seconds()
        self.own = own_seconds()

    def share(self):
        """Per cent of the machine's CPU time (all cores, idle included) that went to neither this program nor its
        children: other programs, interrupts, and time the hypervisor gave to another guest."""
        total, busy = machine_seconds()
        others = (busy - self.busy) - (own_seconds() - self.own)
        # The kernel counts in ticks, so a short and quiet run may come out just below zero.
        return max(0.0, 100 * others / max(total - self.total, 1e-9))


def machine_seconds():
    """All CPU time of the machine since it started, and the part that was not idle (man 5 proc, /proc/stat)."""
    with open("/proc/stat") as lines:
        # user nice system idle iowait irq softirq steal; guest time, which follows, is within user and nice.
        fields = [int(field) for field in lines.readline().split()[1:9]]
    ticks = os.sysconf("SC_CLK_TCK")
    return sum(fields) / ticks, (sum(fields) - fields[3] - fields[4]) / ticks


def own_seconds():
    """CPU time of this program and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def warn(share):
    if share > QUIET:
        print(f"warning: other programs took {share:.1f} % of the machine's CPU time, more than {QUIET:.0f} %: "
              "repeat it on a quiet machine")

# SPDX-License-Identifier: BSD-2-Clause
"""Is all memory back? The books of the LWK, to the page, and Linux's, within what its own caches do."""
import time

LINUX_SLACK_KIB = 32768
# What the LWK keeps once taken: objects of its own, and a table for each 2 MiB of Linux where slots ever lay.
KEPT_SLACK_BYTES = 2 << 20


class Books:
    """Memory of both kernels now, with nothing running on the instance."""

    def __init__(self, guest):
        guest.sh("rm -rf /tmp/fuzz /tmp/soak /tmp/conform; ipcrm --all; rm -rf /dev/shm/*")
        self.lwk, self.kept, self.left = _settled(guest)
        self.linux_kib = guest.mem_free_kib()

    def lost_since(self, before):
        """What is missing, in words; empty if nothing is."""
        lost = before.lwk + before.kept - self.lwk - self.kept
        if lost:
            return f"the LWK lost {lost} bytes{self.left}"
        if self.kept - before.kept > KEPT_SLACK_BYTES:
            return f"the LWK keeps {self.kept - before.kept} bytes more for its own objects"
        if before.linux_kib - self.linux_kib > LINUX_SLACK_KIB:
            return f"Linux lost {before.linux_kib - self.linux_kib} KiB"
        return ""


def settled_bytes(guest):
    """Bytes that programs could have of the instance, once the memory of what ended has come back."""
    free, kept, _ = _settled(guest)
    return free + kept


def _settled(guest):
    """(free, kept) bytes of the instance, once the memory of what ended has come back, and in words what has not ended.
    Each look has the LWK drop its cache: an owner too many of a cached page would go unseen else, and its numbers are
    as old as its last message."""
    last = None
    for _ in range(60):
        guest.check(["ihkosctl", "0", "drop_cache"])
        status = guest.status()
        now = sum(node["free_bytes"] for node in status["nodes"]), status["kept_bytes"]
        ended = status["processes"] == 0 and status["quarantined_pages"] == 0
        if now == last and ended:
            break
        last = now
        time.sleep(0.3)
    left = f", with {status['processes']} processes and {status['quarantined_pages']} pages in quarantine left"
    return *now, "" if ended else left

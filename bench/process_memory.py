# SPDX-License-Identifier: Apache-2.0
"""What the kernel says a process, and all sockets together, hold. Units are KiB."""
import os


def _status(pid, key):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    raise KeyError(key)


def rss_kib(pid):
    return _status(pid, "VmRSS")


def peak_kib(pid):
    """The most RSS that it had since it began."""
    return _status(pid, "VmHWM")


def anonymous_kib(pid):
    """Without pages of files: programs and libraries, and SQLite's shared index of its write-ahead log."""
    return _status(pid, "RssAnon")


def threads(pid):
    return _status(pid, "Threads")


def processor_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def connections_to(pid, port):
    """How many established connections to 127.0.0.1:port the process has."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" and row[9] in inodes for row in rows)


# Kernel objects that a TCP connection consists of, beside its buffers.
_socket_caches = ("TCP", "sock_inode_cache", "filp", "dentry", "ep_head", "eventpoll_epi", "eventpoll_pwq", "tcp_bind_bucket")


def kernel_sockets_kib():
    """Slab objects of all sockets of this machine, and their buffers (/proc/net/sockstat); None where not readable."""
    try:
        with open("/proc/slabinfo") as table:
            slabs = {line.split()[0]: line.split() for line in table if not line.startswith(("#", "slabinfo"))}
    except PermissionError:
        return None
    octets = sum(int(slabs[name][1]) * int(slabs[name][3]) for name in _socket_caches if name in slabs)
    with open("/proc/net/sockstat") as table:
        for line in table:
            if line.startswith("TCP:"):
                words = line.split()
                octets += int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")
    return octets / 1024

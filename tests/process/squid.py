# SPDX-License-Identifier: Apache-2.0
"""A private squid on loopback that demands a login: no service, no privileges, everything in a directory of its own."""
import glob
import hashlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import stage as st

HELPERS = "/usr/lib/squid/"
REALM = "inside"


class Squid:
    def __init__(self, user, password, allowed_port, host):
        """host: a name that only this proxy knows; it is 127.0.0.1."""
        self.folder = tempfile.mkdtemp(prefix="tsq-")
        self.port, self.user, self.child = st.free_port(), user, None
        self.allowed_port, self.host = allowed_port, host
        self.url = f"http://127.0.0.1:{self.port}"
        self.access = self.path("access.log")
        # squid names its shared memory after its service, and leaves it behind when it is killed.
        self.service = "tsq" + re.sub(r"\W|_", "", os.path.basename(self.folder)[4:]) + str(os.getpid())
        hashed = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=password, capture_output=True, text=True, check=True)
        self.write("basic", f"{user}:{hashed.stdout.strip()}\n")
        self.write("digest", f"{user}:{REALM}:{hashlib.md5(f'{user}:{REALM}:{password}'.encode()).hexdigest()}\n")
        self.write("hosts", f"127.0.0.1 localhost {host}\n")
        self.uid = pwd.getpwnam("proxy") if os.getuid() == 0 else None
        if self.uid:
            for name in ("", "basic", "digest", "hosts"):
                os.chown(self.path(name), self.uid.pw_uid, self.uid.pw_gid)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as out:
            out.write(text)

    def configuration(self, schemes):
        programs = {"basic": f"{HELPERS}basic_ncsa_auth {self.path('basic')}",
                    "digest": f"{HELPERS}digest_file_auth -c {self.path('digest')}",
                    "ntlm": f"{HELPERS}ntlm_fake_auth"}
        lines = [f"http_port 127.0.0.1:{self.port}", "visible_hostname squid.example", "pid_filename none",
                 f"hosts_file {self.path('hosts')}", f"cache_log {self.path('cache.log')}", f"coredump_dir {self.folder}",
                 "logformat seen %rm %ru %03>Hs %un %{Proxy-Authorization}>h", f"access_log stdio:{self.access} seen",
                 "buffered_logs off", "cache deny all", "cache_mem 4 MB", "memory_cache_shared off", "pinger_enable off",
                 "netdb_filename none", "max_filedescriptors 1024", "shutdown_lifetime 0 seconds"]
        for scheme in schemes:
            lines += [f"auth_param {scheme} program {programs[scheme]}", f"auth_param {scheme} children 2 startup=1 idle=1"]
            if scheme != "ntlm":
                lines.append(f"auth_param {scheme} realm {REALM}")
        lines += [f"acl relay port {self.allowed_port}", "acl known proxy_auth REQUIRED", "http_access deny !relay",
                  "http_access allow CONNECT known", "http_access deny all"]
        return "\n".join(lines) + "\n"

    def start(self, *schemes):
        self.write("squid.conf", self.configuration(schemes or ("digest", "basic")))
        who = {"user": self.uid.pw_uid, "group": self.uid.pw_gid, "extra_groups": []} if self.uid else {}
        with open(self.path("output"), "ab") as output:
            self.child = subprocess.Popen(["/usr/sbin/squid", "-N", "-n", self.service, "-f", self.path("squid.conf")], cwd=self.folder,
                                          stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                                          env=st.environment(), **who)

        def listens():
            if self.child.poll() is not None:
                raise st.StageError("squid ended:\n" + self.tail())
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        st.wait_for("squid to listen", listens)

    def tail(self):
        text = ""
        for name in ("output", "cache.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), errors="replace") as log:
                    text += log.read()[-2000:]
        return text

    def kill(self):
        """At once; its helpers end when they find their pipes closed."""
        if self.child:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()
            self.child = None

    def seen(self):
        """(target, status, user, scheme) of every request that is over: a tunnel stands here when it has ended."""
        if not os.path.exists(self.access):
            return []
        with open(self.access) as log:
            rows = [line.split() for line in log]
        return [(row[1], int(row[2]), row[3], row[4].split("%20")[0]) for row in rows if row[0] == "CONNECT"]

    def close(self):
        self.kill()
        for segment in glob.glob(f"/dev/shm/{self.service}-*"):
            os.remove(segment)
        shutil.rmtree(self.folder, ignore_errors=True)

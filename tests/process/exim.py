# SPDX-License-Identifier: Apache-2.0
"""A private Exim on loopback that takes mail from who has logged in and hands it to Dovecot by LMTP: no service, nothing
of the system's configuration, everything in a directory of its own. Needs root: Exim listens for nobody else."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile

import stage as st

PROGRAM = "/usr/sbin/exim4"

# With AUTH PLAIN the three are authzid, authcid, password. The login counts as the user that it acts for.
CONFIGURATION = r"""
keep_environment =
primary_hostname = mail.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {starttls} : {implicit}
tls_on_connect_ports = {implicit}
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.key
tls_advertise_hosts = *
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
log_selector = +smtp_connection
rfc1413_query_timeout = 0s
accept_8bitmime = true
acl_smtp_rcpt = recipient
acl_smtp_data = dot

begin acl
recipient:
  deny message = 5.7.1 log in first
    ! authenticated = *
  deny message = 5.7.1 not the sender's login
    ! condition = ${{if eqi{{$authenticated_id}}{{$sender_address}}}}
  warn condition = ${{if exists{{{folder}/hold.recipient}}}}
    set acl_m_waits = ${{readfile{{{folder}/hold.recipient}}}}
  defer message = 4.3.2 not now
    condition = ${{if exists{{{folder}/busy}}}}
  deny message = 5.1.1 no such mailbox here
    ! verify = recipient
  accept
dot:
  warn condition = ${{if exists{{{folder}/hold.dot}}}}
    set acl_m_waits = ${{readfile{{{folder}/hold.dot}}}}
  accept

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{ {{eq{{$auth2}}{{{login}}}}} {{eq{{$auth3}}{{{password}}}}} }}}}
  server_set_id = $auth1

begin routers
mailboxes:
  driver = accept
  condition = ${{lookup{{$local_part@$domain}}lsearch{{{folder}/users}}{{yes}}{{no}}}}
  transport = dovecot

begin transports
dovecot:
  driver = smtp
  protocol = lmtp
  hosts = 127.0.0.1
  hosts_override
  allow_localhost
  port = {lmtp}
  hosts_avoid_tls = *
"""


class Exim:
    def __init__(self, lmtp, users, login, password, authority):
        """authority: the folder of the authority (ca) that signs its certificate."""
        self.folder, self.child = tempfile.mkdtemp(prefix="tex-"), None
        os.chmod(self.folder, 0o755)
        st.make_certificate(authority, "exim")
        for end in (".pem", ".key"):
            shutil.copy(os.path.join(authority, "exim" + end), self.path("server" + end))
            os.chmod(self.path("server" + end), 0o644)
        self.starttls, self.implicit = st.free_port(), st.free_port()
        with open(self.path("users"), "w") as out:
            out.writelines(f"{user}: yes\n" for user in users)
        with open(self.path("exim.conf"), "w") as out:
            out.write(CONFIGURATION.format(folder=self.folder, starttls=self.starttls, implicit=self.implicit, lmtp=lmtp,
                                           login=login, password=password))
        os.mkdir(self.path("spool"))
        shutil.chown(self.path("spool"), "Debian-exim", "Debian-exim")
        for name in ("mainlog", "rejectlog", "paniclog"):
            with open(self.path(name), "w"):
                shutil.chown(self.path(name), "Debian-exim", "Debian-exim")

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        with open(self.path("output"), "ab") as output:
            self.child = subprocess.Popen([PROGRAM, "-C", self.path("exim.conf"), "-bdf"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                          stdout=output, stderr=output, start_new_session=True, env=st.environment())

        def listens():
            if self.child.poll() is not None:
                raise st.StageError("exim ended:\n" + self.tail())
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.implicit)) == 0
        st.wait_for("Exim to listen", listens)

    def log(self, name="mainlog"):
        with open(self.path(name), errors="replace") as text:
            return text.read()

    def tail(self):
        return "".join(self.log(name)[-3000:] for name in ("output", "mainlog", "paniclog"))

    @contextlib.contextmanager
    def busy(self):
        """It asks for another attempt later, for each recipient."""
        with open(self.path("busy"), "w"):
            pass
        try:
            yield lambda: st.wait_for("Exim to refuse for now", lambda: "temporarily rejected RCPT" in self.log())
        finally:
            os.unlink(self.path("busy"))

    def lose(self):
        """kill -9 of whatever serves a connection; the daemon stays."""
        for process in st.in_session(self.child.pid):
            if process != self.child.pid:
                os.kill(process, signal.SIGKILL)

    @contextlib.contextmanager
    def held(self, where):
        """Its answer to the next recipient ("recipient") or final dot ("dot") waits. Gives a function that returns when it does
        so; it goes on when the block ends."""
        name, pipe = self.path("hold." + where), []
        os.mkfifo(name)
        os.chmod(name, 0o644)

        def waits():
            with contextlib.suppress(OSError):  # ENXIO: nobody reads
                pipe.append(os.open(name, os.O_WRONLY | os.O_NONBLOCK))
                os.unlink(name)  # one answer only
            return pipe
        try:
            yield lambda: st.wait_for(f"Exim to wait at the {where}", waits)
        finally:
            for end in pipe:
                os.close(end)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    def idle(self):
        """Nobody is connected, and nothing is left to be delivered."""
        # A message that was accepted has its -H; one that was cut off may leave its -D.
        spooled = any(name.endswith("-H") for _, _, names in os.walk(self.path("spool/input")) for name in names)
        return not spooled and st.in_session(self.child.pid) == [self.child.pid]

    def stop(self):
        if self.child:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait()
            for left in st.in_session(self.child.pid):  # what serves a connection goes on without the daemon
                with contextlib.suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)
            self.child = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

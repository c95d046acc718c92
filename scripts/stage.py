# SPDX-License-Identifier: Apache-2.0
"""A whole Tidegate on loopback below one temporary directory: authority, relay, gateway with a store, devices.
Shared by the demo, the process tests and the benches. Everything is ended by its pid; nothing outside is touched."""
import atexit
import contextlib
import email.utils
import hashlib
import imaplib
import json
import os
import queue
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("TIDEGATE_BUILD", os.path.join(SOURCE, "build/release"))
DEADLINE = float(os.environ.get("TIDEGATE_DEADLINE", "60"))  # seconds; an upper bound for what should take a moment


class StageError(Exception):
    pass


def environment(**more):
    """This process's, without proxies: what is on the stage is reached directly unless a test says otherwise."""
    plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**plain, **more}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise StageError("openssl " + words[0] + ": " + done.stderr)


def make_authority(folder, name="ca"):
    pem, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=Tidegate demo authority", "-keyout", key, "-out", pem)
    return pem


def make_certificate(folder, name="relay", authority="ca", host="localhost", days=30, address="127.0.0.1"):
    base, ca = os.path.join(folder, name), os.path.join(folder, authority)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + host,
            "-keyout", base + ".key", "-out", base + ".csr")
    with open(base + ".ext", "w") as extensions:
        extensions.write(f"subjectAltName=DNS:{host},IP:{address}\n")
    openssl("x509", "-req", "-in", base + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial",
            "-days", str(days), "-extfile", base + ".ext", "-out", base + ".pem")
    return base + ".pem", base + ".key"


def wait_for(what, condition, deadline=DEADLINE):
    """Asks again and again (an event would be better; files and sockets of other processes give none)."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise StageError("waited in vain for " + what)
        time.sleep(0.01)


class Process:
    """One program of ours; its output goes to a file, or line by line to a reader."""

    def __init__(self, name, words, folder, reader=None, env=None):
        self.name, self.words, self.log = name, words, os.path.join(folder, name + ".log")
        self.sink = open(self.log, "ab")
        self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if reader else self.sink,
                                      stderr=self.sink, start_new_session=True, env=environment(**(env or {})))
        if reader:
            threading.Thread(target=self._read, args=(reader,), daemon=True).start()

    def _read(self, reader):
        for line in self.child.stdout:
            reader(line)

    def alive(self):
        return self.child.poll() is None

    def end(self, how=signal.SIGTERM, deadline=20):
        if self.child.poll() is None:
            self.child.send_signal(how)
        try:
            code = self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            self.child.kill()
            code = self.child.wait()
        self.sink.close()
        return code

    def kill(self):
        return self.end(signal.SIGKILL)

    def halt(self):
        """SIGSTOP, and every thread of it stands: the signal alone leaves the others running until one has taken it."""
        self.child.send_signal(signal.SIGSTOP)
        tasks = f"/proc/{self.child.pid}/task"

        def stands():
            for task in os.listdir(tasks):
                with open(f"{tasks}/{task}/stat") as stat:
                    if stat.read().rpartition(")")[2].split()[0] != "T":
                        return False
            return True
        wait_for(f"{self.name} to stand", stands)

    def tail(self, lines=15):
        with open(self.log, errors="replace") as text:
            return "".join(text.readlines()[-lines:])


class Device:
    """A paired tidegate-device and what it says (--events json)."""

    def __init__(self, stage, user, name):
        self.stage, self.user, self.name = stage, user, name
        self.state = os.path.join(stage.folder, name)
        self.maildir = os.path.join(self.state, "mail")
        self.events = queue.Queue()
        self.process = None

    def pair(self, code, password, check=True, more=(), env=None):
        password_file = self.stage.write(self.name + ".password", password)
        return self.stage.run_tool("tidegate-device", "pair", "--relay", self.stage.relay_url, "--user", self.user,
                                   "--ca", self.stage.ca, "--state", self.state, "--password-file", password_file, *more,
                                   code, check=check, env=env)

    def start(self, *more, env=None):
        self.process = self.stage.start(self.name, "tidegate-device", "run", "--state", self.state, "--events", "json", *more,
                                        reader=self._event, env=env)

    def _event(self, line):
        try:
            self.events.put(json.loads(line))
        except ValueError:
            self.events.put({"event": "garbled", "line": line.decode(errors="replace")})

    def next(self, deadline=DEADLINE):
        try:
            return self.events.get(timeout=deadline)
        except queue.Empty:
            raise StageError(f"{self.name} said nothing for {deadline:.0f} s; its log ends:\n{self.process.tail()}") from None

    def until(self, event, deadline=DEADLINE):
        """The next event of that name; what comes before is returned with it."""
        end, before = time.monotonic() + deadline, []
        while True:
            heard = self.next(max(0.01, end - time.monotonic()))
            before.append(heard)
            if heard.get("event") == event:
                return heard, before

    def files(self):
        """SHA-256 of every message in the Maildir, with how often it is there."""
        return maildir_hashes(self.maildir)


def in_session(leader):
    """The processes of that session which still run, itself among them."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{name}/stat") as stat:
            state, _, _, session = stat.read().rsplit(")", 1)[1].split()[:4]
            if int(session) == leader and state != "Z":
                found.append(int(name))
    return found


def maildir_hashes(root):
    found = {}
    for folder, _, names in os.walk(root):
        if os.path.basename(folder) not in ("cur", "new"):
            continue
        for name in names:
            try:
                with open(os.path.join(folder, name), "rb") as message:
                    octets = message.read()
            except FileNotFoundError:
                continue
            digest = hashlib.sha256(octets).hexdigest()
            found[digest] = found.get(digest, 0) + 1
    return found


class Stage:
    def __init__(self, folder=None, keep=False):
        self.folder = folder or tempfile.mkdtemp(prefix="tidegate-")
        self.processes, self.devices = [], {}
        self.keep = keep
        self.dovecot_folder = None
        atexit.register(self.close)
        self.ca = make_authority(self.folder)
        self.certificate, self.key = make_certificate(self.folder)
        self.relay_port = free_port()
        self.relay_url, self.relay_host = f"https://localhost:{self.relay_port}", "127.0.0.1"
        self.prefix = {}  # program → words before it, if it is to run elsewhere (nsenter)
        self.relay = self.gateway = None
        self.control = os.path.join(self.folder, "control.sock")

    # --- small things
    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
            out.write(text)
        return path

    def program(self, name):
        return os.path.join(BUILD, "bin", name)

    def command(self, program, *words):
        return [*self.prefix.get(program, []), self.program(program), *words]

    def start(self, name, program, *words, reader=None, env=None):
        process = Process(name, self.command(program, *words), self.folder, reader, env)
        self.processes.append(process)
        return process

    def run_tool(self, program, *words, check=True, env=None):
        done = subprocess.run(self.command(program, *words), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=DEADLINE * 2, env=environment(**(env or {})))
        if check and done.returncode != 0:
            raise StageError(f"{program} {words[0]}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    # --- relay
    def write_relay_ini(self, **more):
        settings = {"listen": f"127.0.0.1:{self.relay_port}", "public_url": self.relay_url, "certificate": self.certificate,
                    "key": self.key, "state": self.path("relay"), **more}
        self.relay_ini = self.write("relay.ini", "[relay]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))

    def start_relay(self):
        self.relay = self.start("relay", "tidegate-relay", "run", "--config", self.relay_ini)
        self._listens(self.relay_port, self.relay)

    def _listens(self, port, process):
        def reachable():
            if not process.alive():
                raise StageError(f"{process.name} ended:\n{process.tail()}")
            with socket.socket() as probe:
                return probe.connect_ex((self.relay_host, port)) == 0
        wait_for(f"{process.name} to listen", reachable)

    def add_licence(self, name="demo", seats=20):
        self.licence_password = self.write("licence.password", "a licence's password\n")
        self.run_tool("tidegate-relay", "licence", "add", name, "--seats", str(seats), "--password-file",
                      self.licence_password, "--config", self.relay_ini)

    # --- gateway
    def write_gateway_ini(self, backend, users="*@example.com", gateway=None, parts="mail", link=None, more=None):
        """backend: the lines of [backend:store] as a dict; more: of other back-ends by name, which serve the parts that are
        written PART=NAME."""
        general = {"relay": self.relay_url, "state": self.path("gateway"), "plugins": os.path.join(BUILD, "plugins"),
                   "control": self.control, "pairing": "admin", "name": "stage", **(gateway or {})}
        lines = ["[gateway]"] + [f"{k} = {v}" for k, v in general.items()]
        lines += ["[link]", f"ca_file = {self.ca}"] + [f"{k} = {v}" for k, v in (link or {}).items()]
        for name, settings in {"store": backend, **(more or {})}.items():
            lines += [f"[backend:{name}]"] + [f"{k} = {v}" for k, v in settings.items()]
        lines += ["[site:demo]", f"users = {users}"]
        lines += [f"{part} = {name or 'store'}" for part, _, name in (each.partition("=") for each in parts.split())]
        self.gateway_ini = self.write("tidegated.ini", "\n".join(lines) + "\n")

    def start_gateway(self, env=None):
        self.gateway = self.start("gateway", "tidegated", "--config", self.gateway_ini, env=env)

        def answers():
            if not self.gateway.alive():
                raise StageError("gateway ended:\n" + self.gateway.tail())
            return self.ctl("status", check=False).returncode == 0
        wait_for("the gateway's control socket", answers)

    def ctl(self, *words, check=True):
        return self.run_tool("tidegatectl", "--socket", self.control, "--json", *words, check=check)

    def ctl_rows(self, *words):
        """The rows of an answer, as dicts."""
        lines = (json.loads(line) for line in self.ctl(*words).stdout.splitlines())
        return [line["row"] for line in lines if "row" in line]

    def register(self, licence="demo"):
        self.ctl("register", "--licence", licence, "--password-file", self.licence_password)
        self.wait_open()

    def wait_open(self):
        wait_for("the channel to the relay", lambda: any(row.get("link") == "open" for row in self.ctl_rows("status")))

    def add_user(self, user="alice@example.com", password="correct horse battery"):
        password_file = self.write("account.password", password + "\n")
        self.ctl("user", "add", user, "--password-file", password_file)
        return password

    def code(self, user):
        return self.ctl_rows("pair", user)[0]["code"]

    def pair_device(self, user="alice@example.com", name="device", password="correct horse battery"):
        device = Device(self, user, name)
        device.pair(self.code(user), password)
        self.devices[name] = device
        return device

    # --- all of it
    def open_relay(self, seats=20, **relay):
        """A relay with a licence, and a user's empty mailbox of the mock."""
        self.write_relay_ini(**relay)
        self.add_licence(seats=seats)
        self.start_relay()
        self.make_mock_user()

    def serve_mock(self, **ini):
        """A gateway on the mock's mailboxes, registered."""
        self.write_gateway_ini({"plugin": "mock", "root": self.mock_root()}, **ini)
        self.start_gateway()
        self.register()

    def first_device(self):
        """Of a gateway whose ini is written: started, registered, with its user and a device that is current."""
        self.start_gateway()
        self.register()
        self.add_user()
        device = self.pair_device()
        device.start()
        device.until("current")
        return device

    # --- stores
    def mock_root(self):
        return self.path("store")

    def make_mock_user(self, user="alice@example.com"):
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.mock_root(), user, sub), exist_ok=True)

    def drop(self, octets, user="alice@example.com", folder=""):
        """Delivers into the mock's Maildir as an MDA does: tmp, then new. Returns the instant of the delivery."""
        root = os.path.join(self.mock_root(), user, folder)
        name = f"{time.time_ns()}.{os.getpid()}.stage"
        with open(os.path.join(root, "tmp", name), "wb") as out:
            out.write(octets)
        at = time.time()
        os.rename(os.path.join(root, "tmp", name), os.path.join(root, "new", name))
        return at

    def start_dovecot(self, *users, **environment):
        self.dovecot_folder = tempfile.mkdtemp(prefix="tdc-")  # short: sockets live below it
        done = subprocess.run([os.path.join(SOURCE, "scripts/dovecot.sh"), "start", self.dovecot_folder, *users],
                              capture_output=True, text=True, env={**os.environ, **environment})
        if done.returncode != 0:
            raise StageError("dovecot: " + done.stdout + done.stderr)
        self.dovecot = dict(word.split("=", 1) for word in done.stdout.split())
        self.imap_password = self.write("imap.password", "pw-gateway\n")
        return {"plugin": "imap", "host": "localhost", "port": self.dovecot["imaps"], "admin": "gateway",
                "password_file": self.imap_password, "ca_file": os.path.join(self.dovecot_folder, "ca.pem")}

    def kill_dovecot(self):
        """kill -9 of the whole of it, and a new one on what is left."""
        with open(os.path.join(self.dovecot_folder, "run/master.pid")) as pid:
            master = int(pid.read())

        def gone():
            victims = in_session(master)
            for victim in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            return not victims
        wait_for("Dovecot to be gone", gone)
        done = subprocess.run([os.path.join(SOURCE, "scripts/dovecot.sh"), "again", self.dovecot_folder], capture_output=True, text=True)
        if done.returncode != 0:
            raise StageError("dovecot: " + done.stdout + done.stderr)

    def stop_dovecot(self):
        if self.dovecot_folder:
            subprocess.run([os.path.join(SOURCE, "scripts/dovecot.sh"), "stop", self.dovecot_folder], capture_output=True)
            shutil.rmtree(self.dovecot_folder, ignore_errors=True)
            self.dovecot_folder = None

    def lmtp(self):
        return smtplib.LMTP("127.0.0.1", int(self.dovecot["lmtp"]))

    def dovecot_hashes(self, user):
        """SHA-256 of every message as another IMAP client gets it (a server may store it otherwise), with how often."""
        found = {}
        context = ssl.create_default_context(cafile=os.path.join(self.dovecot_folder, "ca.pem"))
        with imaplib.IMAP4_SSL("localhost", int(self.dovecot["imaps"]), ssl_context=context) as imap:
            imap.login(user, "pw-" + user)
            for line in imap.list()[1]:
                name = re.search(rb'"((?:[^"\\]|\\.)*)"$|([^ "]+)$', line)
                folder = (name.group(1) or name.group(2)).decode()
                if imap.select('"' + folder + '"', readonly=True)[0] != "OK":
                    continue  # listed, but gone or for the tree only
                uids = imap.uid("search", "ALL")[1][0].split()
                for part in imap.uid("fetch", b",".join(uids), "(BODY.PEEK[])")[1] if uids else []:
                    if isinstance(part, tuple):
                        digest = hashlib.sha256(part[1]).hexdigest()
                        found[digest] = found.get(digest, 0) + 1
        return found

    # --- the end
    def close(self):
        for process in reversed(self.processes):
            if process.alive():
                process.end()
        self.processes.clear()
        self.stop_dovecot()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def samples():
    """The demo's messages: (name, octets)."""
    folder = os.path.join(SOURCE, "scripts/samples")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as message:
            yield name, message.read()


def small_message(number, size=2000, sender="bob@example.com"):
    head = (f"From: <{sender}>\r\nTo: <alice@example.com>\r\nSubject: message {number}\r\n"
            f"Date: {email.utils.formatdate()}\r\nMessage-ID: <{number}.{os.getpid()}.{time.time_ns()}@stage.example>\r\n\r\n")
    return (head + ("the quick brown fox %06d\r\n" % number) * max(1, (size - len(head)) // 28)).encode()

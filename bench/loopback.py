# SPDX-License-Identifier: Apache-2.0
"""What the benches add to scripts/stage.py: load generators, a relay for many accounts, a broker, ports that were taken."""
import os
import queue
import resource
import subprocess
import threading
import time

import stage as st

PORT_TRIES = 5


class BenchError(Exception):
    pass


class Load:
    """A load generator of bench/: says lines on its standard output and ends with its standard input."""

    def __init__(self, stage, name, *words):
        self.name, self.log = name, stage.path(name + ".log")
        self.sink = open(self.log, "ab")
        self.child = subprocess.Popen([os.path.join(st.BUILD, "bench", name), *map(str, words)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=self.sink, text=True, start_new_session=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        stage.processes.append(self)

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.split())
        self.lines.put(None)

    def alive(self):
        return self.child.poll() is None

    def tail(self):
        with open(self.log, errors="replace") as text:
            return "".join(text.readlines()[-15:])

    def say(self, word):
        self.child.stdin.write(f"{word}\n")
        self.child.stdin.flush()

    def hear(self, word, deadline):
        """The rest of the next line, which must begin with that word."""
        try:
            line = self.lines.get(timeout=deadline)
        except queue.Empty:
            raise BenchError(f"{self.name} did not say \"{word}\" within {deadline} s\n{self.tail()}") from None
        if line is None or line[0] != word:
            raise BenchError(f"{self.name} said {line} instead of \"{word}\"\n{self.tail()}")
        return line[1:]

    def end(self, deadline=20):
        self.child.stdin.close()
        for ask in (lambda: None, self.child.terminate, self.child.kill):
            ask()
            try:
                code = self.child.wait(min(deadline, 3))
                break
            except subprocess.TimeoutExpired:
                code = None
        self.sink.close()
        return code


def need_descriptors(count):
    """Raises the limit of open files for what we start; says so if the machine does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchError(f"this needs {count} open files a process; the limit here is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def first_sync(stage, user, backend, *words, parts="mail"):
    """A device, started with these words, that has all there is of a new user, and the seconds from the account's first minute,
    before the gateway has listed anything, to the last file, durable."""
    start_relay(stage, seats=5)
    stage.write_gateway_ini(backend, parts=parts)
    stage.start_gateway()
    stage.register()
    began = time.monotonic()
    password = stage.add_user(user)
    device = stage.pair_device(user, password=password)
    device.start(*words)
    device.until("idle", 3600)
    return device, time.monotonic() - began


def start_relay(stage, seats):
    """Cheap password hashes: thousands of accounts are made, and their hashing is not what is measured."""
    for attempt in range(PORT_TRIES):
        stage.write_relay_ini(argon2_memory="1 MiB", argon2_passes=1)
        if attempt == 0:
            stage.add_licence(seats=seats)
        try:
            stage.start_relay()
            if stage.relay.alive():
                return
        except st.StageError as error:
            if "in use" not in str(error):
                raise
        stage.relay_port = st.free_port()  # somebody took the port between asking for it and binding it
        stage.relay_url = f"https://localhost:{stage.relay_port}"
    raise BenchError("the relay found every port taken:\n" + stage.relay.tail())


class Broker(st.Process):
    """Debian's mosquitto over TLS on a port of its own; nothing kept on disk."""

    def __init__(self, stage, port):
        self.port = port
        lines = [f"listener {port} 127.0.0.1", f"cafile {stage.ca}", f"certfile {stage.certificate}",
                 f"keyfile {stage.key}", "allow_anonymous true", "persistence false", "max_connections -1",
                 "set_tcp_nodelay true", "log_type error", "log_dest stderr"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes a user who may not read the key
        config = stage.write("mosquitto.conf", "\n".join(lines) + "\n")
        program = next((p for p in ("/usr/sbin/mosquitto", "/usr/bin/mosquitto") if os.path.exists(p)), "mosquitto")
        super().__init__("mosquitto", [program, "-c", config], stage.folder)
        stage.processes.append(self)


def start_broker(stage):
    for _ in range(PORT_TRIES):
        broker = Broker(stage, st.free_port())
        try:
            stage._listens(broker.port, broker)
            if broker.alive():
                return broker
        except st.StageError as error:
            if "in use" not in str(error):
                raise
    raise BenchError("mosquitto found every port taken:\n" + broker.tail())


def quiet(ticks, seconds=2.0, deadline=120):
    """Waits until a process has used hardly any processor time for a while: what it had to do is done."""
    since, before = time.monotonic(), ticks()

    def still():
        nonlocal since, before
        now = ticks()
        if now - before > 2:
            since, before = time.monotonic(), now
        return time.monotonic() - since > seconds
    st.wait_for("a process to become quiet", still, deadline)

# SPDX-License-Identifier: Apache-2.0
"""The plugin's notifications for many mailboxes against the scripted EWS server: groups, limits, identities, losses."""
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

import stage as st
from ews.server import Server

BUILD = os.environ["TIDEGATE_BUILD"]


class Listener:
    """The program that listens; what it says, line by line."""

    def __init__(self, test, **settings):
        words = [f"{key}={value}" for key, value in settings.items()]
        self.lines, self.wake = [], threading.Condition()
        self.child = subprocess.Popen([BUILD + "/tests/ews_listener", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=st.environment(TIDEGATE_PASSWORD="all of it"))
        self.thread = threading.Thread(target=self.hear, daemon=True)
        self.thread.start()
        test.addCleanup(self.end)

    def hear(self):
        for line in self.child.stdout:
            with self.wake:
                self.lines.append(line.strip())
                self.wake.notify_all()

    def say(self, verb, *mailboxes):
        for mailbox in mailboxes:
            self.child.stdin.write(f"{verb} {mailbox}\n")
        self.child.stdin.flush()

    def until(self, what, *wanted):
        """Every wanted line has come (since the last time), in whatever order."""
        def come():
            return set(wanted) <= set(self.lines)
        with self.wake:
            if not self.wake.wait_for(come, st.DEADLINE):
                raise AssertionError(f"{what}: waited in vain for {sorted(set(wanted) - set(self.lines))[:5]}; heard {self.lines[-20:]}")
            self.lines = [line for line in self.lines if line not in wanted]

    def end(self):
        if self.child.poll() is None:
            self.child.stdin.close()
            self.child.wait(st.DEADLINE)
        self.thread.join()
        self.child.stdout.close()
        return self.child.returncode


def people(count):
    return [f"u{number:03}@example.com" for number in range(count)]


class Watch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tews-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.authority = st.make_authority(self.folder)
        self.server = Server(*st.make_certificate(self.folder, "ews")).start()
        self.addCleanup(self.server.stop)
        self.server.add("gateway@example.com", service=True, password="all of it")

    def listen(self, users, **settings):
        """A listener to all of them, once each was told to look at everything."""
        for user in users:
            if user not in self.server.boxes:
                self.server.add(user, password=user)
        ears = Listener(self, **{"url": self.server.url, "ca_file": self.authority, "admin": "gateway@example.com", "proxy": "none", **settings})
        ears.say("add", *users)
        return ears

    def deliver(self, user, folder="inbox"):
        with self.server.lock:
            self.server.boxes[user].deliver(b"From: <x@example.com>\r\nSubject: new\r\n\r\n.\r\n", folder)

    def streams(self, count):
        st.wait_for(f"{count} streams", lambda: sum(self.server.hanging.values()) == count)

    def asked(self, operation):
        return [body for name, _, body in [*self.server.requests] if name == operation]

    def named(self):
        """How many subscriptions each stream was opened with."""
        return [body.count(b"<t:SubscriptionId>") for body in self.asked("GetStreamingEvents")]

    def test_ews_02_more_streams_than_the_server_takes_are_polled_and_tried_again(self):
        self.server.hanging_limit, self.server.hanging_budget = 1, "gateway@example.com"
        self.server.heartbeat = 0.2  # by which it notices that a stream is given up
        users = people(4)
        ears = self.listen(users, stream_mailboxes=2)
        ears.until("the subscriptions", *(f"hint {user} everything" for user in users))
        self.streams(1)
        st.wait_for("the other group to be told", lambda: sum(line.endswith(" throttled") for line in [*ears.lines]) >= 2)
        polled = {line.split()[1] for line in ears.lines if line.endswith(" throttled")}
        self.assertIn(polled, ({*users[:2]}, {*users[2:]}))
        ears.say("drop", *(set(users) - polled))
        ears.until("the place that was left", *(f"hint {user} everything" for user in polled))
        for user in polled:
            self.deliver(user)
        ears.until("news of them", *(f"hint {user} 1" for user in polled))

    def test_ews_03_at_most_200_subscriptions_a_stream(self):
        users = people(205)
        ears = self.listen(users)
        ears.until("the subscriptions", *(f"hint {user} everything" for user in users))
        self.streams(2)
        self.assertLessEqual(max(self.named()), 200)
        for user in (users[0], users[204]):
            self.deliver(user)
        ears.until("news", f"hint {users[0]} 1", f"hint {users[204]} 1")

    def test_ews_04_a_mailbox_with_too_many_subscriptions_hinders_no_other(self):
        users = people(3)
        self.server.misfortunes.add(operation="Subscribe", actor=users[1], do="code", code="ErrorExceededSubscriptionCount", times=1)
        ears = self.listen(users)
        ears.until("who is polled and who is not", f"lost {users[1]} throttled", f"hint {users[0]} everything", f"hint {users[2]} everything")
        self.streams(1)
        self.deliver(users[2])
        ears.until("news", f"hint {users[2]} 1")

    def test_ews_07_users_with_logins_of_their_own_share_no_stream(self):
        users = people(3)
        ears = self.listen(users, auth="password_dir", password_dir="/nowhere")
        ears.until("the subscriptions", *(f"hint {user} everything" for user in users))
        self.streams(3)
        self.assertEqual(set(self.named()), {1})
        for user in users:
            self.deliver(user)
        ears.until("news", *(f"hint {user} 1" for user in users))

    def test_ews_07_subscriptions_of_another_identity_are_made_anew(self):
        users = people(2)
        ears = self.listen(users)
        ears.until("the subscriptions", *(f"hint {user} everything" for user in users))
        self.streams(1)
        with self.server.lock:
            for subscription in self.server.subscriptions.values():
                subscription.owner = "somebody@example.com"
        self.server.close_streams()
        ears.until("new ones", *(f"hint {user} everything" for user in users))
        self.streams(1)
        self.deliver(users[1])
        ears.until("news", f"hint {users[1]} 1")

    def test_ews_09_whatever_ends_subscriptions_they_are_made_anew_and_all_is_looked_at(self):
        user, = people(1)
        ears = self.listen([user])
        ears.until("the subscription", f"hint {user} everything")
        for number, code in enumerate(("ErrorMissedNotificationEvents", "ErrorReadEventsFailed", "ErrorInvalidWatermark",
                                       "ErrorProxyRequestNotAllowed", "ErrorSubscriptionNotFound")):
            with self.subTest(code=code):
                self.streams(1)
                self.server.misfortunes.add(operation="GetStreamingEvents", do="code", code=code)
                self.server.close_streams()
                ears.until("a look at everything", f"hint {user} everything")
                self.streams(1)
                self.assertEqual(len(self.asked("Subscribe")), number + 2)
        self.assertFalse(any(b"Watermark" in body for body in self.asked("Subscribe")))

    def test_ews_15_a_stream_that_is_silent_is_waited_for(self):
        self.server.heartbeat = 1e9
        user, = people(1)
        ears = self.listen([user])
        ears.until("the subscription", f"hint {user} everything")
        self.streams(1)
        self.deliver(user)
        ears.until("news", f"hint {user} 1")
        self.assertEqual(len(self.named()), 1, "of the stream that was open")

    def test_ews_16_a_folder_made_meanwhile_is_heard_of(self):
        user, = people(1)
        ears = self.listen([user])
        ears.until("the subscription", f"hint {user} everything")
        self.streams(1)
        with self.server.lock:
            box = self.server.boxes[user]
            box.make_folder(box.by_name["msgfolderroot"], "Folder", "Made later")
        ears.until("the folder tree", f"hint {user} 1")
        with self.server.lock:
            made = next(folder for folder in box.folders.values() if folder.name == "Made later")
            box.by_name["made later"] = made
        self.deliver(user, "made later")
        ears.until("news in it", f"hint {user} 1")
        self.assertEqual(len(self.asked("Subscribe")), 1)

    def discovering(self, form):
        return {"url": "", "autodiscover": self.server.url.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover." + form)}

    def test_ews_06_groups_are_those_that_autodiscover_names(self):
        users = people(5)
        for form in ("svc", "xml"):
            with self.subTest(form=form):
                self.server.nodes = 2
                ears = self.listen(users, **self.discovering(form))
                ears.until("the subscriptions", *(f"hint {user} everything" for user in users))
                self.streams(2)
                st.wait_for("each node's stream with all of its mailboxes", lambda: {2, 3} <= set(self.named()))
                for user in users:
                    self.deliver(user)
                ears.until("news", *(f"hint {user} 1" for user in users))
                ears.end()
                self.server.close_streams()
                self.streams(0)
                self.server.requests.clear()
                self.assertEqual({user for way, user in self.server.discovered if way == form}, set(users))

    def test_ews_09_a_mailbox_that_moved_is_looked_for_and_joins_another_group(self):
        users = people(4)
        self.server.nodes = 2
        ears = self.listen(users, **self.discovering("svc"))
        ears.until("the subscriptions", *(f"hint {user} everything" for user in users))
        st.wait_for("both streams whole", lambda: sum(self.server.hanging.values()) == 2 and self.named()[-2:] == [2, 2])
        with self.server.lock:
            node = self.server.boxes[users[0]].node
            same = [user for user in users if self.server.boxes[user].node == node]
            self.server.discovered.clear()
        self.server.move_mailbox(users[0], 1 - node)
        self.server.misfortunes.add(operation="GetStreamingEvents", do="code", code="ErrorProxyRequestNotAllowed", actor=same[0])
        self.server.close_streams()
        ears.until("a look at everything", *(f"hint {user} everything" for user in same))
        st.wait_for("three in a group", lambda: 3 in self.named()[-4:])
        self.assertEqual({user for _, user in self.server.discovered}, set(same))
        self.deliver(users[0])
        ears.until("news", f"hint {users[0]} 1")


if __name__ == "__main__":
    unittest.main()

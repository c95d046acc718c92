# SPDX-License-Identifier: Apache-2.0
"""The whole conformance suite, as a process, against the plugin and the scripted EWS server."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import stage as st
from ews import control
from ews.server import Server

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["TIDEGATE_BUILD"]


class Conformance(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tews-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.authority = st.make_authority(self.folder)
        self.server = Server(*st.make_certificate(self.folder, "ews")).start()
        self.addCleanup(self.server.stop)
        self.server.add("law@example.com")
        self.server.add("gateway@example.com", service=True, password="all of it")
        # Law 6 is about octets; that the real server makes them anew is its right (docs/decisions/0057).
        self.server.regenerates = False
        self.socket = os.path.join(self.folder, "control")
        control.listen(self.server, self.socket)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(text)
        return path

    def check(self, *words, **settings):
        ini = {"plugin": "ews", "url": self.server.url, "ca_file": self.authority, "admin": "gateway@example.com",
               "password_file": self.write("password", "all of it\n"), "proxy": "none", **settings}
        config = self.write("t.ini", "[backend:mail]\n" + "".join(f"{key} = {value}\n" for key, value in ini.items()))
        done = subprocess.run([BUILD + "/bin/tidegate-plugin-check", BUILD + "/plugins/ews.so", "--config", config, "--user",
                               "law@example.com", "--hand", f"{sys.executable} {HERE}/hand.py {self.socket}", *words],
                              capture_output=True, text=True)
        self.assertEqual([crash[-500:] for crash in self.server.crashes], [], done.stdout[-3000:])
        return done.returncode, done.stdout + done.stderr

    def holds(self, laws, *words, laws_run="*", **settings):
        # What is new comes behind everything old: the server can't do otherwise (docs/decisions/0057).
        code, text = self.check(*words, f"--gtest_filter={laws_run}-Law1.NewItemsAreServedDuringAListing", **settings)
        self.assertEqual(code, 0, text)
        for law in laws:
            self.assertIn("[       OK ] " + law, text)

    def test_all_laws_hold(self):
        self.holds(["Law1.", "Law2.AnyInterleavingGivesThePresentState", "Law4.FlagsOfTwoCommute", "Law5.CreateTwiceWithOneTokenIsOneItem",
                    "Law5.MoveTwiceIsOneMove", "Law6.MailReadsBackToTheOctet", "Law11.AnUnreadableItemStopsNothingElse",
                    "Law12.HostileMailIsAMailLikeAnyOther"], "--steps", "100")

    def test_laws_of_contacts(self):
        # Those that put mails into every folder, or flags on every item, are for mail.
        self.holds(["Law1.EveryItemOnceThenNothing", "Law2.MovesAreSeenInBothFolders", "Law5.CreateTwiceWithOneTokenIsOneItem",
                    "Law6.CardsKeepEveryProperty"], "--kind", "contact",
                   laws_run="Law1.*:Law2.Moves*:Law3.*:Law5.*:Law6.Cards*:Law7.U*")

    def test_laws_of_events(self):
        self.holds(["Law1.EveryItemOnceThenNothing", "Law2.MovesAreSeenInBothFolders", "Law4.AStaleUpdateIsAConflictAndChangesNothing",
                    "Law5.CreateTwiceWithOneTokenIsOneItem", "Law6.CalendarObjectsKeepEveryProperty"], "--kind", "event",
                   laws_run="Law1.*:Law2.Moves*:Law3.*:Law4.AStale*:Law5.*:Law6.Cal*:Law7.U*")

    def test_laws_hold_with_ntlm_and_pages_of_one(self):
        self.server.schemes = ("ntlm",)
        self.holds(["Law1."], laws_run="Law1.*:Law3.*", scheme="ntlm", batch="1")

    def test_ews_11_batches_shrink_until_the_server_bears_them(self):
        self.server.batch_limit = 3
        self.holds(["Law1."], laws_run="Law1.*")
        sizes = [body.count(b"<t:ItemId ") for operation, _, body in self.server.requests if operation == "GetItem"]
        self.assertGreater(max(sizes), 3, "it was tried with more")

    def test_ews_13_states_of_any_length(self):
        self.server.sync_state_padding = 200_000
        self.holds(["Law1."], laws_run="Law1.*:Law3.*")

    def test_ews_01_streams_that_end_are_opened_again(self):
        self.server.stream_seconds = 0.3
        self.holds(["Law8."], laws_run="Law8.*")
        self.assertEqual(sum(operation == "Subscribe" for operation, _, _ in self.server.requests), 1, "with the same subscription")

    def test_ews_06_affinity_is_kept(self):
        self.server.nodes, self.server.boxes["law@example.com"].node = 2, 1
        self.server.misfortunes.chunk = 7  # chunks are not envelopes
        self.holds(["Law8."], laws_run="Law8.*")

    def test_ews_08_lost_subscriptions_are_made_anew(self):
        lost = []

        def lose():
            with self.server.lock:
                if not lost and any(self.server.hanging.values()):
                    lost.extend(self.server.subscriptions)
                    self.server.lose_subscriptions()
            return lost
        thread = threading.Thread(target=lambda: st.wait_for("a stream", lose))
        thread.start()
        self.holds(["Law8."], laws_run="Law8.*")
        thread.join()
        self.assertGreaterEqual(sum(operation == "Subscribe" for operation, _, _ in self.server.requests), 2)

    def test_an_older_schema_is_spoken_where_the_server_wants_it(self):
        for _ in range(2):
            self.server.misfortunes.add(do="fault", code="ErrorInvalidServerVersion")
        self.holds(["Law1."], laws_run="Law1.*")
        self.assertIn(b"Exchange2010_SP2", self.server.requests[-1][2])

    def discovering(self, form):
        return {"url": "", "autodiscover": self.server.url.replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover." + form)}

    def test_autodiscover_says_where_the_mailbox_is(self):
        for form in ("svc", "xml"):
            self.holds(["Law1."], laws_run="Law1.*", **self.discovering(form))
            self.assertEqual(self.server.discovered[-1], (form, "law@example.com"))

    def test_autodiscover_sends_on(self):
        self.server.directions["law@example.com"] = {"RedirectAddress": "there@example.net"}
        self.server.directions["there@example.net"] = {"EwsUrl": self.server.url}
        self.holds(["Law1."], laws_run="Law1.*", **self.discovering("svc"))
        self.server.directions["law@example.com"] = {"EwsUrl": "https://elsewhere.example/EWS"}
        code, text = self.check("--gtest_filter=Law1.*", **self.discovering("svc"))
        self.assertNotEqual(code, 0)
        self.assertIn("hosts", text)

    def test_a_token_for_all(self):
        self.server.tokens["made-by-a-command"] = "gateway@example.com"
        self.server.schemes = ("bearer",)
        self.holds(["Law1."], laws_run="Law1.*", auth="token", token_command="echo made-by-a-command")

    def test_each_user_his_own_token(self):
        self.server.tokens["of-law@example.com"] = "law@example.com"
        self.server.schemes = ("bearer",)
        self.holds(["Law1."], laws_run="Law1.*", auth="user_token", token_command="echo of-$TIDEGATE_USER")
        self.assertFalse(any(b"ExchangeImpersonation" in body for _, _, body in self.server.requests))

    def test_client_credentials(self):
        given = []

        def grant(form):
            given.append(form)
            return {"access_token": f"token-{len(given)}", "expires_in": 3600, "token_type": "Bearer"}
        self.server.grant = grant
        self.server.tokens["token-1"] = "gateway@example.com"
        self.server.schemes = ("bearer",)
        self.holds(["Law1."], laws_run="Law1.*", auth="token", token_endpoint=self.server.url.replace("/EWS/Exchange.asmx", "/token"),
                   token_client_id="gw", token_client_secret_file=self.write("client", "it is secret\n"), token_ca_file=self.authority,
                   token_proxy="none", token_scope="https://localhost/.default")
        self.assertEqual(len(given), 1)
        self.assertIn("grant_type=client_credentials", given[0])

    def test_a_wrong_password_is_said(self):
        self.server.boxes["gateway@example.com"].password = "another"
        code, text = self.check("--gtest_filter=Law1.*")
        self.assertNotEqual(code, 0)
        self.assertNotIn("all of it", text)


if __name__ == "__main__":
    unittest.main()

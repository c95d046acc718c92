# SPDX-License-Identifier: Apache-2.0
"""The scripted EWS server held against a client that nobody here wrote: Debian's python3-exchangelib."""
import datetime
import decimal
import logging
import os
import shutil
import sys
import tempfile
import threading
import unittest

os.environ["NO_PROXY"] = "*"
try:
    import exchangelib as ex
    from exchangelib import errors
except ImportError:
    print("python3-exchangelib is not installed: skipped")
    sys.exit(77)

import stage as st
from ews.server import Server

logging.getLogger("exchangelib").setLevel(logging.CRITICAL)
UTC = ex.UTC
ALICE, BOB, SERVICE = "alice@example.com", "bob@example.com", "gateway@example.com"
MAIL = b"From: Bob <bob@example.com>\r\nTo: alice@example.com\r\nSubject: %d\r\nMessage-ID: <%d@example.com>\r\nDate: " \
       b"Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\nHello %d\r\n"


def at(day, hour):
    return ex.EWSDateTime(2026, 11, day, hour, tzinfo=UTC)


class Peer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tews-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        os.environ["REQUESTS_CA_BUNDLE"] = st.make_authority(cls.folder)
        cls.certificate = st.make_certificate(cls.folder, "ews")

    def setUp(self):
        self.server = Server(*self.certificate).start()
        self.addCleanup(self.server.stop)
        self.addCleanup(lambda: self.assertEqual(self.server.crashes, []))
        self.alice, self.bob = self.server.add(ALICE, "Alice"), self.server.add(BOB, "Bob")
        self.server.add(SERVICE, "Gateway", service=True)

    def account(self, address=ALICE, login=SERVICE, password="secret", auth="basic", access=ex.IMPERSONATION, fresh=True, retry=None):
        if fresh:
            ex.close_connections()
            ex.protocol.CachingProtocol.clear_cache()
        made = ex.Account(address, access_type=access, autodiscover=False, default_timezone=UTC, config=ex.Configuration(
            service_endpoint=self.server.url, credentials=ex.Credentials(login, password), auth_type=auth,
            retry_policy=retry or ex.FaultTolerance(max_wait=3), max_connections=4))
        self.addCleanup(made.protocol.close)
        return made

    def operations(self):
        return [operation for operation, _, _ in self.server.requests]


class Logins(Peer):
    def test_basic_as_oneself(self):
        self.assertEqual(self.account(login=ALICE, access=ex.DELEGATE).inbox.total_count, 0)

    def test_ntlm_as_oneself(self):
        self.assertEqual(self.account(login="EXAMPLE\\alice", auth="NTLM", access=ex.DELEGATE).inbox.name, "Inbox")
        self.assertEqual(self.server.schemes, ("basic", "ntlm"))

    def test_a_wrong_password_is_refused(self):
        for auth in ("basic", "NTLM"):
            with self.assertRaises(errors.UnauthorizedError):
                self.account(login=ALICE, password="wrong", auth=auth, access=ex.DELEGATE, retry=ex.FailFast()).inbox.refresh()

    def test_only_the_service_may_impersonate(self):
        with self.assertRaises(errors.ErrorImpersonateUserDenied):
            self.account(ALICE, login=BOB).inbox.refresh()
        with self.assertRaises(errors.ErrorNonExistentMailbox):
            self.account("nobody@example.com").inbox.refresh()

    def test_other_peoples_folders_need_a_grant(self):
        account = self.account(BOB, login=ALICE, access=ex.DELEGATE)
        with self.assertRaises((errors.ErrorAccessDenied, errors.ErrorFolderNotFound)):
            account.inbox.refresh()
        self.bob.delegates[ALICE] = ("Read",)
        self.bob.deliver(MAIL % (1, 1, 1))
        found = list(self.account(BOB, login=ALICE, access=ex.DELEGATE).inbox.all())
        self.assertEqual([item.subject for item in found], ["1"])
        with self.assertRaises(errors.ErrorAccessDenied):
            found[0].delete()


class Folders(Peer):
    def test_the_tree(self):
        account = self.account()
        self.assertEqual({folder.name for folder in account.msg_folder_root.children}, {
            "Inbox", "Sent Items", "Drafts", "Deleted Items", "Junk Email", "Outbox", "Calendar", "Contacts", "Tasks", "Notes", "Journal"})
        self.assertEqual(account.calendar.folder_class, "IPF.Appointment")
        made = ex.Folder(parent=account.inbox, name="Below")
        made.save()
        self.assertEqual(self.alice.folders[made.id].parent.distinguished, "inbox")
        made.name = "Bélow & more"
        made.save()
        self.assertEqual(self.alice.folders[made.id].name, "Bélow & more")
        made.move(account.drafts)
        self.assertEqual(self.alice.folders[made.id].parent.distinguished, "drafts", "its id stays")
        with self.assertRaises(errors.ErrorFolderExists):
            ex.Folder(parent=account.drafts, name="bélow & more").save()
        made.delete()
        self.assertEqual([folder for folder in self.alice.folders.values() if not folder.distinguished], [])
        with self.assertRaises(errors.ErrorDeleteDistinguishedFolder):
            account.inbox.delete()

    def test_hierarchies_are_synchronised(self):
        root = self.account().msg_folder_root
        self.assertEqual(len(list(root.sync_hierarchy())), 11)
        state = root.folder_sync_state
        self.assertEqual(list(root.sync_hierarchy()), [])
        with self.server.lock:
            new = self.alice.make_folder(self.alice.by_name["inbox"], "Folder", "New")
        self.assertEqual([(how, folder.name) for how, folder in root.sync_hierarchy()], [("create", "New")])
        with self.server.lock:
            self.alice.remove_folder(new)
        self.assertEqual([(how, each.id) for how, each in root.sync_hierarchy()], [("delete", new.id)])
        root.folder_sync_state = state
        self.assertEqual(list(root.sync_hierarchy()), [], "made and removed between: nothing")
        root.folder_sync_state = None
        inbox = self.account(fresh=False).inbox
        inbox.item_sync_state = state
        with self.assertRaises(errors.ErrorInvalidSyncStateData):
            list(inbox.sync_items())


class Mail(Peer):
    def test_mime_comes_and_goes(self):
        account = self.account()
        item = ex.Message(account=account, folder=account.inbox, mime_content=MAIL % (7, 7, 7), is_read=False)
        item.save()
        back = account.inbox.get(id=item.id)
        self.assertEqual((back.subject, back.message_id, back.author.email_address), ("7", "<7@example.com>", BOB))
        self.assertIn(b"\r\n\r\nHello 7\r\n", back.mime_content)
        self.assertNotEqual(back.mime_content, MAIL % (7, 7, 7), "it is made anew, as Exchange does")

    def test_the_life_of_a_message(self):
        account = self.account()
        item = ex.Message(account=account, folder=account.drafts, subject="A & B <c>", body="Hi", categories=["red", "blue"],
                          to_recipients=[BOB])
        item.attach(ex.FileAttachment(name="a.bin", content=bytes(range(256)), content_type="application/x-test"))
        item.save()
        self.assertTrue(item.changekey)
        item.refresh()
        self.assertEqual((item.is_draft, item.categories, item.attachments[0].content), (True, ["red", "blue"], bytes(range(256))))
        item.attach(ex.FileAttachment(name="b.txt", content=b"b"))
        item.attachments[0].detach()
        self.assertEqual([each.name for each in account.drafts.get(id=item.id).attachments], ["b.txt"])
        with account.drafts.get(id=item.id).attachments[0].fp as content:
            self.assertEqual(content.read(), b"b")
        item = account.drafts.get(id=item.id)
        item.subject, item.categories = "Changed", None
        item.save()
        self.assertEqual(self.alice.items[item.id].word("Subject"), "Changed")
        self.assertNotIn("Categories", self.alice.items[item.id].values)
        copied, _ = item.copy(account.inbox)
        self.assertNotEqual(copied, item.id)
        old = item.id
        item.move(account.inbox)
        self.assertNotEqual(item.id, old, "an item that moves has another id")
        self.assertNotIn(old, self.alice.items)
        item.soft_delete()
        self.assertEqual(account.inbox.all().count(), 1)
        account.inbox.get(id=copied).move_to_trash()
        self.assertEqual(account.trash.all().count(), 1)

    def test_sending(self):
        account = self.account()
        ex.Message(account=account, folder=account.sent, subject="One", body="x", to_recipients=[BOB]).send_and_save()
        ex.Message(account=account, subject="Two", body="x", to_recipients=[BOB]).send(save_copy=False)
        draft = ex.Message(account=account, folder=account.drafts, subject="Three", body="x", to_recipients=[BOB])
        draft.save()
        draft.send()
        self.assertEqual([item.subject for item in account.sent.all().order_by("subject")], ["One", "Three"])
        self.assertEqual([item.word("Subject") for item in self.bob.by_name["inbox"].items.values()], ["One", "Two", "Three"])
        self.assertEqual([sender for sender, _, _ in self.server.sent], [ALICE] * 3)
        with self.assertRaises(errors.ErrorInvalidRecipients):
            ex.Message(account=account, subject="Four", body="x").send()

    def test_old_change_keys_are_conflicts(self):
        account = self.account()
        with self.server.lock:
            item = self.alice.deliver(MAIL % (1, 1, 1))
        mine, theirs = account.inbox.get(id=item.id), account.inbox.get(id=item.id)
        theirs.subject = "theirs"
        theirs.save(conflict_resolution="NeverOverwrite")
        mine.subject = "mine"
        with self.assertRaises(errors.ErrorIrresolvableConflict):
            mine.save(conflict_resolution="NeverOverwrite")
        self.assertEqual(item.word("Subject"), "theirs")
        draft = ex.Message(account=account, folder=account.drafts, subject="x", to_recipients=[BOB])
        draft.save()
        stale = account.drafts.get(id=draft.id)
        draft.subject = "y"
        draft.save()
        with self.assertRaises(errors.ErrorStaleObject):
            stale.send()
        self.assertEqual(self.server.sent, [])

    def test_finding(self):
        account = self.account()
        with self.server.lock:
            for number in range(25):
                self.alice.deliver(MAIL % (number, number, number), read=number % 5 == 0)
        inbox = account.inbox
        self.assertEqual(inbox.filter(is_read=True).count(), 5)
        self.assertEqual(sorted(int(item.subject) for item in inbox.filter(subject__in=["3", "7"])), [3, 7])
        self.assertEqual(inbox.filter(subject__startswith="2").exclude(subject="2").count(), 5)
        self.assertEqual([item.subject for item in inbox.all().order_by("-subject")[:3]], ["24", "23", "22"])
        self.assertEqual(inbox.filter("subject:17").count(), 1)
        self.assertEqual(inbox.filter(datetime_received__lt=at(1, 0) - datetime.timedelta(days=4000)).count(), 0)
        query = inbox.all().only("subject")
        query.page_size = 10
        self.assertEqual(len(list(query)), 25)
        self.assertGreaterEqual(self.operations().count("FindItem"), 3)

    def test_flags_are_a_property_of_mapi_too(self):
        class Status(ex.ExtendedProperty):
            property_tag, property_type = 0x1090, "Integer"
        ex.Message.register("flag_status", Status)
        self.addCleanup(ex.Message.deregister, "flag_status")
        account = self.account()
        item = ex.Message(account=account, folder=account.inbox, subject="x", flag_status=2)
        item.save()
        self.assertEqual(self.alice.items[item.id].values["Flag"][0].text, "Flagged")
        item.flag_status = None
        item.save(update_fields=["flag_status"])
        self.assertNotIn("Flag", self.alice.items[item.id].values)

    def test_extended_properties(self):
        class Token(ex.ExtendedProperty):
            property_set_id, property_name, property_type = "c0ffee00-1234-4321-8888-0123456789ab", "token", "String"
        ex.Message.register("token", Token)
        self.addCleanup(ex.Message.deregister, "token")
        account = self.account()
        for word in ("one", "two"):
            ex.Message(account=account, folder=account.inbox, subject=word, token=word).save()
        self.assertEqual([item.subject for item in account.inbox.filter(token="two")], ["two"])
        self.assertEqual(account.inbox.get(subject="one").token, "one")


class OtherItems(Peer):
    def test_events(self):
        account = self.account()
        event = ex.CalendarItem(account=account, folder=account.calendar, subject="Lunch", start=at(3, 12), end=at(3, 13), location="Here",
                                body="bring food", reminder_minutes_before_start=15)
        event.save()
        event = account.calendar.get(id=event.id)
        self.assertEqual((event.start, event.end, event.type, event.location), (at(3, 12), at(3, 13), "Single", "Here"))
        self.assertTrue(event.uid)
        event.start = at(3, 11)
        event.save()
        self.assertEqual([each.subject for each in account.calendar.view(start=at(3, 0), end=at(4, 0))], ["Lunch"])
        self.assertEqual(list(account.calendar.view(start=at(4, 0), end=at(5, 0))), [])
        series = ex.CalendarItem(account=account, folder=account.calendar, subject="Weekly", start=at(2, 9), end=at(2, 10),
                                 recurrence=ex.recurrence.Recurrence(
                                     pattern=ex.recurrence.WeeklyPattern(interval=2, weekdays=["Monday", "Friday"]),
                                     start=ex.EWSDate(2026, 11, 2), number=7))
        series.save()
        series.refresh()
        self.assertEqual((series.type, series.recurrence.pattern.interval, series.recurrence.boundary.number), ("RecurringMaster", 2, 7))
        event.delete()
        self.assertEqual(account.calendar.all().count(), 1)

    def test_meetings(self):
        account, bob = self.account(), self.account(BOB, fresh=False)
        ex.CalendarItem(account=account, folder=account.calendar, subject="Talk", start=at(5, 9), end=at(5, 10),
                        required_attendees=[BOB]).save(send_meeting_invitations="SendToAllAndSaveCopy")
        request = bob.inbox.get(subject="Talk")
        self.assertIsInstance(request, ex.items.MeetingRequest)
        self.assertEqual(bob.calendar.get(subject="Talk").my_response_type, "NoResponseReceived")
        request.accept(body="Yes")
        self.assertEqual(bob.calendar.get(subject="Talk").my_response_type, "Accept")
        self.assertEqual(bob.inbox.all().count(), 0)
        answer = account.inbox.get()
        self.assertEqual((type(answer).__name__, answer.response_type), ("MeetingResponse", "Accept"))
        with self.assertRaises(errors.ErrorCalendarIsOrganizerForAccept):
            account.calendar.get(subject="Talk").accept()
        account.calendar.get(subject="Talk").delete(send_meeting_cancellations="SendToAllAndSaveCopy")
        self.assertEqual([(type(each).__name__, each.subject) for each in bob.inbox.all()], [("MeetingCancellation", "Canceled: Talk")])

    def test_contacts(self):
        account = self.account()
        contact = ex.Contact(account=account, folder=account.contacts, display_name="Ünal B", given_name="Ünal", surname="B",
                             company_name="C & D",
                             email_addresses=[ex.indexed_properties.EmailAddress(label="EmailAddress1", email="u@example.org")],
                             phone_numbers=[ex.indexed_properties.PhoneNumber(label="MobilePhone", phone_number="+49 1")],
                             physical_addresses=[ex.indexed_properties.PhysicalAddress(label="Home", street="S", city="T", zipcode="1")])
        contact.save()
        contact = account.contacts.get(id=contact.id)
        self.assertEqual((contact.given_name, contact.email_addresses[0].email, contact.physical_addresses[0].city),
                         ("Ünal", "u@example.org", "T"))
        contact.email_addresses[0].email = "v@example.org"
        contact.physical_addresses[0].city = "U"
        contact.save(update_fields=["email_addresses", "physical_addresses"])
        contact = account.contacts.get(id=contact.id)
        self.assertEqual((contact.email_addresses[0].email, contact.physical_addresses[0].city, contact.physical_addresses[0].street),
                         ("v@example.org", "U", "S"))
        members = ex.DistributionList(account=account, folder=account.contacts, display_name="All", members=[BOB])
        members.save()
        self.assertEqual(account.contacts.get(id=members.id).members[0].mailbox.email_address, BOB)

    def test_tasks(self):
        account = self.account()
        task = ex.Task(account=account, folder=account.tasks, subject="Do", due_date=ex.EWSDate(2026, 12, 1),
                       percent_complete=decimal.Decimal(50), status="InProgress")
        task.save()
        task = account.tasks.get(id=task.id)
        self.assertEqual((task.due_date, int(task.percent_complete), task.is_complete), (ex.EWSDate(2026, 12, 1), 50, False))
        task.status = "Completed"
        task.save(update_fields=["status"])
        self.assertTrue(account.tasks.get(id=task.id).is_complete)
        task.delete()
        self.assertEqual(account.tasks.all().count(), 0)

    def test_names_are_resolved(self):
        protocol = self.account().protocol
        self.assertEqual([each.email_address for each in protocol.resolve_names(["ali"])], [ALICE])
        self.assertEqual(len(list(protocol.get_timezones())), 4)


class Sync(Peer):
    def test_items_are_synchronised(self):
        with self.server.lock:
            made = [self.alice.deliver(MAIL % (number, number, number)) for number in range(7)]
        inbox = self.account().inbox
        seen = [(how, item.subject) for how, item in inbox.sync_items(max_changes_returned=3, only_fields=["subject"])]
        self.assertEqual(seen, [("create", str(number)) for number in range(6, -1, -1)], "newest first, every page")
        self.assertGreaterEqual(self.operations().count("SyncFolderItems"), 3)
        self.assertEqual(list(inbox.sync_items()), [])
        with self.server.lock:
            self.alice.remove(made[0])
            made[1].is_read = True
            self.alice.changed(made[1], only_read=True)
            made[2].set(made[2].values["Subject"])
            self.alice.changed(made[2])
            self.alice.move(made[3], self.alice.by_name["drafts"])
            self.alice.deliver(MAIL % (9, 9, 9))
        changes = list(inbox.sync_items())
        self.assertEqual([how for how, _ in changes], ["delete", "read_flag_change", "update", "delete", "create"])
        self.assertEqual(changes[1][1][1], True)

    def test_states_expire(self):
        inbox = self.account().inbox
        list(inbox.sync_items())
        self.server.expire_states(ALICE)
        with self.assertRaises(errors.ErrorInvalidSyncStateData):
            list(inbox.sync_items())
        inbox.item_sync_state = None
        self.assertEqual(list(inbox.sync_items()), [])

    def test_changes_while_a_listing_runs(self):
        with self.server.lock:
            made = [self.alice.deliver(MAIL % (number, number, number)) for number in range(6)]
        inbox, known = self.account().inbox, {}
        for number, (how, item) in enumerate(inbox.sync_items(max_changes_returned=2)):
            if number == 1:
                with self.server.lock:
                    self.alice.remove(made[0])
                    self.alice.remove(made[5])
                    self.alice.deliver(MAIL % (8, 8, 8))
            if how == "delete":
                known.pop(item.id, None)
            else:
                known[item.id] = item
        self.assertEqual(set(known), set(self.alice.by_name["inbox"].items))


class Notifications(Peer):
    def events(self, account, subscription, timeout=1, **more):
        found = []

        def listen():
            for notification in account.inbox.get_streaming_events(subscription, connection_timeout=timeout, **more):
                found.extend(type(event).__name__ for event in notification.events)
                if "DeletedEvent" in found:
                    break
        thread = threading.Thread(target=listen)
        thread.start()
        return thread, found

    def test_streaming(self):
        account = self.account()
        for chunk in (0, 7):  # chunks are not envelopes
            self.server.misfortunes.chunk = chunk
            subscription = account.inbox.subscribe_to_streaming()
            thread, found = self.events(account, subscription)
            st.wait_for("the stream", lambda: any(self.server.hanging.values()))
            with self.server.lock:
                item = self.alice.deliver(MAIL % (1, 1, 1))
                self.alice.by_name["drafts"].box.deliver(MAIL % (2, 2, 2), "drafts")
                self.alice.remove(item)
            thread.join()
            self.assertEqual([name for name in found if name != "StatusEvent"], ["NewMailEvent", "DeletedEvent"])
            account.inbox.unsubscribe(subscription)
            st.wait_for("the connection's end", lambda: self.end_of_stream())
        self.assertEqual(self.server.subscriptions, {})

    def end_of_stream(self):
        self.server.close_streams()
        return not any(self.server.hanging.values())

    def test_a_stream_that_is_over_says_so(self):
        account, self.server.stream_seconds = self.account(), 0.2
        subscription = account.inbox.subscribe_to_streaming()
        self.assertEqual(list(account.inbox.get_streaming_events(subscription, connection_timeout=1)), [])

    def test_a_lost_subscription_is_an_error(self):
        account = self.account()
        subscription = account.inbox.subscribe_to_streaming()
        self.server.lose_subscriptions(subscription)
        with self.assertRaisesRegex(errors.ErrorSubscriptionNotFound, "not found"):
            list(account.inbox.get_streaming_events(subscription, connection_timeout=1))

    def test_too_many_connections_are_refused(self):
        account = self.account()
        self.server.hanging_limit = 0
        subscription = account.inbox.subscribe_to_streaming()
        with self.assertRaises(errors.ErrorExceededConnectionCount):
            list(account.inbox.get_streaming_events(subscription, connection_timeout=1))

    def test_pull(self):
        account = self.account()
        subscription, watermark = account.inbox.subscribe_to_pull()
        with self.server.lock:
            self.alice.deliver(MAIL % (1, 1, 1))
        notification = list(account.inbox.get_events(subscription, watermark))[0]
        self.assertEqual([type(event).__name__ for event in notification.events], ["NewMailEvent"])
        again = list(account.inbox.get_events(subscription, notification.events[-1].watermark))[0]
        self.assertEqual([type(event).__name__ for event in again.events], ["StatusEvent"])
        account.inbox.unsubscribe(subscription)
        with self.assertRaises(errors.ErrorSubscriptionNotFound):
            list(account.inbox.get_events(subscription, watermark))

    def test_affinity(self):
        self.server.nodes = 2
        self.alice.node = 1
        account = self.account()
        subscription = account.inbox.subscribe_to_streaming()
        self.assertEqual(self.server.subscriptions[subscription].node, 1)
        self.server.stream_seconds = 0.1
        self.assertEqual(list(account.inbox.get_streaming_events(subscription, connection_timeout=1)), [])
        self.alice.node = 0
        account = self.account()  # without the cookie
        with self.assertRaises(errors.ErrorSubscriptionNotFound):
            list(account.inbox.get_streaming_events(subscription, connection_timeout=1))


class Misfortune(Peer):
    def test_a_busy_server(self):
        account = self.account()
        account.inbox.refresh()
        self.server.misfortunes.add(operation="FindItem", do="busy", milliseconds=100)
        self.assertEqual(list(account.inbox.all()), [])
        self.assertEqual(self.operations().count("FindItem"), 2, "once refused, once done")
        inbox = self.account(retry=ex.FailFast()).inbox
        inbox.refresh()
        self.server.misfortunes.add(operation="FindItem", do="inner", milliseconds=100)
        with self.assertRaises(errors.ErrorServerBusy):
            list(inbox.all())

    def test_wrong_answers(self):
        inbox = self.account().inbox
        for body in ("<no", "<html>no</html>", ""):
            self.server.misfortunes.add(operation="FindItem", do="body", text=body)
            with self.assertRaises(errors.TransportError):
                list(inbox.all())

    def test_an_answer_that_is_cut_off(self):
        inbox = self.account().inbox
        self.server.misfortunes.add(operation="FindItem", do="cut", octets=100, times=1)
        with self.assertRaises(Exception):
            list(inbox.all())
        self.assertEqual(list(inbox.all()), [])

    def test_requests_against_the_schema_are_refused(self):
        with self.assertRaises(errors.ErrorSchemaValidation):
            class Upside(ex.services.GetFolder):
                def get_payload(self, *given, **more):
                    made = super().get_payload(*given, **more)
                    made.append(made[0])
                    return made
            account = self.account()
            list(Upside(account=account).call(folders=[account.inbox], additional_fields=None, shape="IdOnly"))


if __name__ == "__main__":
    unittest.main()

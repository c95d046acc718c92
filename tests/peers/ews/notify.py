# SPDX-License-Identifier: Apache-2.0
"""Subscriptions: pull and streaming. [MS-OXWSNTIF]"""
import dataclasses
import itertools
import time

from . import soap
from .schema import EwsError, M, T, child, local, text, truth
from .shape import boolean

KINDS = {"CopiedEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "NewMailEvent", "FreeBusyChangedEvent"}


@dataclasses.dataclass
class Subscription:
    id: str
    owner: str  # who logged in
    box: object
    folders: set  # empty: all of the mailbox
    kinds: set
    node: int
    at: int  # events up to here were told
    pull: bool
    expires: float = 0
    told: float = 0


def subscribe(call, request):
    def one(_):
        wish = request[0]
        if local(wish) == "PushSubscriptionRequest":
            raise EwsError("ErrorInvalidPushSubscriptionUrl", "This server pushes nothing.")
        box, folders = call.actor, set()
        if not truth(wish.get("SubscribeToAllFolders")):
            found = [call.folder(each) for each in child(wish, "FolderIds")]
            if len({folder.box.address for folder in found}) != 1:
                raise EwsError("ErrorInvalidSubscriptionRequest", "One subscription is for one mailbox.")
            box, folders = found[0].box, {folder.id for folder in found}
        kinds = {each.text for each in child(wish, "EventTypes")}
        if not kinds or not kinds <= KINDS:
            raise EwsError("ErrorInvalidSubscriptionRequest", "EventTypes")
        server, pull = call.server, local(wish) == "PullSubscriptionRequest"
        if sum(other.box is box for other in server.subscriptions.values()) >= server.subscriptions_limit:
            raise EwsError("ErrorExceededSubscriptionCount", "The maximum number of subscriptions was exceeded.")
        at = len(box.events)
        if pull and text(wish, "Watermark"):
            at = next((n for n in range(len(box.events), -1, -1) if box.watermark(n) == text(wish, "Watermark")), None)
            if at is None:
                raise EwsError("ErrorInvalidWatermark", "The watermark is invalid.")
        ident = f"JgBtYWlsYm94{next(server.numbers):08}{box.epoch}=="
        made = Subscription(ident, call.account.address, box, folders, kinds, call.node, at, pull)
        made.expires = time.monotonic() + 60 * int(text(wish, "Timeout", "30"))
        server.subscriptions[made.id] = made
        # A streaming subscription has no watermark to give.
        return [M.SubscriptionId(made.id), *([M.Watermark(box.watermark(at))] if pull else [])]
    return soap.each("Subscribe", [request], one)


def find(call, ident):
    found = call.server.subscriptions.get(ident)
    if found is None or found.node != call.node or found.pull and found.expires < time.monotonic():
        raise EwsError("ErrorSubscriptionNotFound", "The specified subscription was not found.")
    if found.owner != call.account.address:
        raise EwsError("ErrorSubscriptionAccessDenied", "Access is denied. Only the subscription owner may access the subscription.")
    return found


def unsubscribe(call, request):
    def one(_):
        found = find(call, text(request, "SubscriptionId"))
        del call.server.subscriptions[found.id]
        return []
    return soap.each("Unsubscribe", [request], one)


def news(subscription, limit=None):
    """(event elements since the last time, more): the subscription goes on behind them."""
    made = []
    for number in itertools.count(subscription.at):
        if number >= len(subscription.box.events):
            return made, False
        if limit is not None and len(made) >= limit:
            return made, True
        subscription.at = number + 1
        kind, _, item, folder, old = subscription.box.events[number]
        where = {item[2].id if item else folder.parent.id, *([] if item else [folder.id]), *([old[2].id] if old else [])}
        if kind == "NewMailEvent" and kind not in subscription.kinds and "CreatedEvent" not in subscription.kinds:
            continue
        if (kind in subscription.kinds or kind == "NewMailEvent") and (not subscription.folders or where & subscription.folders):
            made.append(subscription.box.event_element(number))


def get_events(call, request):
    def one(_):
        subscription = find(call, text(request, "SubscriptionId"))
        mark, box = text(request, "Watermark"), subscription.box
        at = next((n for n in range(len(box.events) + 1) if box.watermark(n) == mark), None)
        if at is None:
            raise EwsError("ErrorInvalidWatermark", "The watermark is invalid.")
        subscription.at = at
        events, more = news(subscription, 50)
        return [M.Notification(T.SubscriptionId(subscription.id), T.PreviousWatermark(mark), T.MoreEvents(boolean(more)),
                               *(events or [T.StatusEvent(T.Watermark(mark))]))]
    return soap.each("GetEvents", [request], one)


def streamed(*content):
    return soap.envelope(soap.answer("GetStreamingEvents", [soap.success("GetStreamingEvents", *content)]))


def lost(call, idents):
    error = EwsError("ErrorSubscriptionNotFound", "The specified subscription was not found.")
    message = soap.failure("GetStreamingEvents", error)
    message.append(M.ErrorSubscriptionIds(*(M.SubscriptionId(ident) for ident in idents)))
    return soap.envelope(soap.answer("GetStreamingEvents", [message]))


def stream(call, request):
    """Yields envelopes until the time is over; called without the lock."""
    server = call.server
    idents = [each.text for each in child(request, "SubscriptionIds")]
    minutes = int(text(request, "ConnectionTimeout"))
    budget = server.hanging_budget or call.actor.address
    with server.lock:
        error, wrong = None, []
        if not 1 <= minutes <= 30 or not idents or len(idents) > 200:
            error = EwsError("ErrorInvalidRequest", "ConnectionTimeout is 1 to 30, at most 200 SubscriptionIds.")
        elif server.hanging.get(budget, 0) >= server.hanging_limit:
            error = EwsError("ErrorExceededConnectionCount", "You have exceeded the available concurrent connections for your account.")
        else:
            for ident in idents:
                try:
                    if find(call, ident).pull:
                        wrong.append(ident)
                except EwsError as each:
                    if each.code != "ErrorSubscriptionNotFound":
                        error = each
                    wrong.append(ident)
        if error:
            yield soap.envelope(soap.answer("GetStreamingEvents", [soap.failure("GetStreamingEvents", error)]))
            return
        if wrong:
            yield lost(call, wrong)
            return
        server.hanging[budget] = server.hanging.get(budget, 0) + 1
        server.streams += 1
    end, generation = time.monotonic() + (server.stream_seconds or 60 * minutes), server.generation
    try:
        # The real server begins with an empty answer that says OK.
        yield streamed(M.ConnectionStatus("OK"))
        beat = time.monotonic()
        while True:
            with server.lock:
                gone = [ident for ident in idents if ident not in server.subscriptions]
                notifications = []
                for ident in idents:
                    if ident not in gone:
                        events, _ = news(server.subscriptions[ident])
                        if events:
                            notifications.append(M.Notification(T.SubscriptionId(ident), *events))
                if not notifications and not gone and server.generation == generation and not server.closing:
                    left = min(end, beat + server.heartbeat) - time.monotonic()
                    if left > 0:
                        server.wake.wait(left)
                        continue
            if notifications:
                yield streamed(M.Notifications(*notifications))
            elif gone:
                yield lost(call, gone)
                return
            elif server.closing or server.generation != generation or time.monotonic() >= end:
                yield streamed(M.ConnectionStatus("Closed"))
                return
            else:
                yield streamed(M.ConnectionStatus("OK"))
            beat = time.monotonic()
    finally:
        with server.lock:
            server.hanging[budget] -= 1


OPERATIONS = {"Subscribe": subscribe, "Unsubscribe": unsubscribe, "GetEvents": get_events}

# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on demand. A misfortune is {"operation": name or "*", "do": word, "times": how often, …}:
busy     SOAP fault ErrorServerBusy with HTTP 500 and BackOffMilliseconds ("milliseconds")
inner    ErrorInternalServerError in HTTP 200, ErrorServerBusy within
fault    SOAP fault of the code "code"
code     a response message with the code "code" instead of the first that would have come; "all": of each
http     a bare HTTP status "status", with "headers"
cut      the connection ends after "octets" octets of the answer; the work was done
vanish   the connection ends before the work was done
body     the answer is the octets "text" (hostile XML and the like)
"""
import base64

from . import soap
from .schema import EwsError, Fault, child


class Misfortunes:
    def __init__(self):
        self.coming, self.chunk = [], 0

    def add(self, **what):
        self.coming.append(Misfortune(what))

    def next(self, operation, actor):
        for each in self.coming:
            if each.what.get("operation", "*") in ("*", operation) and each.what.get("actor", actor) == actor:
                each.left -= 1
                if each.left <= 0:
                    self.coming.remove(each)
                return each
        return None

    def chunks(self, envelope):
        """A stream's chunks do not follow its envelopes: `chunk` octets each, if set."""
        size = self.chunk or len(envelope)
        return [envelope[at:at + size] for at in range(0, len(envelope), size)]


class Misfortune:
    def __init__(self, what):
        self.what, self.do, self.left = what, what["do"], what.get("times", 1)

    def happens(self, server, operation, octets, reply):
        """True: the request is answered with it."""
        if self.do in ("busy", "fault"):
            code = "ErrorServerBusy" if self.do == "busy" else self.what["code"]
            values = {"BackOffMilliseconds": self.what.get("milliseconds", 100)} if self.do == "busy" else {}
            raise Fault(code, self.what.get("text", "The server cannot service this request right now. Try again later."), **values)
        if self.do == "inner":
            error = EwsError("ErrorInternalServerError", "An internal server error occurred. The operation failed.",
                             InnerErrorMessageText="The server cannot service this request right now.",
                             InnerErrorResponseCode="ErrorServerBusy", InnerErrorDescriptiveLinkKey="0",
                             BackOffMilliseconds=self.what.get("milliseconds", 100))
            reply(200, soap.envelope(soap.answer(operation, [soap.failure(operation, error)])))
        elif self.do == "http":
            reply(self.what["status"], self.what.get("text", "").encode(), None, list(self.what.get("headers", {}).items()))
        elif self.do == "vanish":
            reply.handler.close_connection = True
        elif self.do == "body":
            text = self.what["text"]
            reply(self.what.get("status", 200), base64.b64decode(text) if self.what.get("base64") else text.encode())
        else:
            return False
        return True

    def leaves(self, octets, reply):
        """True: the answer, which was ready, went out otherwise."""
        if self.do != "cut":
            return False
        reply.cut_off(octets[:self.what.get("octets", len(octets) // 2)])
        return True

    def spoil(self, body):
        if self.do != "code":
            return
        messages = child(body, "ResponseMessages")
        for number, message in enumerate(list(messages)):
            if number == 0 or self.what.get("all"):
                operation = message.tag.partition("}")[2].removesuffix("ResponseMessage")
                values = {"BackOffMilliseconds": self.what["milliseconds"]} if "milliseconds" in self.what else {}
                messages.replace(message, soap.failure(operation, EwsError(self.what["code"], self.what.get("text", ""), **values)))

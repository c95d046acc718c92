// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/faults.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tidegate::ews {
namespace {

struct Meaning {
  std::string_view code;
  FaultKind kind;
};

// In order of the alphabet; what is not here is `invalid` if it begins so, else `unavailable` (see kind_of).
constexpr Meaning meanings[] = {
    {"ErrorAccessDenied", FaultKind::denied},
    {"ErrorADOperation", FaultKind::unavailable},
    {"ErrorADUnavailable", FaultKind::unavailable},
    {"ErrorAttachmentSizeLimitExceeded", FaultKind::too_large},
    {"ErrorBatchProcessingStopped", FaultKind::unavailable},
    {"ErrorCalendarIsCancelledForAccept", FaultKind::conflict},
    {"ErrorCalendarIsCancelledForDecline", FaultKind::conflict},
    {"ErrorCalendarIsCancelledForTentative", FaultKind::conflict},
    {"ErrorCalendarIsDelegatedForAccept", FaultKind::denied},
    {"ErrorCalendarIsDelegatedForDecline", FaultKind::denied},
    {"ErrorCalendarIsDelegatedForTentative", FaultKind::denied},
    {"ErrorCalendarIsOrganizerForAccept", FaultKind::denied},
    {"ErrorCalendarIsOrganizerForDecline", FaultKind::denied},
    {"ErrorCalendarIsOrganizerForTentative", FaultKind::denied},
    {"ErrorCannotDeleteObject", FaultKind::denied},
    {"ErrorCannotFindUser", FaultKind::not_found},
    {"ErrorChangeKeyRequired", FaultKind::conflict},
    {"ErrorChangeKeyRequiredForWriteOperations", FaultKind::conflict},
    {"ErrorClientDisconnected", FaultKind::unavailable},
    {"ErrorConnectionFailed", FaultKind::unavailable},
    {"ErrorConnectionFailedTransientError", FaultKind::unavailable},
    {"ErrorContentConversionFailed", FaultKind::invalid},
    {"ErrorCorruptData", FaultKind::invalid},
    {"ErrorCreateItemAccessDenied", FaultKind::denied},
    {"ErrorCreateSubfolderAccessDenied", FaultKind::denied},
    {"ErrorDataSizeLimitExceeded", FaultKind::too_large},
    {"ErrorDataSourceOperation", FaultKind::unavailable},
    {"ErrorDeleteDistinguishedFolder", FaultKind::denied},
    {"ErrorDeleteItemsFailed", FaultKind::unavailable},
    {"ErrorExceededConnectionCount", FaultKind::throttled},
    {"ErrorExceededFindCountLimit", FaultKind::too_large},
    {"ErrorExceededSubscriptionCount", FaultKind::throttled},
    {"ErrorFolderCorrupt", FaultKind::invalid},
    {"ErrorFolderExists", FaultKind::exists},
    {"ErrorFolderNotFound", FaultKind::not_found},
    {"ErrorImpersonateUserDenied", FaultKind::auth},
    {"ErrorImpersonationDenied", FaultKind::auth},
    {"ErrorImpersonationFailed", FaultKind::auth},
    {"ErrorInsufficientResources", FaultKind::throttled},
    {"ErrorInternalServerError", FaultKind::unavailable},
    {"ErrorInternalServerTransientError", FaultKind::unavailable},
    {"ErrorInvalidAccessLevel", FaultKind::denied},
    {"ErrorInvalidChangeKey", FaultKind::conflict},
    {"ErrorInvalidExchangeImpersonationHeaderData", FaultKind::invalid},
    {"ErrorInvalidId", FaultKind::not_found},
    {"ErrorInvalidIdEmpty", FaultKind::not_found},
    {"ErrorInvalidIdMalformed", FaultKind::not_found},
    {"ErrorInvalidIdNotAnItemAttachmentId", FaultKind::not_found},
    {"ErrorInvalidLogonType", FaultKind::auth},
    {"ErrorInvalidMailbox", FaultKind::not_found},
    {"ErrorInvalidOperation", FaultKind::unsupported},
    {"ErrorInvalidRecipients", FaultKind::denied},
    {"ErrorInvalidRequest", FaultKind::invalid},
    {"ErrorInvalidSmtpAddress", FaultKind::not_found},
    {"ErrorInvalidSubscription", FaultKind::anchor_expired},
    {"ErrorInvalidSyncStateData", FaultKind::anchor_expired},
    {"ErrorInvalidUserPrincipalName", FaultKind::not_found},
    {"ErrorInvalidWatermark", FaultKind::anchor_expired},
    {"ErrorIrresolvableConflict", FaultKind::conflict},
    {"ErrorItemCorrupt", FaultKind::invalid},
    {"ErrorItemNotFound", FaultKind::not_found},
    {"ErrorMailboxConfiguration", FaultKind::unavailable},
    {"ErrorMailboxFailover", FaultKind::unavailable},
    {"ErrorMailboxLogonFailed", FaultKind::auth},
    {"ErrorMailboxMoveInProgress", FaultKind::unavailable},
    {"ErrorMailboxStoreUnavailable", FaultKind::unavailable},
    {"ErrorMailRecipientNotFound", FaultKind::not_found},
    {"ErrorManagedFolderNotFound", FaultKind::not_found},
    {"ErrorMessageSizeExceeded", FaultKind::too_large},
    {"ErrorMimeContentConversionFailed", FaultKind::invalid},
    {"ErrorMimeContentInvalid", FaultKind::invalid},
    {"ErrorMimeContentInvalidBase64String", FaultKind::invalid},
    {"ErrorMissedNotificationEvents", FaultKind::anchor_expired},
    {"ErrorMoveCopyFailed", FaultKind::unavailable},
    {"ErrorNameResolutionNoMailbox", FaultKind::not_found},
    {"ErrorNameResolutionNoResults", FaultKind::not_found},
    {"ErrorNonExistentMailbox", FaultKind::not_found},
    {"ErrorNonPrimarySmtpAddress", FaultKind::not_found},
    {"ErrorNotEnoughMemory", FaultKind::throttled},
    {"ErrorNotFound", FaultKind::not_found},
    {"ErrorObjectTypeChanged", FaultKind::conflict},
    {"ErrorPasswordChangeRequired", FaultKind::auth},
    {"ErrorPasswordExpired", FaultKind::auth},
    {"ErrorPropertyUpdate", FaultKind::unavailable},
    {"ErrorProxyRequestNotAllowed", FaultKind::unavailable},
    {"ErrorQuotaExceeded", FaultKind::quota},
    {"ErrorReadEventsFailed", FaultKind::anchor_expired},
    {"ErrorRightsManagementException", FaultKind::denied},
    {"ErrorSendAsDenied", FaultKind::denied},
    {"ErrorServerBusy", FaultKind::throttled},
    {"ErrorStaleObject", FaultKind::conflict},
    {"ErrorSubmissionQuotaExceeded", FaultKind::quota},
    {"ErrorSubscriptionAccessDenied", FaultKind::denied},
    {"ErrorSubscriptionNotFound", FaultKind::anchor_expired},
    {"ErrorSyncFolderNotFound", FaultKind::not_found},
    {"ErrorTimeoutExpired", FaultKind::unavailable},
    {"ErrorTokenSerializationDenied", FaultKind::auth},
    {"ErrorTooManyObjectsOpened", FaultKind::throttled},
    {"ErrorUnsupportedMimeConversion", FaultKind::unsupported},
    {"ErrorUserNotAllowedByPolicy", FaultKind::denied},
    {"ErrorVirusDetected", FaultKind::denied},
    {"ErrorVirusMessageDeleted", FaultKind::not_found},
};

constexpr auto no_case = [](std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(
      a, b, {}, [](char c) { return c | 0x20; }, [](char c) { return c | 0x20; });
};
static_assert(std::ranges::is_sorted(meanings, no_case, &Meaning::code));

std::string sentence(FaultKind kind, std::string_view code) {
  switch (kind) {
    case FaultKind::auth:
      return fmt::format(
          "The Exchange server refused the login or the impersonation ({}): check the account, and its "
          "ApplicationImpersonation role.",
          code);
    case FaultKind::denied:
      return fmt::format("The Exchange server does not allow it ({}).", code);
    case FaultKind::not_found:
      return fmt::format("The Exchange server does not know it ({}).", code);
    case FaultKind::conflict:
      return fmt::format("It was changed meanwhile on the Exchange server ({}).", code);
    case FaultKind::exists:
      return "There is one of that name on the Exchange server already.";
    case FaultKind::anchor_expired:
      return fmt::format("The Exchange server no longer knows where we were ({}); it is listed again.", code);
    case FaultKind::throttled:
      return fmt::format("The Exchange server is busy or limits us ({}); it is tried again later.", code);
    case FaultKind::too_large:
      return fmt::format("It is over a limit of the Exchange server ({}).", code);
    case FaultKind::quota:
      return "The mailbox on the Exchange server is full.";
    case FaultKind::unsupported:
      return fmt::format("The Exchange server cannot do this ({}).", code);
    case FaultKind::invalid:
      return fmt::format("The Exchange server did not understand the request, or holds damaged data ({}).", code);
    default:
      return fmt::format("The Exchange server cannot do it now ({}); it is tried again.", code);
  }
}

}  // namespace

std::string_view Trouble::value(std::string_view name) const {
  for (const auto& [key, held] : values)
    if (key == name) return held;
  return {};
}

std::string_view Trouble::deciding() const {
  const auto inner = value("InnerErrorResponseCode");
  return inner.starts_with("Error") ? inner : std::string_view(code);
}

std::optional<std::chrono::milliseconds> Trouble::back_off() const {
  const auto held = value("BackOffMilliseconds");
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(held.data(), held.data() + held.size(), number);
  if (error == std::errc::result_out_of_range) return std::chrono::hours(1);
  if (error != std::errc{} || number == 0) return std::nullopt;
  return std::min<std::chrono::milliseconds>(std::chrono::milliseconds(number), std::chrono::hours(1));
}

const xml::Element* find(const xml::Element& element, std::string_view local) {
  const auto found = std::ranges::find(element.children, local, &xml::Element::local);
  return found == element.children.end() ? nullptr : &*found;
}

const xml::Element* find(const xml::Element& element, std::initializer_list<std::string_view> path) {
  const auto* at = &element;
  for (const auto local : path)
    if (at = find(*at, local); at == nullptr) return nullptr;
  return at;
}

std::string_view words(const xml::Element& element, std::string_view local) {
  const auto* found = find(element, local);
  return found == nullptr ? std::string_view{} : found->trimmed();
}

bool truth(std::string_view text) { return text == "true" || text == "1" || text == "True"; }

void take_values(const xml::Element& message_xml, Trouble& trouble) {
  for (const auto& value : message_xml.children)
    if (value.local == "Value") trouble.values.emplace_back(value.attribute("Name"), value.trimmed());
}

std::optional<Trouble> trouble_of(const xml::Element& message) {
  const auto code = words(message, "ResponseCode");
  const auto how = message.attribute("ResponseClass");
  if (how == "Warning" || code == "NoError" || (how == "Success" && code.empty())) return std::nullopt;
  Trouble made{.code = std::string(code), .text = std::string(words(message, "MessageText"))};
  if (const auto* more = find(message, "MessageXml")) take_values(*more, made);
  return made;
}

Trouble trouble_of_fault(const xml::Element& fault) {
  Trouble made{.text = std::string(words(fault, "faultstring"))};
  if (const auto* detail = find(fault, "detail")) {
    made.code = words(*detail, "ResponseCode");
    if (const auto* more = find(*detail, "MessageXml")) take_values(*more, made);
  }
  if (made.code.empty()) {
    const auto code = words(fault, "faultcode");
    made.code = code.substr(code.find(':') + 1);  // npos + 1: all of it
  }
  return made;
}

FaultKind kind_of(std::string_view code) {
  const auto found = std::ranges::lower_bound(meanings, code, no_case, &Meaning::code);
  if (found != std::end(meanings) && found->code == code) return found->kind;
  // Of hundreds of codes most say that what was asked is wrong, and asking again would change nothing.
  if (code.starts_with("ErrorInvalid") || code.starts_with("ErrorSchema") || code.starts_with("ErrorUnsupported") ||
      code.starts_with("ErrorIncorrect") || code == "Client" || code == "ErrorMissingArgument")
    return FaultKind::invalid;
  return FaultKind::unavailable;
}

Fault fault_of(const Trouble& trouble, const std::string& where) {
  const auto code = trouble.deciding();
  const auto kind = kind_of(code);
  // A code is a word of the protocol; whatever else stands there is not repeated.
  const bool plain = !code.empty() && code.size() < 100 &&
                     std::ranges::all_of(code, [](unsigned char c) { return c < 128 && std::isalnum(c) != 0; });
  Fault made{kind, where, sentence(kind, plain ? code : "no known code"), trouble.text.substr(0, 500), {}};
  if (kind == FaultKind::throttled) made.retry_after = trouble.back_off().value_or(std::chrono::seconds(30));
  return made;
}

bool wants_older_schema(std::string_view code) {
  return code == "ErrorInvalidServerVersion" || code == "ErrorIncorrectSchemaVersion" ||
         code == "ErrorInvalidSchemaVersionForMailboxVersion";
}

}  // namespace tidegate::ews

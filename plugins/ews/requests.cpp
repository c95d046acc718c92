// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/requests.hpp"

#include <fmt/format.h>

#include "core/xml/reader.hpp"

namespace tidegate::ews {
namespace {

using xml::escaped;

constexpr std::string_view mail_properties[] = {
    "item:ParentFolderId", "item:ItemClass", "item:DateTimeReceived",     "item:Size",
    "item:Categories",     "item:IsDraft",   "message:InternetMessageId", "message:IsRead"};
constexpr const Property* mail_extended[] = {&flag_status, &last_verb, &answered_mark, &forwarded_mark, &deleted_mark};

std::string ids_of(std::span<const Bytes> ids) {
  std::string made = "<m:ItemIds>";
  for (const auto& id : ids) made += item_id(id);
  return made + "</m:ItemIds>";
}

std::string folder_shape(std::string_view more) {
  return fmt::format(
      "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{}</t:AdditionalProperties>"
      "</m:FolderShape>",
      more);
}

std::string field(std::string_view name) { return fmt::format("<t:FieldURI FieldURI=\"{}\"/>", name); }

// What a Folder of the Store needs.
std::string whole_folder() {
  return folder_shape(field("folder:ParentFolderId") + field("folder:FolderClass") + field("folder:DisplayName") +
                      field("folder:EffectiveRights"));
}

std::string is_equal(std::string_view path, std::string_view value) {
  return fmt::format(
      "<m:Restriction><t:IsEqualTo>{}<t:FieldURIOrConstant><t:Constant Value=\"{}\"/></t:FieldURIOrConstant>"
      "</t:IsEqualTo></m:Restriction>",
      path, escaped(value));
}

std::pair<std::string_view, std::string_view> folder_words(Kind kind) {
  switch (kind) {
    case Kind::event:
      return {"CalendarFolder", "IPF.Appointment"};
    case Kind::contact:
      return {"ContactsFolder", "IPF.Contact"};
    case Kind::task:
      return {"TasksFolder", "IPF.Task"};
    case Kind::note:
      return {"Folder", "IPF.StickyNote"};
    default:
      return {"Folder", "IPF.Note"};
  }
}

}  // namespace

std::string_view word(Version version) {
  switch (version) {
    case Version::exchange2010_sp2:
      return "Exchange2010_SP2";
    case Version::exchange2013:
      return "Exchange2013";
    case Version::exchange2013_sp1:
      break;
  }
  return "Exchange2013_SP1";
}

std::string envelope(Version version, std::string_view impersonated, std::string_view body) {
  std::string made = fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
      "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
      " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\""
      " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">"
      "<s:Header><t:RequestServerVersion Version=\"{}\"/>",
      word(version));
  if (!impersonated.empty()) {
    made += fmt::format(
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{}</t:PrimarySmtpAddress>"
        "</t:ConnectingSID></t:ExchangeImpersonation>",
        escaped(impersonated));
  }
  made += "</s:Header><s:Body>";
  made += body;
  return made + "</s:Body></s:Envelope>";
}

std::string Property::path() const {
  if (!tag.empty()) return fmt::format("<t:ExtendedFieldURI PropertyTag=\"{}\" PropertyType=\"{}\"/>", tag, type);
  if (!set.empty())
    return fmt::format("<t:ExtendedFieldURI PropertySetId=\"{}\" PropertyId=\"{}\" PropertyType=\"{}\"/>", set, name,
                       type);
  return fmt::format("<t:ExtendedFieldURI PropertySetId=\"{}\" PropertyName=\"tidegate-{}\" PropertyType=\"{}\"/>",
                     own_set, name, type);
}

std::string Property::with(std::string_view value) const {
  return fmt::format("<t:ExtendedProperty>{}<t:Value>{}</t:Value></t:ExtendedProperty>", path(), escaped(value));
}

std::string folder_id(View id) { return fmt::format("<t:FolderId Id=\"{}\"/>", escaped(id)); }

std::string item_id(View id, View change_key) {
  if (change_key.empty()) return fmt::format("<t:ItemId Id=\"{}\"/>", escaped(id));
  return fmt::format("<t:ItemId Id=\"{}\" ChangeKey=\"{}\"/>", escaped(id), escaped(change_key));
}

std::string occurrence_id(View series, int index) {
  return fmt::format("<t:OccurrenceItemId RecurringMasterId=\"{}\" InstanceIndex=\"{}\"/>", escaped(series), index);
}

std::string distinguished(std::string_view name, std::string_view of) {
  if (of.empty()) return fmt::format("<t:DistinguishedFolderId Id=\"{}\"/>", name);
  return fmt::format(
      "<t:DistinguishedFolderId Id=\"{}\"><t:Mailbox><t:EmailAddress>{}</t:EmailAddress></t:Mailbox>"
      "</t:DistinguishedFolderId>",
      name, escaped(of));
}

std::string get_folders(std::span<const std::string> ids) {
  std::string made = "<m:GetFolder>" + whole_folder() + "<m:FolderIds>";
  for (const auto& id : ids) made += id;
  return made + "</m:FolderIds></m:GetFolder>";
}

std::string sync_hierarchy(std::string_view root, View state) {
  return fmt::format("<m:SyncFolderHierarchy>{}<m:SyncFolderId>{}</m:SyncFolderId>{}</m:SyncFolderHierarchy>",
                     whole_folder(), root,
                     state.empty() ? std::string() : fmt::format("<m:SyncState>{}</m:SyncState>", escaped(state)));
}

std::string create_folder(std::string_view parent, std::string_view name, Kind kind) {
  const auto& [element, folder_class] = folder_words(kind);
  return fmt::format(
      "<m:CreateFolder><m:ParentFolderId>{0}</m:ParentFolderId><m:Folders><t:{1}><t:FolderClass>{2}</t:FolderClass>"
      "<t:DisplayName>{3}</t:DisplayName></t:{1}></m:Folders></m:CreateFolder>",
      parent, element, folder_class, escaped(name));
}

std::string rename_folder(View id, std::string_view name) {
  return fmt::format(
      "<m:UpdateFolder><m:FolderChanges><t:FolderChange>{}<t:Updates><t:SetFolderField>{}<t:Folder>"
      "<t:DisplayName>{}</t:DisplayName></t:Folder></t:SetFolderField></t:Updates></t:FolderChange>"
      "</m:FolderChanges></m:UpdateFolder>",
      folder_id(id), field("folder:DisplayName"), escaped(name));
}

std::string move_folder(View id, std::string_view to) {
  return fmt::format("<m:MoveFolder><m:ToFolderId>{}</m:ToFolderId><m:FolderIds>{}</m:FolderIds></m:MoveFolder>", to,
                     folder_id(id));
}

std::string delete_folder(View id) {
  return fmt::format("<m:DeleteFolder DeleteType=\"HardDelete\"><m:FolderIds>{}</m:FolderIds></m:DeleteFolder>",
                     folder_id(id));
}

std::string find_folder_by_name(std::string_view parent, std::string_view name) {
  return fmt::format(
      "<m:FindFolder Traversal=\"Shallow\">{}<m:IndexedPageFolderView MaxEntriesReturned=\"10\" Offset=\"0\""
      " BasePoint=\"Beginning\"/>{}<m:ParentFolderIds>{}</m:ParentFolderIds></m:FindFolder>",
      whole_folder(), is_equal(field("folder:DisplayName"), name), parent);
}

std::string sync_items(View folder, View state, std::uint32_t most) {
  return fmt::format(
      "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>{}"
      "</m:SyncFolderId>{}<m:MaxChangesReturned>{}</m:MaxChangesReturned></m:SyncFolderItems>",
      folder_id(folder), state.empty() ? std::string() : fmt::format("<m:SyncState>{}</m:SyncState>", escaped(state)),
      most);
}

std::string get_items(std::span<const Bytes> ids) {
  std::string made = "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>";
  for (const auto name : mail_properties) made += field(name);
  for (const auto* property : mail_extended) made += property->path();
  return made + "</t:AdditionalProperties></m:ItemShape>" + ids_of(ids) + "</m:GetItem>";
}

std::string get_mime(std::span<const Bytes> ids) {
  return "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:IncludeMimeContent>true</t:IncludeMimeContent>"
         "</m:ItemShape>" +
         ids_of(ids) + "</m:GetItem>";
}

std::string get_objects(std::span<const Bytes> ids, std::string_view properties) {
  return fmt::format(
      "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:BodyType>Text</t:BodyType><t:AdditionalProperties>{}"
      "</t:AdditionalProperties></m:ItemShape>{}</m:GetItem>",
      properties, ids_of(ids));
}

std::string get_attachments(std::span<const Bytes> ids) {
  std::string made = "<m:GetAttachment><m:AttachmentIds>";
  for (const auto& id : ids) made += fmt::format("<t:AttachmentId Id=\"{}\"/>", escaped(id));
  return made + "</m:AttachmentIds></m:GetAttachment>";
}

std::string file_attachment(std::string_view name, std::string_view type, std::string_view content, bool photo) {
  return fmt::format("<t:FileAttachment><t:Name>{}</t:Name>{}{}<t:Content>{}</t:Content></t:FileAttachment>",
                     name.empty() ? "attachment" : escaped(name),
                     type.empty() ? std::string() : fmt::format("<t:ContentType>{}</t:ContentType>", escaped(type)),
                     photo ? "<t:IsContactPhoto>true</t:IsContactPhoto>" : "", content);
}

std::string create_attachment(View item, const std::string& files) {
  return fmt::format(
      "<m:CreateAttachment><m:ParentItemId Id=\"{}\"/><m:Attachments>{}</m:Attachments></m:CreateAttachment>",
      escaped(item), files);
}

std::string delete_attachment(View id) {
  return fmt::format(
      "<m:DeleteAttachment><m:AttachmentIds><t:AttachmentId Id=\"{}\"/></m:AttachmentIds></m:DeleteAttachment>",
      escaped(id));
}

std::string get_revision(View id) {
  const Bytes one[] = {Bytes(id)};
  return "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>" + ids_of(one) + "</m:GetItem>";
}

std::string get_property(View id, const Property& property) {
  const Bytes one[] = {Bytes(id)};
  return fmt::format(
      "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{}{}"
      "</t:AdditionalProperties></m:ItemShape>{}</m:GetItem>",
      field("item:Categories"), property.path(), ids_of(one));
}

std::string find_by_property(std::string_view folder, const Property& property, std::string_view value) {
  return fmt::format(
      "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
      "<m:IndexedPageItemView MaxEntriesReturned=\"2\" Offset=\"0\" BasePoint=\"Beginning\"/>{}"
      "<m:ParentFolderIds>{}</m:ParentFolderIds></m:FindItem>",
      is_equal(property.path(), value), folder);
}

std::string find_text(View folder, std::string_view query, std::uint64_t offset, std::uint32_t most) {
  return fmt::format(
      "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
      "<m:IndexedPageItemView MaxEntriesReturned=\"{}\" Offset=\"{}\" BasePoint=\"Beginning\"/>"
      "<m:SortOrder><t:FieldOrder Order=\"Descending\">{}</t:FieldOrder></m:SortOrder>"
      "<m:ParentFolderIds>{}</m:ParentFolderIds><m:QueryString>{}</m:QueryString></m:FindItem>",
      most, offset, field("item:DateTimeReceived"), folder_id(folder), escaped(query));
}

std::string create_mail(std::string_view folder, const NewMail& mail) {
  std::string made = "<m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId>";
  made += folder;
  made += "</m:SavedItemFolderId><m:Items><t:Message><t:MimeContent CharacterSet=\"UTF-8\">";
  made += mail.mime;
  made += "</t:MimeContent>";
  if (!mail.categories.empty()) {
    made += "<t:Categories>";
    for (const auto& category : mail.categories) made += "<t:String>" + escaped(category) + "</t:String>";
    made += "</t:Categories>";
  }
  for (const auto& property : mail.properties) made += property;
  if (!mail.blind.empty()) {
    made += "<t:BccRecipients>";
    for (const auto& address : mail.blind)
      made += "<t:Mailbox><t:EmailAddress>" + escaped(address) + "</t:EmailAddress></t:Mailbox>";
    made += "</t:BccRecipients>";
  }
  return made + fmt::format("<t:IsRead>{}</t:IsRead></t:Message></m:Items></m:CreateItem>", mail.read);
}

std::string create_object(std::string_view folder, std::string_view element, const std::string& children,
                          std::string_view invitations) {
  return fmt::format(
      "<m:CreateItem{}{}><m:SavedItemFolderId>{}</m:SavedItemFolderId><m:Items><t:{}>{}</t:{}></m:Items>"
      "</m:CreateItem>",
      element == "Message" ? " MessageDisposition=\"SaveOnly\"" : "",
      invitations.empty() ? std::string() : fmt::format(" SendMeetingInvitations=\"{}\"", invitations), folder, element,
      children, element);
}

std::string update_object(std::string_view id, const std::string& updates, std::string_view invitations) {
  return fmt::format(
      "<m:UpdateItem ConflictResolution=\"{}\" MessageDisposition=\"SaveOnly\""
      " SendMeetingInvitationsOrCancellations=\"{}\"><m:ItemChanges><t:ItemChange>{}<t:Updates>{}</t:Updates></"
      "t:ItemChange>"
      "</m:ItemChanges></m:UpdateItem>",
      id.contains(" ChangeKey=") ? "NeverOverwrite" : "AlwaysOverwrite", invitations, id, updates);
}

std::string answer_meeting(std::string_view answer, View id, View change_key, std::string_view comment) {
  const auto reference = change_key.empty()
                             ? fmt::format("Id=\"{}\"", escaped(id))
                             : fmt::format("Id=\"{}\" ChangeKey=\"{}\"", escaped(id), escaped(change_key));
  return fmt::format(
      "<m:CreateItem MessageDisposition=\"SendAndSaveCopy\"><m:Items><t:{0}>{1}<t:ReferenceItemId "
      "{2}/></t:{0}></m:Items></m:CreateItem>",
      answer, comment.empty() ? std::string() : fmt::format("<t:Body BodyType=\"Text\">{}</t:Body>", escaped(comment)),
      reference);
}

std::string get_answer(View id) {
  const Bytes one[] = {Bytes(id)};
  return get_objects(one, field("calendar:MyResponseType"));
}

std::string send_item(View id, View change_key, std::string_view save_in) {
  return fmt::format(
      "<m:SendItem SaveItemToFolder=\"true\"><m:ItemIds>{}</m:ItemIds><m:SavedItemFolderId>{}"
      "</m:SavedItemFolderId></m:SendItem>",
      item_id(id, change_key), save_in);
}

std::string update_mail(Version version, View id, View change_key, const std::string& updates) {
  return fmt::format(
      "<m:UpdateItem ConflictResolution=\"{}\" MessageDisposition=\"SaveOnly\""
      " SendMeetingInvitationsOrCancellations=\"SendToNone\"{}><m:ItemChanges><t:ItemChange>{}<t:Updates>{}"
      "</t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>",
      change_key.empty() ? "AlwaysOverwrite" : "NeverOverwrite",
      version >= Version::exchange2013_sp1 ? " SuppressReadReceipts=\"true\"" : "", item_id(id, change_key), updates);
}

std::string set_read(bool read) {
  return fmt::format("<t:SetItemField>{}<t:Message><t:IsRead>{}</t:IsRead></t:Message></t:SetItemField>",
                     field("message:IsRead"), read);
}

std::string set_categories(const std::vector<std::string>& categories) {
  if (categories.empty()) return fmt::format("<t:DeleteItemField>{}</t:DeleteItemField>", field("item:Categories"));
  std::string made = fmt::format("<t:SetItemField>{}<t:Message><t:Categories>", field("item:Categories"));
  for (const auto& category : categories) made += "<t:String>" + escaped(category) + "</t:String>";
  return made + "</t:Categories></t:Message></t:SetItemField>";
}

std::string set_property(const Property& property, std::string_view value) {
  return fmt::format("<t:SetItemField>{}<t:Message>{}</t:Message></t:SetItemField>", property.path(),
                     property.with(value));
}

std::string clear_property(const Property& property) {
  return fmt::format("<t:DeleteItemField>{}</t:DeleteItemField>", property.path());
}

std::string move_item(View id, std::string_view to) {
  return fmt::format("<m:MoveItem><m:ToFolderId>{}</m:ToFolderId><m:ItemIds>{}</m:ItemIds></m:MoveItem>", to,
                     item_id(id));
}

std::string delete_item(Version version, std::string_view id, std::string_view cancellations) {
  return fmt::format(
      "<m:DeleteItem DeleteType=\"HardDelete\" SendMeetingCancellations=\"{}\""
      " AffectedTaskOccurrences=\"AllOccurrences\"{}><m:ItemIds>{}</m:ItemIds></m:DeleteItem>",
      cancellations, version >= Version::exchange2013_sp1 ? " SuppressReadReceipts=\"true\"" : "", id);
}

std::string resolve_names(std::string_view words) {
  return fmt::format(
      "<m:ResolveNames ReturnFullContactData=\"false\"><m:UnresolvedEntry>{}</m:UnresolvedEntry></m:ResolveNames>",
      escaped(words));
}

std::string subscribe_streaming() {
  std::string made = "<m:Subscribe><m:StreamingSubscriptionRequest SubscribeToAllFolders=\"true\"><t:EventTypes>";
  for (const auto* kind :
       {"CopiedEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent", "NewMailEvent"})
    made += fmt::format("<t:EventType>{}</t:EventType>", kind);
  return made + "</t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>";
}

std::string unsubscribe(View subscription) {
  return fmt::format("<m:Unsubscribe><m:SubscriptionId>{}</m:SubscriptionId></m:Unsubscribe>", escaped(subscription));
}

std::string get_streaming_events(std::span<const Bytes> subscriptions, int minutes) {
  std::string made = "<m:GetStreamingEvents><m:SubscriptionIds>";
  for (const auto& id : subscriptions) made += "<t:SubscriptionId>" + escaped(id) + "</t:SubscriptionId>";
  return made + fmt::format("</m:SubscriptionIds><m:ConnectionTimeout>{}</m:ConnectionTimeout></m:GetStreamingEvents>",
                            minutes);
}

}  // namespace tidegate::ews

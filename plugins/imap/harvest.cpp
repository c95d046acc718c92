// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/harvest.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

namespace tidegate::imap {
namespace {

template <class T, class Visit>
void each(const clist* list, Visit visit) {
  if (list == nullptr) return;
  for (const clistcell* cell = list->first; cell != nullptr; cell = cell->next) {
    if (cell->data != nullptr) visit(*static_cast<const T*>(cell->data));
  }
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

void take_flags(const mailimap_msg_att_dynamic& dynamic, Row& row) {
  row.has_flags = true;
  each<mailimap_flag_fetch>(dynamic.att_list, [&](const mailimap_flag_fetch& fetched) {
    if (fetched.fl_type != MAILIMAP_FLAG_FETCH_OTHER || fetched.fl_flag == nullptr) return;
    const mailimap_flag& flag = *fetched.fl_flag;
    switch (flag.fl_type) {
      case MAILIMAP_FLAG_ANSWERED:
        row.flags |= Flag::answered;
        break;
      case MAILIMAP_FLAG_FLAGGED:
        row.flags |= Flag::flagged;
        break;
      case MAILIMAP_FLAG_DELETED:
        row.flags |= Flag::deleted;
        break;
      case MAILIMAP_FLAG_SEEN:
        row.flags |= Flag::seen;
        break;
      case MAILIMAP_FLAG_DRAFT:
        row.flags |= Flag::draft;
        break;
      case MAILIMAP_FLAG_KEYWORD: {
        std::string keyword = text_or_empty(flag.fl_data.fl_keyword);
        if (upper(keyword) == "$FORWARDED") {
          row.flags |= Flag::forwarded;
        } else {
          row.keywords.push_back(std::move(keyword));
        }
        break;
      }
      default:
        break;  // \Recent and unknown system flags say nothing about the message itself
    }
  });
  std::ranges::sort(row.keywords);
}

// libetpan keeps the zone as the number it read: +0130 is 130.
std::chrono::sys_seconds time_of(const mailimap_date_time& t) {
  using namespace std::chrono;
  const year_month_day date(year(t.dt_year), month(static_cast<unsigned>(t.dt_month)),
                            day(static_cast<unsigned>(t.dt_day)));
  if (!date.ok()) return {};
  const int zone = std::abs(t.dt_zone);
  const seconds offset = hours(zone / 100) + minutes(zone % 100);
  const sys_seconds local = sys_days(date) + hours(t.dt_hour) + minutes(t.dt_min) + seconds(t.dt_sec);
  return t.dt_zone < 0 ? local + offset : local - offset;
}

void take_static(const mailimap_msg_att_static& fixed, Row& row) {
  switch (fixed.att_type) {
    case MAILIMAP_MSG_ATT_UID:
      row.uid = fixed.att_data.att_uid;
      break;
    case MAILIMAP_MSG_ATT_RFC822_SIZE:
      row.size = fixed.att_data.att_rfc822_size;
      break;
    case MAILIMAP_MSG_ATT_INTERNALDATE:
      row.has_date = true;
      if (fixed.att_data.att_internal_date != nullptr) row.received = time_of(*fixed.att_data.att_internal_date);
      break;
    case MAILIMAP_MSG_ATT_BODY_SECTION: {
      const auto* part = fixed.att_data.att_body_section;
      if (part == nullptr) break;
      std::string octets;
      if (part->sec_body_part != nullptr) octets.assign(part->sec_body_part, part->sec_length);
      // BODY[] has no section at all, HEADER.FIELDS has one.
      const bool whole = part->sec_section == nullptr || part->sec_section->sec_spec == nullptr;
      if (whole) {
        row.body = std::move(octets);
      } else {
        row.message_id = std::move(octets);
      }
      break;
    }
    default:
      break;
  }
}

void take_mod_sequence(const mailimap_extension_data& extension, Row& row) {
  if (extension.ext_extension->ext_id == MAILIMAP_EXTENSION_CONDSTORE &&
      extension.ext_type == MAILIMAP_CONDSTORE_TYPE_FETCH_DATA && extension.ext_data != nullptr) {
    row.modseq = static_cast<const mailimap_condstore_fetch_mod_resp*>(extension.ext_data)->cs_modseq_value;
  }
}

Uid first_of(const mailimap_set* set) {
  Uid first = 0;
  if (set == nullptr) return first;
  each<mailimap_set_item>(set->set_list, [&](const mailimap_set_item& item) {
    if (first == 0) first = item.set_first;
  });
  return first;
}

void take_extension(const mailimap_extension_data& extension, Reply& reply, std::vector<Uid>& found) {
  if (extension.ext_data == nullptr || extension.ext_extension == nullptr) return;
  if (extension.ext_extension->ext_id == MAILIMAP_EXTENSION_CONDSTORE) {
    if (extension.ext_type == MAILIMAP_CONDSTORE_TYPE_RESP_TEXT_CODE) {
      const auto& code = *static_cast<const mailimap_condstore_resptextcode*>(extension.ext_data);
      if (code.cs_type == MAILIMAP_CONDSTORE_RESPTEXTCODE_HIGHESTMODSEQ) reply.modseq = code.cs_data.cs_modseq_value;
    } else if (extension.ext_type == MAILIMAP_CONDSTORE_TYPE_SEARCH_DATA) {
      const auto& search = *static_cast<const mailimap_condstore_search*>(extension.ext_data);
      each<std::uint32_t>(search.cs_search_result, [&](std::uint32_t uid) { found.push_back(uid); });
      reply.found_modseq = std::max(reply.found_modseq, search.cs_modseq_value);
    }
  } else if (extension.ext_extension->ext_id == MAILIMAP_EXTENSION_UIDPLUS) {
    if (extension.ext_type == MAILIMAP_UIDPLUS_RESP_CODE_APND) {
      const auto& at = *static_cast<const mailimap_uidplus_resp_code_apnd*>(extension.ext_data);
      reply.stored_as = {at.uid_uidvalidity, first_of(at.uid_set)};
    } else if (extension.ext_type == MAILIMAP_UIDPLUS_RESP_CODE_COPY) {
      const auto& at = *static_cast<const mailimap_uidplus_resp_code_copy*>(extension.ext_data);
      reply.stored_as = {at.uid_uidvalidity, first_of(at.uid_dest_set)};
    }
  }
}

}  // namespace

Row row_of(const mailimap_msg_att& att) {
  Row row;
  each<mailimap_msg_att_item>(att.att_list, [&](const mailimap_msg_att_item& item) {
    if (item.att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC && item.att_data.att_dyn != nullptr) {
      take_flags(*item.att_data.att_dyn, row);
    } else if (item.att_type == MAILIMAP_MSG_ATT_ITEM_STATIC && item.att_data.att_static != nullptr) {
      take_static(*item.att_data.att_static, row);
    } else if (item.att_type == MAILIMAP_MSG_ATT_ITEM_EXTENSION && item.att_data.att_extension_data != nullptr) {
      take_mod_sequence(*item.att_data.att_extension_data, row);
    }
  });
  return row;
}

Reply reply_of(const mailimap& session) {
  Reply reply;
  const mailimap_response_info* info = session.imap_response_info;
  if (info == nullptr) return reply;
  if (info->rsp_trycreate != 0) reply.code = "TRYCREATE";
  if (info->rsp_atom != nullptr) reply.code = upper(info->rsp_atom);
  each<mailimap_msg_att>(info->rsp_fetch_list, [&](const mailimap_msg_att& att) { reply.rows.push_back(row_of(att)); });
  std::vector<Uid> found;
  each<std::uint32_t>(info->rsp_search_result, [&](std::uint32_t uid) { found.push_back(uid); });
  each<mailimap_extension_data>(info->rsp_extension_list, [&](const mailimap_extension_data& extension) {
    take_extension(extension, reply, found);
  });
  reply.found = UidSet::of(std::move(found));
  return reply;
}

std::set<std::string, std::less<>> capabilities_of(const mailimap& session) {
  std::set<std::string, std::less<>> out;
  if (session.imap_connection_info == nullptr || session.imap_connection_info->imap_capability == nullptr) return out;
  each<struct mailimap_capability>(session.imap_connection_info->imap_capability->cap_list,
                                   [&](const struct mailimap_capability& c) {
                                     if (c.cap_type == MAILIMAP_CAPABILITY_AUTH_TYPE) {
                                       out.insert("AUTH=" + upper(text_or_empty(c.cap_data.cap_auth_type)));
                                     } else {
                                       out.insert(upper(text_or_empty(c.cap_data.cap_name)));
                                     }
                                   });
  return out;
}

bool note_line(std::string_view line, Signals& signals) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.ends_with('}') && !line.starts_with("* OK")) return false;
  if (!line.starts_with("* ")) return true;
  line.remove_prefix(2);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc{}) return true;  // "* OK Still here", "* FLAGS …"
  if (upper(line.substr(static_cast<std::size_t>(end - line.data()))).starts_with(" FETCH ")) signals.flags = true;
  return true;
}

}  // namespace tidegate::imap

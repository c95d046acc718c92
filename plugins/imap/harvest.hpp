// SPDX-License-Identifier: Apache-2.0
// From libetpan's structures to plain values. With connection.cpp and driver.cpp the only code that knows libetpan.
#pragma once
#include <set>
#include <string>

#include <libetpan/libetpan.h>

#include "plugins/imap/connection.hpp"
#include "plugins/imap/reply.hpp"

namespace tidegate::imap {

Row row_of(const mailimap_msg_att&);
/// Everything response_info holds after a response was parsed; `verdict` and `text` come from the caller.
Reply reply_of(const mailimap&);
std::set<std::string, std::less<>> capabilities_of(const mailimap&);  ///< upper case

/// A line that libetpan would get, read by hand while idling. False: it can't be understood without a parser (it ends
/// in a literal).
bool note_line(std::string_view line, Signals&);

}  // namespace tidegate::imap

// SPDX-License-Identifier: Apache-2.0
// What a file of a vdir collection holds: one calendar object (RFC 5545; one UID with its overrides and time zones) or
// one card (RFC 6350). Only as much is read as naming it and telling changes apart need. Pure.
#pragma once
#include <string>

#include "core/sdk/store.hpp"

namespace tidegate::device {

struct VdirObject {
  Kind kind = Kind::event;
  std::string uid;
  /// SHA-256 of its content lines, unfolded, whatever their ends: a program that writes the same again changes nothing.
  Bytes canonical;
  std::string wrong;  ///< why no store could take it, with the line; empty: nothing
};

/// `kind`: of the collection. Octets that were cut off have their UID all the same.
VdirObject read_object(View content, Kind kind);

}  // namespace tidegate::device

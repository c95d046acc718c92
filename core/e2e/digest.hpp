// SPDX-License-Identifier: Apache-2.0
// SHA-256 of content as it comes in parts.
#pragma once
#include <memory>

#include "core/sdk/fault.hpp"

struct evp_md_ctx_st;

namespace tidegate::e2e {

class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void add(View);
  Bytes finish();  ///< 32 octets; once

 private:
  struct Free {
    void operator()(evp_md_ctx_st*) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> state_;
};

}  // namespace tidegate::e2e

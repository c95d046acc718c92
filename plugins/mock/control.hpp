// SPDX-License-Identifier: Apache-2.0
// A Unix socket that takes a line of the script at a time, without its `at`, performs it at once and answers `ok`, or
// `error: ` and a sentence (docs/sdk/mock.md). Whoever may write to the socket may use it. Reactor thread.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "core/sdk/store.hpp"
#include "plugins/mock/posix.hpp"
#include "plugins/mock/script.hpp"

namespace tidegate::mock {

class Control {
 public:
  using Perform = std::function<Result<void>(const Step&)>;
  /// Null without a fault: another back-end of this process or another one has the socket already. Fault: invalid.
  static Result<std::unique_ptr<Control>> open(Host&, const std::string& path, Perform);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

 private:
  struct Client {
    Fd fd;
    std::string heard;
    std::unique_ptr<FdWait> wait;
  };
  Control(Host& host, std::string path, Perform perform, Fd listening)
      : host_(host), path_(std::move(path)), perform_(std::move(perform)), listening_(std::move(listening)) {}
  void listen();
  void accept();
  void hear(std::list<Client>::iterator);
  bool read(Client&);  ///< false: it is gone
  std::string answer(std::string_view line);

  Host& host_;
  std::string path_;
  Perform perform_;
  Fd listening_;
  std::unique_ptr<FdWait> wait_;
  std::list<Client> clients_;
};

}  // namespace tidegate::mock

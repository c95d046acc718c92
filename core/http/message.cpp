// SPDX-License-Identifier: Apache-2.0
// The only file that sees Beast. One of its assertions (basic_parser.ipp, parse_chunk_header, n >= 5) is wrong where
// the first chunk is the last and its trailer comes octet by octet: a peer could end a debug build by it. The code
// behind it is right (found by tests/fuzz/http_fuzz.cpp), so its assertions are off.
#define BOOST_DISABLE_ASSERTS
#include "core/http/message.hpp"

#include <optional>
#include <string>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>

namespace tidegate::http {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

namespace detail {

constexpr std::uint64_t kBodyLimit = std::uint64_t{64} * 1024;

/// What both kinds share, behind one pointer.
class Reader {
 public:
  virtual ~Reader() = default;
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<std::size_t> feed(Octets octets, MessageEvents& events);
  Result<void> end(MessageEvents& events);
  bool between_messages() const { return pending_.empty() && !started_; }
  bool no_body = false;
  std::uint64_t body_limit = kBodyLimit;
  RequestHead request;
  ResponseHead response;

 protected:
  virtual void begin() = 0;
  virtual std::size_t put(View, beast::error_code&) = 0;
  virtual void put_end(beast::error_code&) = 0;
  virtual bool head_done() const = 0;
  virtual bool done() const = 0;

  MessageEvents* events_ = nullptr;  ///< during a call

 private:
  Result<std::size_t> run(View all, bool& stopped);
  static std::unexpected<Fault> broken(const beast::error_code&);

  std::string pending_;  ///< the beginning of a line or head that is not complete yet
  bool started_ = false;
};

template <bool kRequest>
class BeastParser final : public bhttp::basic_parser<kRequest> {
  using Text = beast::string_view;

 public:
  BeastParser(Head& head, RequestHead& request, ResponseHead& response, MessageEvents*& events,
              const std::uint64_t& body_limit)
      : head_(head), request_(request), response_(response), events_(events), limit_(body_limit) {
    this->eager(true);
    this->header_limit(kHeadLimit);
    this->body_limit(boost::none);  // Beast would apply it before the caller has seen the head
  }

 private:
  void on_request_impl(bhttp::verb, Text method, Text target, int version, beast::error_code&) override {
    request_.method = std::string(method);
    request_.target = std::string(target);
    head_.version = static_cast<unsigned>(version);
  }
  void on_response_impl(int status, Text reason, int version, beast::error_code&) override {
    response_.status = static_cast<unsigned>(status);
    response_.reason = std::string(reason);
    head_.version = static_cast<unsigned>(version);
  }
  void on_field_impl(bhttp::field, Text name, Text value, beast::error_code&) override {
    if (this->is_header_done()) return;  // a trailer (RFC 9112 §7.1.2): nothing here is allowed to depend on it
    head_.fields.add(std::string(name), std::string(value));
  }
  void on_header_impl(beast::error_code& error) override {
    if (const auto length = this->content_length()) head_.content_length = *length;
    head_.chunked = this->chunked();
    head_.keep_alive = this->keep_alive();
    head_.upgrade = this->upgrade();
    // RFC 9112 §6.1, §6.3: a body whose end nobody can be sure of is how requests are smuggled.
    if (head_.fields.find("Transfer-Encoding") != nullptr && (!head_.chunked || head_.version != 11))
      error = bhttp::error::bad_transfer_encoding;
    if (head_.version != 10 && head_.version != 11) error = bhttp::error::bad_version;
    if (error) return;
    events_->head();
    if (head_.content_length.value_or(0) > limit_) error = bhttp::error::body_limit;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(Text text, beast::error_code& error) override { return hand_on(text, error); }
  void on_chunk_header_impl(std::uint64_t, Text, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text text, beast::error_code& error) override {
    return hand_on(text, error);
  }
  void on_finish_impl(beast::error_code&) override {}

  std::size_t hand_on(Text text, beast::error_code& error) {
    if (limit_ - had_ < text.size()) {
      error = bhttp::error::body_limit;
      return 0;
    }
    had_ += text.size();
    if (!text.empty()) events_->body(std::as_bytes(std::span(text.data(), text.size())));
    return text.size();
  }

  Head& head_;
  RequestHead& request_;
  ResponseHead& response_;
  MessageEvents*& events_;
  const std::uint64_t& limit_;
  std::uint64_t had_ = 0;
};

template <bool kRequest>
class ReaderOf final : public Reader {
 protected:
  void begin() override {
    request = {};
    response = {};
    body_limit = kBodyLimit;
    parser_.reset();
  }
  std::size_t put(View octets, beast::error_code& error) override {
    return parser().put(boost::asio::const_buffer(octets.data(), octets.size()), error);
  }
  void put_end(beast::error_code& error) override { parser().put_eof(error); }
  bool head_done() const override { return parser_ && parser_->is_header_done(); }
  bool done() const override { return parser_ && parser_->is_done(); }

 private:
  // Made when the first octet of a message comes: a connection that waits for its next request holds none.
  BeastParser<kRequest>& parser() {
    if (!parser_) {
      Head& head = kRequest ? static_cast<Head&>(request) : static_cast<Head&>(response);
      parser_ = std::make_unique<BeastParser<kRequest>>(head, request, response, events_, body_limit);
      if (no_body) parser_->skip(true);
    }
    return *parser_;
  }
  std::unique_ptr<BeastParser<kRequest>> parser_;
};

std::unexpected<Fault> Reader::broken(const beast::error_code& error) {
  if (error == bhttp::error::header_limit)
    return fault(FaultKind::too_large, "HTTP head", "The head of an HTTP message is over 16 KiB.", error.message());
  if (error == bhttp::error::body_limit)
    return fault(FaultKind::too_large, "HTTP body", "The body of an HTTP message is over its limit.", error.message());
  if (error == bhttp::error::partial_message || error == bhttp::error::end_of_stream)
    return fault(FaultKind::invalid, "HTTP", "The connection ended in the midst of an HTTP message.", error.message());
  return fault(FaultKind::invalid, "HTTP", "What the other end sent is not HTTP/1.1: check the port.", error.message());
}

/// Parses what it can of `all`; stopped: the message is complete, or an upgrade's head is.
Result<std::size_t> Reader::run(View all, bool& stopped) {
  std::size_t used = 0;
  while (used < all.size()) {
    beast::error_code error;
    const auto count = put(all.substr(used), error);
    used += count;
    if (error && error != bhttp::error::need_more) return broken(error);
    if (done()) {  // an upgrade, having no body, is done with its head
      stopped = true;
      break;
    }
    if (error || count == 0) break;
  }
  return used;
}

Result<std::size_t> Reader::feed(Octets octets, MessageEvents& events) {
  if (octets.empty()) return std::size_t{0};
  const View view(reinterpret_cast<const char*>(octets.data()), octets.size());
  if (!started_) begin();
  started_ = true;
  events_ = &events;
  const bool direct = pending_.empty();
  if (!direct) pending_ += view;
  bool stopped = false;
  const auto used = run(direct ? view : View(pending_), stopped);
  events_ = nullptr;
  if (!used) return used;
  const auto whole = direct ? view.size() : pending_.size();
  const auto left = whole - *used;
  if (stopped) {
    started_ = false;
    no_body = false;
    std::string().swap(pending_);  // assigning an empty string would keep the buffer
    events.complete();
    return view.size() - left;  // before this call the message was not complete: what is left came now
  }
  if (left > 2 * kHeadLimit)
    return fault(FaultKind::too_large, "HTTP", "A line of an HTTP message is endless.", "no end of line");
  pending_ = direct ? std::string(view.substr(*used)) : pending_.substr(*used);
  return view.size();
}

Result<void> Reader::end(MessageEvents& events) {
  if (between_messages()) return {};
  events_ = &events;
  beast::error_code error;
  if (pending_.empty() || head_done()) put_end(error);
  events_ = nullptr;
  if (error) return broken(error);
  if (!done()) return broken(bhttp::make_error_code(bhttp::error::partial_message));
  started_ = false;
  no_body = false;
  events.complete();
  return {};
}

}  // namespace detail

Parser::Parser(std::unique_ptr<detail::Reader> reader) : reader_(std::move(reader)) {}
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;
Parser::~Parser() = default;

Result<std::size_t> Parser::feed(Octets octets, MessageEvents& events) { return reader_->feed(octets, events); }
Result<void> Parser::end(MessageEvents& events) { return reader_->end(events); }
void Parser::body_limit(std::uint64_t octets) { reader_->body_limit = octets; }
bool Parser::between_messages() const { return reader_->between_messages(); }

RequestParser::RequestParser() : Parser(std::make_unique<detail::ReaderOf<true>>()) {}
const RequestHead& RequestParser::head() const { return reader_->request; }

ResponseParser::ResponseParser() : Parser(std::make_unique<detail::ReaderOf<false>>()) {}
const ResponseHead& ResponseParser::head() const { return reader_->response; }
void ResponseParser::expect_no_body() { reader_->no_body = true; }

}  // namespace tidegate::http

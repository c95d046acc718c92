import shutil
W='./'
def sub(p,pairs):
    p=W+p; s=open(p).read()
    for a,b in pairs:
        assert a in s,(p,a[:80]); s=s.replace(a,b,1)
    open(p,'w').write(s)
for f in ('keywords.hpp','keywords.cpp'): shutil.copy('/tmp/upwards/kw/'+f,W+'device/'+f)
sub('device/names.hpp',[
('''/// Maildir letters of the flags, in ASCII order: D draft, F flagged, P forwarded, R answered, S seen, T deleted.
std::string flag_letters(std::uint32_t flags);
/// Letters that mean nothing to us are left out.
std::uint32_t flags_of_letters(std::string_view letters);
/// Flags a Maildir can show; others live in the index only.
inline constexpr std::uint32_t shown_flags = 0x3F;
''','''/// Marks are what a file name shows, in 32 bits: the flags a Maildir has letters for, and above them the letters a to z,
/// which mean keywords (device/keywords.hpp).
inline constexpr std::uint32_t shown_flags = 0x3F;
inline constexpr unsigned letter_shift = 6;
/// Letters in ASCII order: D draft, F flagged, P forwarded, R answered, S seen, T deleted, a to z.
std::string flag_letters(std::uint32_t marks);
/// Letters that mean nothing to us are left out.
std::uint32_t flags_of_letters(std::string_view letters);
'''),
('''/// Below the folder: "new/BASE" for a mail without flags, else "cur/BASE:2,LETTERS".
std::string mail_name(std::string_view base, std::uint32_t flags);''','''/// Below the folder: "new/BASE" for a mail without marks, else "cur/BASE:2,LETTERS".
std::string mail_name(std::string_view base, std::uint32_t marks);'''),
('''/// The flags that such a name shows.
''','''/// The marks that such a name shows.
'''),
('''/// The name for this base and these flags; the place and letters that are not ours (Dovecot's keywords) stay.
std::string renamed_for(std::string_view name, std::string_view base, std::uint32_t flags);''','''/// The name for this base and these marks; the place and letters that are none stay.
std::string renamed_for(std::string_view name, std::string_view base, std::uint32_t marks);'''),
])
sub('device/names.cpp',[
('''    if ((flags & flag) != 0) out += letter;
  return out;
''','''    if ((flags & flag) != 0) out += letter;
  for (unsigned letter = 0; letter < 26; ++letter)
    if ((flags >> (letter_shift + letter) & 1) != 0) out += static_cast<char>('a' + letter);
  return out;
'''),
('''    if (letters.find(letter) != std::string_view::npos) flags |= flag;
  return flags;
''','''    if (letters.find(letter) != std::string_view::npos) flags |= flag;
  for (const char letter : letters)
    if (letter >= 'a' && letter <= 'z') flags |= std::uint32_t{1} << (letter_shift + static_cast<unsigned>(letter - 'a'));
  return flags;
'''),
("flags_of_name(name) == (flags & shown_flags)) return","flags_of_name(name) == flags) return"),
])
sub('device/pending.hpp',[
('''        cleared_ = (cleared_ & ~command.flags_add) | command.flags_clear;
''','''        cleared_ = (cleared_ & ~command.flags_add) | command.flags_clear;
        for (const auto& word : command.keywords_clear) words_[word] = false;
        for (const auto& word : command.keywords_add) words_[word] = true;
'''),
('''  const std::optional<Gid>& folder() const {''','''  /// The same of keywords.
  std::vector<std::string> keywords(std::vector<std::string> base) const {
    for (const auto& [word, set] : words_) {
      std::erase(base, word);
      if (set) base.push_back(word);
    }
    return base;
  }
  const std::optional<Gid>& folder() const {'''),
('''  std::uint32_t set_ = 0, cleared_ = 0;
''','''  std::uint32_t set_ = 0, cleared_ = 0;
  std::map<std::string, bool> words_;  ///< set or cleared
'''),
])
sub('device/index.hpp',[('''  std::uint32_t base_flags = 0;
};

struct FolderRow''','''  std::uint32_t base_flags = 0;
  std::vector<std::string> keywords{};
};

struct FolderRow''')])
sub('device/index.cpp',[('''"SELECT gid, name, size, inode, mtime_ns, base_flags FROM items WHERE view = ? AND folder = ?"''','''"SELECT gid, name, size, inode, mtime_ns, base_flags, keywords FROM items WHERE view = ? AND folder = ?"'''),
('''static_cast<std::uint32_t>(query.integer(5))};''','''static_cast<std::uint32_t>(query.integer(5)),
                 split_words(query.bytes(6))};''')])
sub('device/scan.hpp',[('''#include "device/pending.hpp"
''','''#include "device/keywords.hpp"
#include "device/pending.hpp"
'''),
('''  Scan(sim::Files& files, Index& index, const Tree& tree) : files_(files), index_(index), tree_(tree) {}
''','''  Scan(sim::Files& files, Index& index, const Tree& tree, Keywords& keywords)
      : files_(files), index_(index), tree_(tree), keywords_(keywords) {}
'''),
('''  bool found(const FolderRow&, const PlaceRow&, const FoundFile&);
''','''  bool found(const FolderRow&, const PlaceRow&, const FoundFile&);
  bool shows_other_marks(const FolderRow&, const PlaceRow&, const FoundFile&);
'''),
('''  const Tree& tree_;
  // remembered''','''  const Tree& tree_;
  Keywords& keywords_;
  // remembered'''),
])
sub('device/scan.cpp',[('''  const auto mask = pending_->find(key);
  const auto told = mask == pending_->end() ? row.base_flags : mask->second.flags(row.base_flags);
  if (touched || file.name != row.name || flags_of_name(file.name) != (told & shown_flags))
    findings_''','''  if (touched || file.name != row.name || shows_other_marks(folder, row, file))
    findings_'''),
('''void Scan::match_missing() {''','''/// Other flags and keywords than the store has or is about to hear of.
bool Scan::shows_other_marks(const FolderRow& folder, const PlaceRow& row, const FoundFile& file) {
  const auto mask = pending_->find({folder.view, row.gid});
  const auto pending = mask == pending_->end() ? Pending() : mask->second;
  const auto shows = flags_of_name(file.name), flags = pending.flags(row.base_flags) & shown_flags;
  if ((shows & shown_flags) != flags) return true;
  const auto words = pending.keywords(row.keywords);
  if (words.empty() && (shows & ~shown_flags) == 0) return false;
  const auto path = tree_.path(folder);
  return ((shows ^ keywords_.marks(path, flags, words)) & keywords_.known(path)) != 0;
}

void Scan::match_missing() {''')])
sub('device/outgoing.hpp',[('''  Outgoing(sim::World& world, Index& index, Tree& tree)
''','''  Outgoing(sim::World& world, Index& index, Tree& tree, Keywords& keywords)
'''),('''        tree_(tree),
        journal_''','''        tree_(tree),
        keywords_(keywords),
        journal_'''),('''  Tree& tree_;
  Journal journal_;''','''  Tree& tree_;
  Keywords& keywords_;
  Journal journal_;''')])
sub('device/outgoing.cpp',[('''  const auto told = pending.flags(row->base_flags) & shown_flags;
  const auto shows = flags_of_name(file.name);
''','''  const auto directory = tree_.path(*tree_.find(file.view, file.folder));
  const auto told = keywords_.marks(directory, pending.flags(row->base_flags), pending.keywords(row->keywords));
  auto shows = flags_of_name(file.name);
  // In another folder a letter means another word: what goes with the file is what was told.
  if (file.folder != row->folder) shows = (shows & shown_flags) | (told & ~shown_flags);
'''),
('''    row->base_flags = shows;
  } else if''','''    row->base_flags = shows & shown_flags;
    row->keywords = keywords_.words(directory, shows);
  } else if'''),
('''  if (!unknown && shows != told)
    command({.view = file.view,
             .verb = e2e::Verb::set_flags,
             .gid = placed.gid,
             .flags_add = shows & ~told,
             .flags_clear = told & ~shows});
''','''  if (!unknown && ((shows ^ told) & keywords_.known(directory)) != 0)
    command({.view = file.view,
             .verb = e2e::Verb::set_flags,
             .gid = placed.gid,
             .flags_add = shows & ~told & shown_flags,
             .flags_clear = told & ~shows & shown_flags,
             .keywords_add = keywords_.words(directory, shows & ~told),
             .keywords_clear = keywords_.words(directory, told & ~shows)});
'''),
('''  row.base_flags = flags_of_name(file.name);
  row.name = renamed_for(file.name, mail_base(row.gid, row.size), row.base_flags);
''','''  const auto marks = flags_of_name(file.name);
  row.base_flags = marks & shown_flags;
  row.keywords = keywords_.words(tree_.path(*tree_.find(file.view, file.folder)), marks);
  row.name = renamed_for(file.name, mail_base(row.gid, row.size), marks);
'''),
('''           .flags_add = row.base_flags,
           .kind''','''           .flags_add = row.base_flags,
           .keywords_add = row.keywords,
           .kind'''),
])
sub('device/queue.cpp',[('''    row->command.flags_add = item->base_flags;
''','''    row->command.flags_add = item->base_flags;
    row->command.keywords_add = item->keywords;
''')])
sub('device/tree.cpp',[('''    (void)files_.remove(directory + "/maildirfolder");
''','''    (void)files_.remove(directory + "/maildirfolder");
    (void)files_.remove(directory + "/dovecot-keywords");
''')])
sub('device/shelf.hpp',[('''  void restate(ItemRow&, const std::vector<Gid>& folders, std::uint32_t flags, const Pending& before,
               const Pending& after);
  void put_at(ItemRow&, const Gid& folder, std::uint32_t flags);
''','''  struct Stored;
  void restate(ItemRow&, const Stored&, const Pending& before, const Pending& after);
  std::uint32_t merged(const ItemRow&, const Gid& to, const Stored& told, const Stored& now);
  void put_at(ItemRow&, const Gid& folder, std::uint32_t marks);
'''),
('''  std::unique_ptr<Journal> journal_;
''','''  std::unique_ptr<Keywords> keywords_;
  std::unique_ptr<Journal> journal_;
''')])
sub('device/shelf.cpp',[('''    scan_ = std::make_unique<Scan>(files_, *index_, *tree_);
    outgoing_ = std::make_unique<Outgoing>(world_, *index_, *tree_);
''','''    keywords_ = std::make_unique<Keywords>(files_);
    scan_ = std::make_unique<Scan>(files_, *index_, *tree_, *keywords_);
    outgoing_ = std::make_unique<Outgoing>(world_, *index_, *tree_, *keywords_);
''')])
sub('device/group.hpp',[('''/// A command that has its result.
''','''/// What the store has of an item, or is about to have.
struct Shelf::Stored {
  std::vector<Gid> folders;
  std::uint32_t flags = 0;
  std::vector<std::string> keywords;
  Stored with(const Pending& pending) const { return {folders, pending.flags(flags), pending.keywords(keywords)}; }
};

/// A command that has its result.
''')])
sub('device/keep.cpp',[
('''  restate(kept, item.folders, item.flags, pending, pending);
''','''  restate(kept, {item.folders, item.flags, item.keywords}, pending, pending);
'''),
('''  put_at(adopted, to, pending.flags(item.flags | flags_of_name(adopted.name)));
''','''  const auto directory = tree_->path(*tree_->find(item.view, to));
  put_at(adopted, to,
         keywords_->give_marks(directory, pending.flags(item.flags | (flags_of_name(adopted.name) & shown_flags)),
                               pending.keywords(item.keywords)));
'''),
('''    restate(made, item.folders, item.flags, pending, pending);
''','''    restate(made, {item.folders, item.flags, item.keywords}, pending, pending);
'''),
('''/// What the store has now (`folders`, `flags`), what is on its way there (`before` until now, `after` from now on), and
/// what was done to the file since the last look, on top of each other.
void Shelf::restate(ItemRow& row, const std::vector<Gid>& folders, std::uint32_t flags, const Pending& before,
                    const Pending& after) {
''','''/// What its name is to show in `to`: what the store has now, and what was done to the file since it was as told.
std::uint32_t Shelf::merged(const ItemRow& row, const Gid& to, const Stored& told, const Stored& now) {
  if (row.kind != Kind::mail) return 0;
  const auto from = tree_->path(*tree_->find(row.view, row.folder)), into = tree_->path(*tree_->find(row.view, to));
  const auto shows = flags_of_name(row.name), was = keywords_->marks(from, told.flags, told.keywords);
  if (from == into) return merge_flags(was, shows, keywords_->give_marks(into, now.flags, now.keywords));
  auto words = now.keywords;  // letters mean other words there
  for (const auto& word : keywords_->words(from, was & ~shows)) std::erase(words, word);
  for (auto& word : keywords_->words(from, shows & ~was))
    if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
  const auto flags = merge_flags(was & shown_flags, shows & shown_flags, now.flags & shown_flags);
  return keywords_->give_marks(into, flags, words);
}

/// What the store has now, what is on its way there (`before` until now, `after` from now on), and what was done to the
/// file since the last look, on top of each other.
void Shelf::restate(ItemRow& row, const Stored& now, const Pending& before, const Pending& after) {
'''),
('''  const auto told = before.flags(row.base_flags) & shown_flags;
  row.folders = folders;
  row.base_flags = flags;
''','''  const auto told = Stored{row.folders, row.base_flags, row.keywords}.with(before);
  row.folders = now.folders;
  row.base_flags = now.flags;
  row.keywords = now.keywords;
'''),
('''  put_at(row, !moved_here && row.folder == was ? is : row.folder,
         merge_flags(told, flags_of_name(row.name), after.flags(flags) & shown_flags));
''','''  const auto to = !moved_here && row.folder == was ? is : row.folder;
  put_at(row, to, merged(row, to, told, now.with(after)));
'''),
('''void Shelf::put_at(ItemRow& row, const Gid& folder, std::uint32_t flags) {''','''void Shelf::put_at(ItemRow& row, const Gid& folder, std::uint32_t marks) {'''),
('''row.name = renamed_for(row.name, base_of(row.name), flags);''','''row.name = renamed_for(row.name, base_of(row.name), marks);'''),
])
sub('device/apply.cpp',[
('''    row.name = mail_name(mail_base(row.gid, row.size), row.base_flags);
    if (old_path) {
      const auto merged = merge_flags(pending.flags(before->base_flags) & shown_flags, flags_of_name(old->name),
                                      pending.flags(row.base_flags) & shown_flags);
      row.name = renamed_for(old->name, mail_base(row.gid, row.size), merged);
    }
''','''    const Stored now{row.folders, row.base_flags, row.keywords};
    const auto base = mail_base(row.gid, row.size);
    row.name = mail_name(base, keywords_->give_marks(tree_->path(folder), now.flags, now.keywords));
    if (old_path) {
      const Stored was{before->folders, before->base_flags, before->keywords};
      row.name = renamed_for(old->name, base, merged(*old, row.folder, was.with(pending), now.with(pending)));
    }
'''),
('''  restate(*row, meta.folders, meta.flags, pending, pending);
  row->keywords = meta.keywords;
''','''  restate(*row, {meta.folders, meta.flags, meta.keywords}, pending, pending);
'''),
])
sub('device/results.cpp',[
('''  auto flags = row->base_flags;
  if (result.fault == 0 && (result.seq == 0 || row->seq < result.seq))
    flags = (flags | said.flags_add) & ~said.flags_clear;
  restate(*row, std::vector(row->folders), flags, before, after);
''','''  Stored now{row->folders, row->base_flags, row->keywords};
  if (result.fault == 0 && (result.seq == 0 || row->seq < result.seq)) {
    Pending carried_out;
    carried_out.add(said);
    now = now.with(carried_out);
  }
  restate(*row, now, before, after);
'''),
('''  restate(*row, folders, row->base_flags, before, after);
''','''  restate(*row, {folders, row->base_flags, row->keywords}, before, after);
'''),
])

// SPDX-License-Identifier: Apache-2.0
#include "core/sim/memory_vfs.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "core/sim/memory_locks.hpp"

namespace tidegate::sim {

struct MemoryVfs::State {
  sqlite3_vfs vfs{};
  std::string name;
  MemoryDisk& disk;
  VirtualClock& clock;
  std::shared_ptr<const Life> life;
  std::chrono::seconds skew{};
  MemoryLocks locks;  ///< of the present life
};

namespace {

/// What SQLite allocates for us; it begins with its own part.
struct Handle {
  sqlite3_file base;
  struct Open {
    MemoryVfs::State& vfs;
    MemoryDisk::NodePtr node;
    std::shared_ptr<const Life> life;
    std::shared_ptr<FileLocks> locks;
    std::shared_ptr<SharedMemory> shared;
    std::string path;
    bool delete_on_close;
    int lock = SQLITE_LOCK_NONE;
  }* open;
};

Handle::Open& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->open; }

int close(sqlite3_file* file) {
  const std::unique_ptr<Handle::Open> open(std::exchange(reinterpret_cast<Handle*>(file)->open, nullptr));
  if (!open) return SQLITE_OK;
  if (open->shared) open->shared->leave(open.get());
  open->locks->release(open.get(), SQLITE_LOCK_NONE);
  if (open->delete_on_close && !open->life->dead) open->vfs.disk.erase(open->path);
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* into, int amount, sqlite3_int64 at) {
  const auto& open = of(file);
  if (open.life->dead) return SQLITE_IOERR_READ;
  const auto& data = open.node->data();
  const auto from = std::min<std::size_t>(static_cast<std::size_t>(at), data.size());
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(amount), data.size() - from);
  std::memcpy(into, data.data() + from, count);
  if (count == static_cast<std::size_t>(amount)) return SQLITE_OK;
  std::memset(static_cast<char*>(into) + count, 0, static_cast<std::size_t>(amount) - count);
  return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* file, const void* octets, int amount, sqlite3_int64 at) {
  const auto& open = of(file);
  if (open.life->dead) return SQLITE_IOERR_WRITE;
  const View view(static_cast<const char*>(octets), static_cast<std::size_t>(amount));
  return open.node->write(static_cast<std::uint64_t>(at), view) ? SQLITE_OK : SQLITE_FULL;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  const auto& open = of(file);
  if (open.life->dead) return SQLITE_IOERR_TRUNCATE;
  open.node->truncate(static_cast<std::uint64_t>(size));
  return SQLITE_OK;
}

int sync(sqlite3_file* file, int) {
  const auto& open = of(file);
  if (open.life->dead) return SQLITE_IOERR_FSYNC;
  open.node->sync();
  // SQLite's unix VFS syncs the directory with the first sync of a journal; ext4 and xfs do for every file.
  const auto slash = open.path.rfind('/');
  if (!open.path.empty()) open.vfs.disk.sync_names(slash == 0 ? "/" : open.path.substr(0, slash));
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  if (of(file).life->dead) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(of(file).node->data().size());
  return SQLITE_OK;
}

int lock(sqlite3_file* file, int level) {
  auto& open = of(file);
  if (open.life->dead) return SQLITE_IOERR_LOCK;
  if (level <= open.lock) return SQLITE_OK;
  if (!open.locks->take(&open, level)) return SQLITE_BUSY;
  open.lock = level;
  return SQLITE_OK;
}

int unlock(sqlite3_file* file, int level) {
  auto& open = of(file);
  open.locks->release(&open, level);
  open.lock = std::min(open.lock, level);
  return SQLITE_OK;
}

int check_reserved(sqlite3_file* file, int* taken) {
  *taken = of(file).locks->reserved() ? 1 : 0;
  return SQLITE_OK;
}

int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 512; }
// As of any disk one knows nothing about: no atomic writes, no order kept.
int characteristics(sqlite3_file*) { return 0; }

int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  auto& open = of(file);
  *out = nullptr;
  if (open.life->dead) return SQLITE_IOERR_SHMMAP;
  if (!open.shared) open.shared = open.vfs.locks.shared(open.path);
  *out = open.shared->region(static_cast<std::size_t>(region), static_cast<std::size_t>(size), extend != 0);
  return SQLITE_OK;
}

int shm_lock(sqlite3_file* file, int first, int count, int flags) {
  auto& open = of(file);
  if (open.life->dead) return SQLITE_IOERR_SHMLOCK;
  if (!open.shared) return SQLITE_IOERR_SHMLOCK;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    open.shared->unlock(&open, first, count);
    return SQLITE_OK;
  }
  return open.shared->lock(&open, first, count, (flags & SQLITE_SHM_EXCLUSIVE) != 0) ? SQLITE_OK : SQLITE_BUSY;
}

void shm_barrier(sqlite3_file*) {}  // one thread

int shm_unmap(sqlite3_file* file, int) {
  auto& open = of(file);
  if (open.shared) open.shared->leave(&open);
  open.shared.reset();  // the last one out takes the memory along: the next one recovers from the WAL
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = close,
    .xRead = read,
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = file_size,
    .xLock = lock,
    .xUnlock = unlock,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

MemoryVfs::State& of(sqlite3_vfs* vfs) { return *static_cast<MemoryVfs::State*>(vfs->pAppData); }

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto& state = of(vfs);
  auto* handle = reinterpret_cast<Handle*>(file);
  handle->base.pMethods = nullptr;
  handle->open = nullptr;
  if (!state.life || state.life->dead) return SQLITE_CANTOPEN;
  MemoryDisk::NodePtr node;
  if (name == nullptr) {
    node = state.disk.nameless();
  } else {
    node = state.disk.find(name);
    if (!node && (flags & SQLITE_OPEN_CREATE) != 0) node = state.disk.make(name, false);
  }
  if (!node || node->directory()) return SQLITE_CANTOPEN;
  handle->open = new Handle::Open{.vfs = state,
                                  .node = std::move(node),
                                  .life = state.life,
                                  .locks = name != nullptr ? state.locks.of(name) : std::make_shared<FileLocks>(),
                                  .shared = nullptr,
                                  .path = name != nullptr ? name : "",
                                  .delete_on_close = name != nullptr && (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
  handle->base.pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int erase(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto& state = of(vfs);
  if (!state.life || state.life->dead) return SQLITE_IOERR_DELETE;
  if (!state.disk.erase(name)) return SQLITE_IOERR_DELETE_NOENT;
  const std::string path = name;
  const auto slash = path.rfind('/');
  if (sync_directory != 0) state.disk.sync_names(slash == 0 ? "/" : path.substr(0, slash));
  return SQLITE_OK;
}

int access(sqlite3_vfs* vfs, const char* name, int, int* out) {
  *out = of(vfs).disk.find(name) != nullptr ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  std::string path = "/";  // as Files spells it: absolute, one slash at a time
  for (; *name != '\0'; ++name)
    if (*name != '/' || path.back() != '/') path += *name;
  if (path.size() >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(out, path.c_str(), path.size() + 1);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs* vfs, int count, char* out) {
  of(vfs).clock.fill(std::as_writable_bytes(std::span(out, static_cast<std::size_t>(count))));
  return count;
}

// The one thread can't wait for itself: a busy handler counts its sleeps and gives up at once in real time.
int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int current_time(sqlite3_vfs* vfs, sqlite3_int64* out) {
  constexpr sqlite3_int64 kUnixEpoch = 210866760000000;  // in milliseconds of the Julian day, as SQLite counts
  constexpr sqlite3_int64 kStart = 1767225600000;        // virtual time begins on 2026-01-01, as VirtualReactor::wall
  const auto run = std::chrono::duration_cast<std::chrono::milliseconds>(of(vfs).clock.now().time_since_epoch());
  *out = kUnixEpoch + kStart + run.count() + std::chrono::milliseconds(of(vfs).skew).count();
  return SQLITE_OK;
}

int current_time_days(sqlite3_vfs* vfs, double* out) {
  sqlite3_int64 now = 0;
  current_time(vfs, &now);
  *out = static_cast<double>(now) / 86400000.0;
  return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

MemoryVfs::MemoryVfs(std::string name, MemoryDisk& disk, VirtualClock& clock)
    : state_(new State{.vfs = {}, .name = std::move(name), .disk = disk, .clock = clock, .life = {}, .locks = {}}) {
  auto& vfs = state_->vfs;
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(Handle);
  vfs.mxPathname = 1024;
  vfs.zName = state_->name.c_str();
  vfs.pAppData = state_.get();
  vfs.xOpen = open_file;
  vfs.xDelete = erase;
  vfs.xAccess = access;
  vfs.xFullPathname = full_path;
  vfs.xRandomness = randomness;
  vfs.xSleep = sleep;
  vfs.xCurrentTime = current_time_days;
  vfs.xGetLastError = last_error;
  vfs.xCurrentTimeInt64 = current_time;
  if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) throw std::runtime_error("sqlite3_vfs_register failed");
}

MemoryVfs::~MemoryVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const char* MemoryVfs::name() const { return state_->vfs.zName; }

void MemoryVfs::live(std::shared_ptr<const Life> life) {
  state_->life = std::move(life);
  state_->locks = {};
}

void MemoryVfs::skew(std::chrono::seconds by) { state_->skew = by; }

}  // namespace tidegate::sim

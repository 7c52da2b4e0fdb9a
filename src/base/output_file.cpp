#include "base/output_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/signals.h"

namespace vitality {
namespace {

namespace fs = std::filesystem;

// Includes the time of birth, where the file system knows it: the inode number of a deleted file may be used again.
struct Identity {
  dev_t device;
  ino_t inode;
  std::int64_t born_s;
  std::uint32_t born_ns;
  bool operator<(const Identity& other) const {
    return std::tie(device, inode, born_s, born_ns) < std::tie(other.device, other.inode, other.born_s, other.born_ns);
  }
};

// ---- What the process has read.
std::set<Identity>& files_read() {
  static std::set<Identity> files;
  return files;
}
// The identity of a regular file, given by an open descriptor (`path` is "") or by name; symbolic links are followed.
std::optional<Identity> identity_of(int file, const std::string& path) {
  struct statx status {};
  if (statx(file, path.c_str(), path.empty() ? AT_EMPTY_PATH : 0, STATX_BASIC_STATS | STATX_BTIME, &status) != 0 ||
      !S_ISREG(status.stx_mode))
    return std::nullopt;
  const bool born = (status.stx_mask & STATX_BTIME) != 0;
  return Identity{makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino,
                  born ? status.stx_btime.tv_sec : 0, born ? status.stx_btime.tv_nsec : 0};
}
void note(const std::optional<Identity>& file) {
  if (file) files_read().insert(*file);
}
bool was_read(const std::string& path) {
  const std::optional<Identity> file = identity_of(AT_FDCWD, path);
  return file && files_read().count(*file) > 0;
}

// ---- What a signal handler removes: a list that is changed only while signals are blocked.
Unfinished* newest_unfinished = nullptr;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw InputError(path, "", "cannot be written: " + why);
}
[[noreturn]] void fail(const std::string& path, int error) {
  throw EnvironmentError(path + ": cannot be written: " + std::strerror(error));
}

// The descriptor of this process that a name like /dev/fd/3 means, or -1.
int descriptor_of(const std::string& path) {
  if (path == "-" || path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (path.compare(0, folder.size(), folder) != 0) continue;
    const std::string digits = path.substr(folder.size());
    if (!digits.empty() && digits.size() < 7 && digits.find_first_not_of("0123456789") == std::string::npos)
      return std::atoi(digits.c_str());
  }
  return -1;
}

// The name that open() would reach: symbolic links at the end are followed, also to files that do not exist yet.
std::string follow_links(const std::string& path) {
  constexpr int kMaxLinks = 40;  // as the kernel
  fs::path name = path;
  // Links in /proc are not names but open files: only open() can follow them.
  for (int links = 0; descriptor_of(name.string()) < 0 && name.string().compare(0, 6, "/proc/") != 0; ++links) {
    std::error_code error;
    const fs::path next = fs::read_symlink(name, error);
    if (error) break;  // no link
    if (links == kMaxLinks) refuse(path, std::strerror(ELOOP));
    name = next.is_absolute() ? next : name.parent_path() / next;
  }
  return name.string();
}

// Root may write everything; but a file that was made read-only is meant to stay unchanged.
bool is_read_only(const std::string& path, const struct stat& status) {
  if (geteuid() == 0) return (status.st_mode & S_IWUSR) == 0;
  return faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0;
}

std::string mode_text(const struct stat& status) {
  std::string digits;
  for (int shift = 6; shift >= 0; shift -= 3) digits += static_cast<char>('0' + (status.st_mode >> shift & 7));
  return "0" + digits;
}

// Makes a new file with an unpredictable name beside `target`. Returns its descriptor, or -1. `made` is set before the
// file exists, so that the file never stays behind.
int make_temporary(const std::string& target, mode_t mode, std::unique_ptr<Unfinished>& made) {
  constexpr int kTries = 16;
  constexpr std::size_t kMaxStem = 200;  // of the 255 bytes that a name may have
  const fs::path path = target;
  for (int i = 0; i < kTries; ++i) {
    std::uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) return -1;
    char suffix[32];
    std::snprintf(suffix, sizeof suffix, ".%016llx.part", static_cast<unsigned long long>(random));
    const std::string name =
        (path.parent_path() / ("." + path.filename().string().substr(0, kMaxStem) + suffix)).string();
    made = std::make_unique<Unfinished>(name, Unfinished::Kind::kFile);
    const int file = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file >= 0) return file;
    const int error = errno;
    made.reset();
    errno = error;
    if (error != EEXIST) return -1;
  }
  return -1;
}

// Waits until the data are on the disk. File systems and pipes that cannot do this count as done.
bool synced(int file) {
  return fsync(file) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP;
}

bool folder_synced(const std::string& folder) {
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return errno == EACCES;  // a folder that may be written but not read
  const bool done = synced(file);
  const int error = errno;
  close(file);
  errno = error;
  return done;
}

}  // namespace

// ---- Unfinished

Unfinished::Unfinished(std::string path, Kind kind)
    : path_(std::move(path)), kind_(kind), owner_(getpid()), older_(nullptr) {
  const SignalsWait wait;
  older_ = newest_unfinished;
  if (older_) older_->newer_ = this;
  newest_unfinished = this;
}

Unfinished::~Unfinished() {
  const SignalsWait wait;
  if (older_) older_->newer_ = newer_;
  (newer_ ? newer_->older_ : newest_unfinished) = older_;
}

void remove_unfinished_outputs() {
  for (const Unfinished* one = newest_unfinished; one; one = one->older_) {
    if (one->owner_ != getpid()) continue;
    if (one->kind_ == Unfinished::Kind::kFolder)
      rmdir(one->path_.c_str());
    else
      unlink(one->path_.c_str());
  }
}

// ---- Inputs

void note_input(const std::string& path) {
  if (!path.empty()) note(identity_of(AT_FDCWD, path));
}
void note_input(std::FILE* file) {
  note(identity_of(fileno(file), ""));
}
void refuse_input(const std::string& path) {
  if (was_read(path)) refuse(path, "this command reads the same file");
}

bool is_standard_output(const std::string& path) {
  return !path.empty() && (path == "-" || descriptor_of(follow_links(path)) == STDOUT_FILENO);
}

// ---- One output

class OutputSet::Output {
 public:
  explicit Output(const std::string& name) : name_(name) {
    descriptor_ = descriptor_of(name_);
    if (descriptor_ < 0) {
      target_ = follow_links(name_);
      descriptor_ = descriptor_of(target_);
    }
    if (descriptor_ >= 0) {
      if (fstat(descriptor_, &status_) != 0) throw_file_error(name_, "cannot be written", errno);
      open_stream(fcntl(descriptor_, F_DUPFD_CLOEXEC, 3));
      return;
    }
    resolve();
    if (exists_ && !S_ISREG(status_.st_mode)) {
      if (S_ISDIR(status_.st_mode)) refuse(name_, "it is a folder");
      if (S_ISBLK(status_.st_mode)) refuse(name_, "it is a block device");
      open_stream(open(target_.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
      return;
    }
    check_regular();
  }

  ~Output() {
    if (stream_) std::fclose(stream_);
    if (file_ >= 0) close(file_);
    if (temporary_) unlink(temporary_->path().c_str());
  }

  const std::string& name() const { return name_; }
  bool taken() const { return taken_; }

  bool same_as(const Output& other) const {
    if (descriptor_ >= 0 || other.descriptor_ >= 0) {
      if (descriptor_ == other.descriptor_) return true;
      // A path may name the file that a descriptor of the process (/dev/fd/N) has open.
      return exists_or_open() && other.exists_or_open() && !S_ISCHR(status_.st_mode) && same_inode(other);
    }
    if (exists_ && other.exists_) return same_inode(other) && !S_ISCHR(status_.st_mode);  // /dev/null takes all
    return !exists_ && !other.exists_ && target_ == other.target_;
  }

  std::FILE* take() {
    taken_ = true;
    if (stream_) return stream_;  // of a pipe or a device
    make_temporary_file();
    open_cookie();
    return stream_;
  }

  // Waits until the bytes are where they will stay: on the disk, or through the pipe.
  void finish() {
    if (!stream_) return;
    if (is_in_place()) std::fflush(stdout);  // what was printed before comes first
    const bool closed = std::fclose(std::exchange(stream_, nullptr)) == 0;
    if (error_ == 0 && !closed) error_ = errno;
    if (error_ == 0 && !is_in_place() && !synced(file_)) error_ = errno;
    if (close(std::exchange(file_, -1)) != 0 && error_ == 0) error_ = errno;
    if (error_ != 0) fail(name_, error_);
  }

  bool is_in_place() const { return target_.empty(); }
  std::string folder() const { return fs::path(target_).parent_path().string(); }

  // The old file, if there is one, is kept under the temporary name until settle() or undo().
  void replace() {
    struct stat now {};
    const std::string& temporary = temporary_->path();
    exchanged_ = lstat(target_.c_str(), &now) == 0;
    if (exchanged_) {
      if (was_read(target_)) refuse(name_, "this command reads the same file");
      if (S_ISDIR(now.st_mode)) refuse(name_, "it is a folder");
      replaced_ = renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0;
      if (replaced_) return;
      if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) fail(name_, errno);
      exchanged_ = false;  // a file system that cannot exchange names
      if (std::rename(temporary.c_str(), target_.c_str()) != 0) fail(name_, errno);
      return;  // and that cannot be undone
    }
    if (std::rename(temporary.c_str(), target_.c_str()) != 0) fail(name_, errno);
    replaced_ = true;
  }
  void undo() {
    if (!replaced_) return;
    if (!exchanged_)
      unlink(target_.c_str());
    else if (renameat2(AT_FDCWD, temporary_->path().c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0)
      temporary_.reset();  // the old file keeps the temporary name: better than no old file
  }
  void settle() {
    if (exchanged_) unlink(temporary_->path().c_str());
    temporary_.reset();
  }

 private:
  bool same_inode(const Output& other) const {
    return status_.st_dev == other.status_.st_dev && status_.st_ino == other.status_.st_ino;
  }
  bool exists_or_open() const { return exists_ || descriptor_ >= 0; }

  // Makes target_ absolute and free of links; status_ and exists_ then say what is there.
  void resolve() {
    const fs::path path = target_;
    if (path.filename().empty() || path.filename() == "." || path.filename() == "..") refuse(name_, "it is a folder");
    std::error_code error;
    const fs::path folder = fs::canonical(path.has_parent_path() ? path.parent_path() : ".", error);
    if (error) throw_file_error(name_, "cannot be written", error.value());
    target_ = (folder / path.filename()).string();
    exists_ = stat(target_.c_str(), &status_) == 0;
    if (!exists_ && errno != ENOENT) throw_file_error(name_, "cannot be written", errno);
  }

  void check_regular() {
    if (exists_ && was_read(target_)) refuse(name_, "this command reads the same file");
    struct stat printed {};
    if (exists_ && fstat(STDOUT_FILENO, &printed) == 0 && printed.st_dev == status_.st_dev &&
        printed.st_ino == status_.st_ino)
      refuse(name_, "it is standard output too");
    if (exists_ && is_read_only(target_, status_))
      refuse(name_, "it is read-only (mode " + mode_text(status_) + "); change its mode or choose another name");
    struct stat folder_status {};
    if (stat(folder().c_str(), &folder_status) == 0 && is_read_only(folder(), folder_status))
      refuse(name_, "its folder is read-only (mode " + mode_text(folder_status) + ")");
    const SignalsWait wait;
    std::unique_ptr<Unfinished> made;
    const int probe = make_temporary(target_, 0600, made);
    if (probe < 0) throw_file_error(name_, "cannot be written", errno);
    close(probe);
    unlink(made->path().c_str());
  }

  void make_temporary_file() {
    const SignalsWait wait;
    file_ = make_temporary(target_, exists_ ? 0600 : 0666, temporary_);
    if (file_ < 0) fail(name_, errno);
    if (!exists_) return;
    struct stat made {};
    const bool owned = fstat(file_, &made) == 0 && made.st_uid == status_.st_uid && made.st_gid == status_.st_gid;
    // Root keeps the owner as it was; others cannot give files away, and need not.
    if (!owned && fchown(file_, status_.st_uid, status_.st_gid) != 0) errno = 0;
    if (fchmod(file_, status_.st_mode & 0777) != 0) fail(name_, errno);
  }

  void open_stream(int file) {
    if (file < 0) throw_file_error(name_, "cannot be written", errno);
    file_ = file;
    target_.clear();
    open_cookie();
  }

  // Needs a stream of its own, because stdio forgets why an earlier write failed.
  void open_cookie() {
    constexpr std::size_t kBuffer = 64 << 10;
    stream_ = fopencookie(this, "wb", {nullptr, write_some, nullptr, nullptr});
    if (!stream_) fail(name_, errno);
    std::setvbuf(stream_, nullptr, _IOFBF, kBuffer);
  }
  static ssize_t write_some(void* self, const char* data, std::size_t size) {
    auto* const output = static_cast<Output*>(self);
    std::size_t done = 0;
    while (done < size && output->error_ == 0) {
      const ssize_t written = write(output->file_, data + done, size - done);
      if (written > 0)
        done += static_cast<std::size_t>(written);
      else if (errno != EINTR)
        output->error_ = written == 0 ? ENOSPC : errno;
    }
    return static_cast<ssize_t>(done == size ? size : 0);
  }

  std::string name_, target_;  // as given; what is replaced, "" where it is written in place
  int descriptor_ = -1;        // that the name means
  struct stat status_ {};
  bool exists_ = false, taken_ = false, exchanged_ = false, replaced_ = false;
  std::unique_ptr<Unfinished> temporary_;
  int file_ = -1, error_ = 0;
  std::FILE* stream_ = nullptr;
};

// ---- The set

OutputSet::OutputSet() = default;

OutputSet::~OutputSet() {
  const SignalsWait wait;
  outputs_.clear();
  for (; !folders_.empty(); folders_.pop_back()) rmdir(folders_.back()->path().c_str());
}

void OutputSet::reserve(const std::string& path) {
  if (path.empty()) throw InputError("", "", "an output's name is empty, expected the name of a file");
  auto output = std::make_unique<Output>(path);
  for (const auto& other : outputs_) {
    if (output->same_as(*other))
      throw InputError(path, "",
                       "two outputs of this command are one file" +
                           (other->name() == path ? "" : " (the other is " + other->name() + ")") +
                           ", expected a file each");
  }
  outputs_.push_back(std::move(output));
}

void OutputSet::make_folder(const std::string& path) {
  std::vector<std::string> missing;
  fs::path folder = fs::path(path).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // a name that ends in /
  struct stat status {};
  while (!folder.empty() && stat(folder.c_str(), &status) != 0 && errno == ENOENT) {
    missing.push_back(folder.string());
    folder = folder.parent_path();
  }
  const SignalsWait wait;
  for (; !missing.empty(); missing.pop_back()) {
    folders_.push_back(std::make_unique<Unfinished>(missing.back(), Unfinished::Kind::kFolder));
    if (mkdir(missing.back().c_str(), 0777) != 0) {
      const int error = errno;
      folders_.pop_back();
      errno = error;
      if (errno == EEXIST) continue;  // another process was faster, or it is a link that leads nowhere
      throw_file_error(path, "cannot be made a folder", errno);
    }
  }
  if (stat(path.c_str(), &status) != 0) throw_file_error(path, "cannot be made a folder", errno);
  if (!S_ISDIR(status.st_mode)) throw InputError(path, "", "cannot be made a folder: Not a directory");
}

OutputSet::Output& OutputSet::find(const std::string& path) {
  for (const auto& output : outputs_)
    if (output->name() == path && !output->taken()) return *output;
  reserve(path);
  return *outputs_.back();
}

std::FILE* OutputSet::add(const std::string& path) {
  return find(path).take();
}

void OutputSet::add(const std::string& path, const std::string& text) {
  Output& output = find(path);
  std::fwrite(text.data(), 1, text.size(), output.take());
}

void OutputSet::finish(const std::string& path) {
  for (const auto& output : outputs_)
    if (output->name() == path) output->finish();
}

void OutputSet::commit() {
  std::vector<Output*> files;
  for (const auto& output : outputs_)
    if (output->taken() && !output->is_in_place()) files.push_back(output.get());
  for (Output* file : files) file->finish();
  for (const auto& output : outputs_)
    if (output->is_in_place()) output->finish();

  const SignalsWait wait;
  try {
    std::set<std::string> folders;
    for (Output* file : files) {
      file->replace();
      folders.insert(file->folder());
    }
    for (const std::string& folder : folders)
      if (!folder_synced(folder)) fail(folder, errno);
  } catch (...) {
    for (Output* file : files) file->undo();
    throw;
  }
  for (Output* file : files) file->settle();
  outputs_.clear();
  folders_.clear();
}

}  // namespace vitality

/* Stands between a program and its file system (LD_PRELOAD), for files below one directory.
 *
 * It records every call that changes something, with the bytes, in the order in which they took
 * effect, and it can make one of them fail. One mutex is held over each such call, so that the order in
 * the record is the order in the file system.
 *
 *   ASOF_SHIM_ROOT   only paths that begin with this are touched
 *   ASOF_SHIM_ACKS   writes to this file are recorded as acknowledgements
 *   ASOF_SHIM_LOG    where the record goes; nothing is recorded without it
 *   ASOF_SHIM_FAULT  "INDEX KIND MODE": at the INDEX-th call that may fail (from zero) KIND is one of
 *                    eio, enospc, short; MODE is once or sticky (from there on, every such call)
 *   ASOF_SHIM_COUNT  where the number of calls that may fail is written at exit
 *   ASOF_SHIM_BOOT   a file that is opened instead of the kernel's boot id, so that one machine can be
 *                    several runs of one; it is read at every open, and may change
 *
 * A record: op u8, path length u32, offset u64, data length u64, path, data; numbers as the machine
 * has them. For rename and link the data are the new path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, LINK, RMDIR, ACK };
enum { NO_FAULT, EIO_FAULT, ENOSPC_FAULT, SHORT_FAULT };
#define FDS 4096

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char *paths[FDS];   /* of open files below the root */
static char is_acks[FDS];
static const char *root, *acks, *boot;
static size_t root_len;
static int log_fd = -1, count_fd = -1;
static long index_now, fault_index = -1;
static int fault_kind, fault_sticky;

__attribute__((constructor)) static void start(void) {
    boot = getenv("ASOF_SHIM_BOOT");
    root = getenv("ASOF_SHIM_ROOT");
    acks = getenv("ASOF_SHIM_ACKS");
    if (!root) return;
    root_len = strlen(root);
    const char *log = getenv("ASOF_SHIM_LOG"), *count = getenv("ASOF_SHIM_COUNT");
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
    if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, flags, 0644);
    if (count) count_fd = syscall(SYS_openat, AT_FDCWD, count, flags, 0644);
    const char *fault = getenv("ASOF_SHIM_FAULT");
    if (fault) {
        char kind[16], mode[16];
        if (sscanf(fault, "%ld %15s %15s", &fault_index, kind, mode) != 3) abort();
        fault_kind = !strcmp(kind, "eio") ? EIO_FAULT : !strcmp(kind, "enospc") ? ENOSPC_FAULT : SHORT_FAULT;
        fault_sticky = !strcmp(mode, "sticky");
    }
}

__attribute__((destructor)) static void finish(void) {
    if (count_fd >= 0) {
        char text[32];
        int n = snprintf(text, sizeof text, "%ld\n", index_now);
        syscall(SYS_write, count_fd, text, n);
    }
}

static void record(uint8_t op, const char *path, uint64_t offset, const void *data, uint64_t len) {
    if (log_fd < 0) return;
    uint32_t path_len = strlen(path);
    char head[21];
    head[0] = op;
    memcpy(head + 1, &path_len, 4);
    memcpy(head + 5, &offset, 8);
    memcpy(head + 13, &len, 8);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)path, path_len}, {(void *)data, len}};
    ssize_t wrote = syscall(SYS_writev, log_fd, parts, len ? 3 : 2);
    if (wrote != (ssize_t)(sizeof head + path_len + len)) abort();
}

/* Whether this call fails, and how. Called under the lock, for calls that may fail. */
static int fault(void) {
    long now = index_now++;
    if (fault_index < 0 || now < fault_index) return NO_FAULT;
    return now == fault_index || fault_sticky ? fault_kind : NO_FAULT;
}

static int fail(int kind) {
    errno = kind == ENOSPC_FAULT ? ENOSPC : EIO;
    return -1;
}

static int below(const char *path) {
    return root && path && !strncmp(path, root, root_len) && (path[root_len] == '/' || !path[root_len]);
}

static const char *path_of(int fd) { return fd >= 0 && fd < FDS ? paths[fd] : 0; }

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })
#define HELD pthread_mutex_lock(&lock)
#define DONE(result) do { int kept = errno; __typeof__(result) r_ = (result); pthread_mutex_unlock(&lock); errno = kept; return r_; } while (0)

static int opened(int fd, const char *path, int flags, int existed) {
    if (fd >= 0 && fd < FDS) {
        if (below(path)) {
            free(paths[fd]);
            paths[fd] = strdup(path);
            if ((flags & O_CREAT) && !existed) record(CREATE, path, 0, 0, 0);
            else if (flags & O_TRUNC) record(TRUNCATE, path, 0, 0, 0);
        }
        is_acks[fd] = acks && path && !strcmp(path, acks);
    }
    return fd;
}

static int open_any(int dir, const char *path, int flags, mode_t mode) {
    if (boot && path && !strcmp(path, "/proc/sys/kernel/random/boot_id")) path = boot;
    HELD;
    int existed = 1;
    if (below(path) && (flags & O_CREAT)) {
        struct stat known;
        existed = !stat(path, &known);
        int kind = existed ? NO_FAULT : fault();
        if (kind) DONE(fail(kind == SHORT_FAULT ? EIO_FAULT : kind));
    }
    int fd = syscall(SYS_openat, dir, path, flags, mode);
    if (fd < 0) DONE(-1);
    DONE(opened(fd, path, flags, existed));
}

#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags) return open_any(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags) return open_any(dir, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* At entry: afterwards the number may belong to another file already. */
int close(int fd) {
    HELD;
    if (fd >= 0 && fd < FDS) {
        free(paths[fd]);
        paths[fd] = 0;
        is_acks[fd] = 0;
    }
    DONE(REAL(close)(fd));
}

static ssize_t write_at(int fd, const void *data, size_t len, off_t offset) {
    HELD;
    const char *path = path_of(fd);
    int positioned = offset >= 0;
    if (fd >= 0 && fd < FDS && is_acks[fd]) record(ACK, "", 0, data, len);
    if (path) {
        int kind = fault();
        if (kind == SHORT_FAULT && len > 1) len /= 2;
        else if (kind) DONE(fail(kind));
        if (!positioned) {
            struct stat now;
            int flags = fcntl(fd, F_GETFL);
            if (flags & O_APPEND) offset = fstat(fd, &now) ? 0 : now.st_size;
            else offset = lseek(fd, 0, SEEK_CUR);
        }
    }
    ssize_t wrote = positioned ? syscall(SYS_pwrite64, fd, data, len, offset) : syscall(SYS_write, fd, data, len);
    if (path && wrote > 0) record(WRITE, path, offset, data, wrote);
    DONE(wrote);
}

ssize_t write(int fd, const void *data, size_t len) { return write_at(fd, data, len, -1); }
ssize_t pwrite(int fd, const void *data, size_t len, off_t offset) { return write_at(fd, data, len, offset); }
ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset) { return write_at(fd, data, len, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!path_of(fd) && !(fd >= 0 && fd < FDS && is_acks[fd])) return REAL(writev)(fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t wrote = write_at(fd, parts[i].iov_base, parts[i].iov_len, -1);
        if (wrote < 0) return total ? total : -1;
        total += wrote;
        if ((size_t)wrote < parts[i].iov_len) break;
    }
    return total;
}

#define SYNC_CALL(name) int name(int fd) { \
    HELD; \
    const char *path = path_of(fd); \
    if (path) { int kind = fault(); if (kind) DONE(fail(kind == SHORT_FAULT ? EIO_FAULT : kind)); } \
    int done = REAL(name)(fd); \
    if (path && !done) record(SYNC, path, 0, 0, 0); \
    DONE(done); }
SYNC_CALL(fsync)
SYNC_CALL(fdatasync)

static int truncate_any(int fd, off_t len) {
    HELD;
    const char *path = path_of(fd);
    if (path) { int kind = fault(); if (kind) DONE(fail(kind == SHORT_FAULT ? EIO_FAULT : kind)); }
    int done = syscall(SYS_ftruncate, fd, len);
    if (path && !done) record(TRUNCATE, path, len, 0, 0);
    DONE(done);
}
int ftruncate(int fd, off_t len) { return truncate_any(fd, len); }
int ftruncate64(int fd, off_t len) { return truncate_any(fd, len); }

/* Space is reserved without a change of size; whoever extends a file by it is not known here. */
int fallocate(int fd, int mode, off_t offset, off_t len) {
    HELD;
    const char *path = path_of(fd);
    if (path) { int kind = fault(); if (kind) DONE(fail(kind == SHORT_FAULT ? ENOSPC_FAULT : kind)); }
    int done = syscall(SYS_fallocate, fd, mode, offset, len);
    if (path && !done && !(mode & 1)) {
        struct stat now;
        if (!fstat(fd, &now)) record(TRUNCATE, path, now.st_size, 0, 0);
    }
    DONE(done);
}
int fallocate64(int fd, int mode, off_t offset, off_t len) { return fallocate(fd, mode, offset, len); }
int posix_fallocate(int fd, off_t offset, off_t len) { return fallocate(fd, 0, offset, len) ? errno : 0; }

#define FALLIBLE(path) if (below(path)) { int kind = fault(); if (kind) DONE(fail(kind == SHORT_FAULT ? EIO_FAULT : kind)); }

int rename(const char *from, const char *to) {
    HELD;
    FALLIBLE(from)
    int done = syscall(SYS_rename, from, to);
    if (!done && below(from)) record(RENAME, from, 0, to, strlen(to));
    DONE(done);
}

int link(const char *from, const char *to) {
    HELD;
    FALLIBLE(from)
    int done = syscall(SYS_link, from, to);
    if (!done && below(from)) record(LINK, from, 0, to, strlen(to));
    DONE(done);
}

int unlink(const char *path) {
    HELD;
    FALLIBLE(path)
    int done = syscall(SYS_unlink, path);
    if (!done && below(path)) record(UNLINK, path, 0, 0, 0);
    DONE(done);
}

/* Names relative to an open directory are made whole, if that directory is known. */
int unlinkat(int dir, const char *name, int flags) {
    char whole[PATH_MAX];
    const char *parent = path_of(dir);
    if (name[0] == '/' || !parent) snprintf(whole, sizeof whole, "%s", name);
    else snprintf(whole, sizeof whole, "%s/%s", parent, name);
    HELD;
    int done = syscall(SYS_unlinkat, dir, name, flags);
    if (!done && below(whole)) record(flags & AT_REMOVEDIR ? RMDIR : UNLINK, whole, 0, 0, 0);
    DONE(done);
}

int mkdir(const char *path, mode_t mode) {
    HELD;
    FALLIBLE(path)
    int done = syscall(SYS_mkdir, path, mode);
    if (!done && below(path)) record(MKDIR, path, 0, 0, 0);
    DONE(done);
}

int rmdir(const char *path) {
    HELD;
    int done = syscall(SYS_rmdir, path);
    if (!done && below(path)) record(RMDIR, path, 0, 0, 0);
    DONE(done);
}

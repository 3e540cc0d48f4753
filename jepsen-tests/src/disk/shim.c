/* A library that is preloaded into a node and lies to it about its disk and its clock.
 *
 * The harness steers it through a small shared file (JEPSEN_SHIM_CONTROL; layout: struct control, all 64 bit) and reads what
 * it did from the same file. It touches only files below JEPSEN_SHIM_DATA. For power loss it notes in JEPSEN_SHIM_JOURNAL
 * what was made durable: "S size path" after a sync, "R undo from<TAB>to" after a rename (undo: a second link to what was
 * replaced, or -), "L from<TAB>to" after a link, "D path" after a sync of a directory. What is not in the journal may be lost.
 * "F path" tells of a sync that failed.
 *
 * It must never fail by itself: without its variables it does nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile int64_t sync_delay_us;     /* every sync takes so much longer */
    volatile int64_t sync_delay_every;  /* only every n-th one (0 and 1: each) */
    volatile int64_t sync_fail_count;   /* so many syncs fail; -1: all from now on */
    volatile int64_t sync_errno;
    volatile int64_t sync_fail_where;   /* 0: anywhere; 1: the log; 2: the state; 3: snapshots; 4: files beside them */
    volatile int64_t space_limited;     /* 1: only space_left more bytes can be written */
    volatile int64_t space_left;
    volatile int64_t write_errno;       /* what a write without space says */
    volatile int64_t short_write_every; /* every n-th write writes half */
    volatile int64_t write_delay_us;
    volatile int64_t wall_offset_ns;
    volatile int64_t rate_permille;     /* how fast both clocks run; 0: as they do */
    volatile int64_t rate_base_ns;      /* monotonic time at which the rate began */
    volatile int64_t read_flip_every;   /* every n-th read from a table file comes back with one bit changed */
    /* what happened */
    volatile int64_t syncs;
    volatile int64_t syncs_delayed;
    volatile int64_t syncs_failed;
    volatile int64_t writes_failed;
    volatile int64_t writes_shortened;
    volatile int64_t writes_delayed;
    volatile int64_t clocks_bent;
    volatile int64_t reads_flipped;
};

static struct control *control;
static char data[4096];
static size_t data_length;
static int journal = -1;
static char undo_dir[4096];
static volatile int64_t undo_number;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("JEPSEN_SHIM_CONTROL");
    const char *prefix = getenv("JEPSEN_SHIM_DATA");
    const char *notes = getenv("JEPSEN_SHIM_JOURNAL");
    if (prefix) {
        snprintf(data, sizeof data, "%s", prefix);
        data_length = strlen(data);
    }
    if (notes) {
        journal = open(notes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        snprintf(undo_dir, sizeof undo_dir, "%s.undo", notes);
        mkdir(undo_dir, 0700);
        undo_number = (int64_t)getpid() * 1000000;
    }
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) control = at;
}

static int is_ours(const char *path) {
    return data_length && strncmp(path, data, data_length) == 0 && (path[data_length] == '/' || !path[data_length]);
}

/* The path behind a descriptor, if it is one of ours. */
static int path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

/* Is it a place where syncs are to fail? */
static int fails_at(const char *path) {
    const char *below = path + data_length;
    int place = strncmp(below, "/raft", 5) == 0 ? 1 : strncmp(below, "/sm", 3) == 0 ? 2 : strncmp(below, "/snap", 5) == 0 ? 3 : 4;
    return control->sync_fail_where == 0 || control->sync_fail_where == place;
}

static void note(const char *line, int length) {
    if (journal >= 0 && length > 0) {
        ssize_t written = write(journal, line, (size_t)length);
        (void)written;
    }
}

static void rest(int64_t us) {
    struct timespec time = {us / 1000000, (us % 1000000) * 1000};
    nanosleep(&time, NULL);
}

static int sync_with(int fd, int (*real)(int)) {
    char path[4096], line[4300];
    int saved = errno;
    int ours = path_of(fd, path, sizeof path);
    errno = saved;
    if (!ours) return real(fd);
    if (control) {
        int64_t number = __sync_add_and_fetch(&control->syncs, 1);
        int64_t every = control->sync_delay_every;
        if (control->sync_delay_us > 0 && (every < 2 || number % every == 0)) {
            __sync_add_and_fetch(&control->syncs_delayed, 1);
            rest(control->sync_delay_us);
        }
        int64_t left = control->sync_fail_count;
        if (left != 0 && fails_at(path)) {
            if (left > 0) __sync_sub_and_fetch(&control->sync_fail_count, 1);
            note(line, snprintf(line, sizeof line, "F %s\n", path));
            __sync_add_and_fetch(&control->syncs_failed, 1);
            errno = control->sync_errno ? (int)control->sync_errno : EIO;
            return -1;
        }
    }
    struct stat before;
    if (journal < 0 || fstat(fd, &before) != 0) return real(fd);
    int result = real(fd);
    if (result == 0) {
        saved = errno;
        int length = S_ISDIR(before.st_mode)
            ? snprintf(line, sizeof line, "D %s\n", path)
            : snprintf(line, sizeof line, "S %lld %s\n", (long long)before.st_size, path);
        note(line, length);
        errno = saved;
    }
    return result;
}

int fsync(int fd) {
    REAL(fsync);
    return sync_with(fd, real);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return sync_with(fd, real);
}

/* How many of `count` bytes may be written; -1 with errno if none. */
static ssize_t allowed(int fd, size_t count) {
    if (!control || (!control->space_limited && !control->short_write_every && !control->write_delay_us)) return (ssize_t)count;
    char path[4096];
    int saved = errno;
    int ours = path_of(fd, path, sizeof path);
    errno = saved;
    if (!ours) return (ssize_t)count;
    if (control->write_delay_us > 0) {
        __sync_add_and_fetch(&control->writes_delayed, 1);
        rest(control->write_delay_us);
    }
    if (control->space_limited) {
        int64_t left = __sync_sub_and_fetch(&control->space_left, (int64_t)count);
        if (left < 0) {
            /* A full disk takes what fits, and then nothing. */
            int64_t fits = left + (int64_t)count;
            if (fits > 0) return (ssize_t)fits;
            __sync_add_and_fetch(&control->writes_failed, 1);
            errno = control->write_errno ? (int)control->write_errno : ENOSPC;
            return -1;
        }
    }
    if (control->short_write_every > 0 && count > 1) {
        static volatile int64_t number;
        if (__sync_add_and_fetch(&number, 1) % control->short_write_every == 0) {
            __sync_add_and_fetch(&control->writes_shortened, 1);
            return (ssize_t)(count / 2);
        }
    }
    return (ssize_t)count;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    ssize_t part = fd == journal ? (ssize_t)count : allowed(fd, count);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    ssize_t part = allowed(fd, count);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    ssize_t part = allowed(fd, count);
    return part < 0 ? -1 : real(fd, bytes, (size_t)part, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    size_t total = 0;
    for (int i = 0; i < count; i++) total += parts[i].iov_len;
    ssize_t part = allowed(fd, total);
    if (part < 0) return -1;
    if ((size_t)part == total || count == 0) return real(fd, parts, count);
    struct iovec first = parts[0];
    if ((size_t)part < first.iov_len) first.iov_len = (size_t)part;
    return real(fd, &first, 1);
}

static void flip(int fd, void *bytes, ssize_t count) {
    if (count <= 0 || !control || control->read_flip_every <= 0) return;
    char path[4096];
    int saved = errno;
    int ours = path_of(fd, path, sizeof path);
    errno = saved;
    size_t length = ours ? strlen(path) : 0;
    if (length < 4 || strcmp(path + length - 4, ".sst") != 0) return;
    static volatile int64_t number;
    if (__sync_add_and_fetch(&number, 1) % control->read_flip_every != 0) return;
    ((unsigned char *)bytes)[count / 2] ^= 0x04;
    __sync_add_and_fetch(&control->reads_flipped, 1);
}

ssize_t pread(int fd, void *bytes, size_t count, off_t at) {
    REAL(pread);
    ssize_t result = real(fd, bytes, count, at);
    flip(fd, bytes, result);
    return result;
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
    REAL(pread64);
    ssize_t result = real(fd, bytes, count, at);
    flip(fd, bytes, result);
    return result;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (journal < 0 || !is_ours(to)) return real(from, to);
    char undo[4300] = "-", line[12400];
    struct stat replaced;
    int saved = errno;
    if (stat(to, &replaced) == 0 && S_ISREG(replaced.st_mode)) {
        snprintf(undo, sizeof undo, "%s/%lld", undo_dir, (long long)__sync_add_and_fetch(&undo_number, 1));
        if (link(to, undo) != 0) strcpy(undo, "-");
    }
    errno = saved;
    int result = real(from, to);
    if (result == 0) note(line, snprintf(line, sizeof line, "R %s %s\t%s\n", undo, from, to));
    return result;
}

/* A second name of the same bytes: they are as durable as under the first. */
int link(const char *from, const char *to) {
    REAL(link);
    int result = real(from, to);
    if (result == 0 && journal >= 0 && is_ours(to)) {
        char line[8400];
        int saved = errno;
        note(line, snprintf(line, sizeof line, "L %s\t%s\n", from, to));
        errno = saved;
    }
    return result;
}

/* Both clocks run at rate_permille since rate_base_ns; the wall clock is moved besides. */
static void bend(clockid_t clock, struct timespec *time) {
    if (!control || (!control->wall_offset_ns && !control->rate_permille)) return;
    int wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (!wall && clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE && clock != CLOCK_BOOTTIME) return;
    __sync_add_and_fetch(&control->clocks_bent, 1);
    int64_t ns = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
    if (control->rate_permille) {
        REAL(clock_gettime);
        struct timespec now;
        real(CLOCK_MONOTONIC, &now);
        int64_t gone = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - control->rate_base_ns;
        if (gone > 0) ns += gone / 1000 * (control->rate_permille - 1000);
    }
    if (wall) ns += control->wall_offset_ns;
    if (ns < 0) ns = 0;
    time->tv_sec = ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real(clock, time);
    if (result == 0) bend(clock, time);
    return result;
}

int gettimeofday(struct timeval *time, void *zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return -1;
    time->tv_sec = exact.tv_sec;
    time->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (out) *out = exact.tv_sec;
    return exact.tv_sec;
}

/* A preloaded library that makes the calls on files below one directory fail, fall short or be the last, as a
 * control file says, and that moves the wall clock. It knows nothing of the program it is loaded into.
 *
 * FAULTS_UNDER  the directory
 * FAULTS_FILE   one rule a line: CALL ACTION FIRST COUNT, e.g. `fdatasync EIO 2 1`: the second call from now
 *               on. Calls are counted anew when the file changes. CALL may be `any`. Actions: EIO, ENOSPC and
 *               EINTR fail; `short` writes half; `kill` ends the process before the call, `killed` after it,
 *               `torn` after half of it.
 * FAULTS_TRACE  every call is written here, one line each
 * FAULTS_CLOCK  seconds that CLOCK_REALTIME is ahead */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum action { NOTHING, FAIL, SHORT, KILL, KILLED, TORN };
struct verdict { enum action action; int error; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char rules[4096];
static struct { char call[16]; long count; } counters[16];

static int read_rules(char *text, size_t size) {
    const char *path = getenv("FAULTS_FILE");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (file < 0) return 0;
    long got = syscall(SYS_read, file, text, size - 1);
    syscall(SYS_close, file);
    text[got > 0 ? got : 0] = 0;
    return got > 0;
}

static long counted(const char *call) {
    for (int i = 0; i < 16; i++) {
        if (!counters[i].call[0]) snprintf(counters[i].call, 16, "%s", call);
        if (!strcmp(counters[i].call, call)) return ++counters[i].count;
    }
    abort();
}

static struct verdict action_named(const char *name) {
    if (!strcmp(name, "EIO")) return (struct verdict){FAIL, EIO};
    if (!strcmp(name, "ENOSPC")) return (struct verdict){FAIL, ENOSPC};
    if (!strcmp(name, "EINTR")) return (struct verdict){FAIL, EINTR};
    if (!strcmp(name, "short")) return (struct verdict){SHORT, 0};
    if (!strcmp(name, "kill")) return (struct verdict){KILL, 0};
    if (!strcmp(name, "killed")) return (struct verdict){KILLED, 0};
    if (!strcmp(name, "torn")) return (struct verdict){TORN, 0};
    abort();
}

static struct verdict judge_by_rules(const char *call) {
    char text[4096] = "";
    read_rules(text, sizeof text);
    if (strcmp(text, rules)) {
        memcpy(rules, text, sizeof rules);
        memset(counters, 0, sizeof counters);
    }
    long own = counted(call), any = counted("any");
    char *rest = text, name[16], action[16];
    long first, count;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (sscanf(line, "%15s %15s %ld %ld", name, action, &first, &count) != 4) continue;
        long number = !strcmp(name, call) ? own : !strcmp(name, "any") ? any : 0;
        if (number >= first && number < first + count) return action_named(action);
    }
    return (struct verdict){NOTHING, 0};
}

static void trace(const char *call, const char *path) {
    const char *file = getenv("FAULTS_TRACE");
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    int to = file ? (int)syscall(SYS_openat, AT_FDCWD, file, flags, 0600) : -1;
    if (to < 0) return;
    char line[4200];
    int size = snprintf(line, sizeof line, "%s %s\n", call, path);
    syscall(SYS_write, to, line, size);
    syscall(SYS_close, to);
}

/* What is to happen to a call on `name` in `directory`, or on the open file `directory` without one. */
static struct verdict judge(const char *call, int directory, const char *name) {
    const char *under = getenv("FAULTS_UNDER");
    char link[64], path[4096] = "";
    if (!under) return (struct verdict){NOTHING, 0};
    if (!name || (name[0] != '/' && directory >= 0)) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
        if (size < 0) return (struct verdict){NOTHING, 0};
        path[size] = 0;
    }
    if (name) snprintf(path + strlen(path), sizeof path - strlen(path), "%s%s", path[0] ? "/" : "", name);
    if (strncmp(path, under, strlen(under))) return (struct verdict){NOTHING, 0};
    pthread_mutex_lock(&lock);
    trace(call, path);
    struct verdict verdict = judge_by_rules(call);
    pthread_mutex_unlock(&lock);
    if (verdict.action == KILL) raise(SIGKILL);
    return verdict;
}

static long after(struct verdict verdict, long result) {
    if (verdict.action == KILLED || verdict.action == TORN) raise(SIGKILL);
    return result;
}

#define FAILING(verdict) if ((verdict).action == FAIL) return errno = (verdict).error, -1
#define HALF(verdict, count) \
    ((verdict).action == SHORT || (verdict).action == TORN ? ((count) + 1) / 2 : (count))

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    struct verdict verdict = judge("pwrite", file, NULL);
    FAILING(verdict);
    return after(verdict, syscall(SYS_pwrite64, file, bytes, HALF(verdict, count), offset));
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    return pwrite(file, bytes, count, offset);
}

int fdatasync(int file) {
    struct verdict verdict = judge("fdatasync", file, NULL);
    FAILING(verdict);
    return after(verdict, syscall(SYS_fdatasync, file));
}

int fsync(int file) {
    struct verdict verdict = judge("fsync", file, NULL);
    FAILING(verdict);
    return after(verdict, syscall(SYS_fsync, file));
}

int ftruncate(int file, off_t size) {
    struct verdict verdict = judge("ftruncate", file, NULL);
    FAILING(verdict);
    return after(verdict, syscall(SYS_ftruncate, file, size));
}
int ftruncate64(int file, off64_t size) { return ftruncate(file, size); }

/* Only where it makes a file. */
int openat(int directory, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    struct verdict verdict = {NOTHING, 0};
    if (flags & O_CREAT) verdict = judge("create", directory, path);
    FAILING(verdict);
    return after(verdict, syscall(SYS_openat, directory, path, flags, mode));
}
int openat64(int directory, const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0;
    va_end(rest);
    return openat(directory, path, flags, mode);
}

int renameat(int from, const char *old, int to, const char *new) {
    struct verdict verdict = judge("rename", to, new);
    FAILING(verdict);
    return after(verdict, syscall(SYS_renameat2, from, old, to, new, 0));
}
int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
    struct verdict verdict = judge("link", to, new);
    FAILING(verdict);
    return after(verdict, syscall(SYS_linkat, from, old, to, new, flags));
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    const char *ahead = getenv("FAULTS_CLOCK");
    if (ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += atol(ahead);
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return out ? *out = now.tv_sec : now.tv_sec;
}

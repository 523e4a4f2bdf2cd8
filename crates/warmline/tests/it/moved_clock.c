/* Clocks that a test moves: loaded in front of the C library (LD_PRELOAD), it adds to the system's time
   the milliseconds that stand first in the file MOVED_CLOCK, and to the clock of intervals those that
   stand second. While the second does not change, intervals keep their length. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *moved_by;

__attribute__((constructor)) static void open_the_file(void) {
    const char *name = getenv("MOVED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) abort();
    void *page = mmap(NULL, 2 * sizeof *moved_by, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    moved_by = page;
    close(file);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, which, now);
    if (failed || !moved_by) return failed;
    int64_t by;
    if (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)
        by = moved_by[0];
    else if (which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_COARSE)
        by = moved_by[1];
    else
        return failed;
    int64_t ns = now->tv_nsec + by % 1000 * 1000000;
    now->tv_sec += by / 1000 + (ns < 0 ? -1 : ns / 1000000000);
    now->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    return 0;
}

// The load generator: mutual TLS 1.3, POST requests in a closed loop, one thread.
//
// Everything that would blur the timed part happens before it: tokens are minted, connections are open and warm. The
// CPU time of the measured processes is read just before the first timed request and just after the last answer, so
// that it belongs to exactly the requests that are counted.
#define _GNU_SOURCE
#include "client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    SETTLE_MICROSECONDS = 20000,   // lets work that follows an answer (ledger records) end before CPU time is read
    WARM_UP_SECONDS_MAX = 10,
};

// User and system time of the measured processes, all threads. This clock counts in nanoseconds what
// /proc/PID/stat shows as utime + stime in ticks of 10 ms.
static double cpu_seconds(const struct options *options) {
    double sum = 0;
    for (int i = 0; i < options->process_count; i++) {
        clockid_t clock;
        struct timespec t;
        if (clock_getcpuclockid(options->processes[i], &clock) || clock_gettime(clock, &t)) {
            fail("a measured process has ended");
        }
        sum += t.tv_sec + t.tv_nsec / 1e9;
    }
    return sum;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_us(const uint32_t *sorted, long count, double share) {
    return count ? sorted[(long)((count - 1) * share)] / 1e3 : 0;
}

static void print_statuses(void) {
    const char *separator = "";
    for (int status = 0; status < STATUSES; status++) {
        if (!statuses[status]) continue;
        printf("%s\"%d\": %ld", separator, status, statuses[status]);
        separator = ", ";
    }
}

static void measure(const struct options *options) {
    uint32_t *latencies_ns = malloc(options->requests * sizeof *latencies_ns);
    if (!latencies_ns) fail("memory");
    open_connections(0);
    run_phase(options->warm_up, WARM_UP_SECONDS_MAX, NULL);
    usleep(SETTLE_MICROSECONDS);

    double cpu = cpu_seconds(options);
    uint64_t start_ns = now_ns();
    long count = run_phase(options->requests, options->seconds, latencies_ns);
    double seconds = (now_ns() - start_ns) / 1e9;
    usleep(SETTLE_MICROSECONDS);
    cpu = cpu_seconds(options) - cpu;

    if (count == 0) fail("no request was sent in the timed part");
    qsort(latencies_ns, count, sizeof *latencies_ns, ascending);
    printf("{\"requests\": %ld, \"seconds\": %.4f, \"rps\": %.0f, \"cpu_us\": %.3f, ", count, seconds, count / seconds,
           cpu * 1e6 / count);
    printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, ", percentile_us(latencies_ns, count, 0.5),
           percentile_us(latencies_ns, count, 0.99), percentile_us(latencies_ns, count, 1));
    printf("\"unexpected\": %ld, \"statuses\": {", unexpected);
    print_statuses();
    printf("}}\n");
}

static void hold(const struct options *options) {
    open_connections(1);
    printf("{\"open\": %d, \"unexpected\": %ld}\n", options->connections, unexpected);
    fflush(stdout);
    hold_connections();
}

int main(int argc, char **argv) {
    struct options options = read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    prepare_client(&options);
    if (options.idle) hold(&options);
    else measure(&options);
    return unexpected > 0;
}

// The connections of the load generator: mutual TLS 1.3 on one epoll, one request in flight a connection.
#pragma once
#include "options.h"
#include <stdint.h>

enum { STATUSES = 600 };

// Of all answers so far, by HTTP status; and those whose status is not the expected one.
extern long statuses[STATUSES], unexpected;

// Reads certificate, key and roots, mints the tokens. Like everything here, exits with a message when it cannot.
void prepare_client(const struct options *options);

// Opens all connections. With `requests_each` every one sends a request as soon as it is open; returns when all
// are answered.
void open_connections(int requests_each);

// Sends requests over all connections until `requests` are sent, `seconds` are over or tokens grow old; waits for the
// answers. Latencies go to `latencies_ns` in order of completion, unless it is NULL. Returns how many there were.
long run_phase(long requests, double seconds, uint32_t *latencies_ns);

// Keeps the connections until standard input ends.
void hold_connections(void);

_Noreturn void fail(const char *what);
uint64_t now_ns(void);

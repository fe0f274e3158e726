// The command line of the load generator.
#pragma once

enum { PROCESSES_MAX = 256 };

struct options {
    int port, connections, idle, warm_up, body_bytes, expected_status;
    long requests;
    double seconds;
    const char *host, *path, *certificate, *key, *roots;
    const char *token, *token_key, *key_id, *issuer, *audience, *subject;
    int same_token;
    int processes[PROCESSES_MAX], process_count;
};

// Prints what is wrong, and the usage, and exits with 2 when the line cannot be understood.
struct options read_options(int argc, char **argv);

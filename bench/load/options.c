// The command line of the load generator.
#define _GNU_SOURCE
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: load --port N --certificate PEM --key PEM --roots PEM [options]\n"
    "\n"
    "Drives a mutual-TLS 1.3 server on 127.0.0.1 with POST requests in a closed loop (one request in flight a\n"
    "connection) and prints one JSON object. Exits with 1 when an answer had another status than expected.\n"
    "\n"
    "  --connections N      keep-alive connections (1)\n"
    "  --seconds S          end the timed part after S seconds (2)\n"
    "  --requests N         end it after N requests (1000000); with tokens this is how many are minted\n"
    "  --warm-up N          requests before the timed part (0)\n"
    "  --host H --path P    Host field and request target (localhost, /v1/orders)\n"
    "  --body BYTES         size of the JSON body (1024)\n"
    "  --token ALG          none, es256 or rs256 (none); the rest is for tokens:\n"
    "  --token-key PEM --key-id K --issuer I --audience A --subject S\n"
    "  --same-token         use one token for all requests (to see the replays refused)\n"
    "  --expect STATUS      expected status of every answer (200), 0 for any\n"
    "  --processes A,B,…    report the CPU time that these processes use in the timed part\n"
    "  --idle               instead: open the connections, send one request on each, print a line, hold them\n"
    "                       until standard input ends; a connection the server closes meanwhile is an error\n"
    "\n"
    "example: load --port 8443 --certificate agent.pem --key agent.key --roots ca.pem --connections 64\n";

static const struct option names[] = {
    {"port", 1, 0, 'p'},       {"connections", 1, 0, 'c'}, {"seconds", 1, 0, 's'},     {"requests", 1, 0, 'n'},
    {"warm-up", 1, 0, 'w'},    {"host", 1, 0, 'h'},        {"path", 1, 0, 't'},        {"body", 1, 0, 'b'},
    {"token", 1, 0, 'T'},      {"token-key", 1, 0, 'K'},   {"key-id", 1, 0, 'I'},      {"issuer", 1, 0, 'i'},
    {"audience", 1, 0, 'a'},   {"subject", 1, 0, 'S'},     {"same-token", 0, 0, 'r'},  {"expect", 1, 0, 'e'},
    {"processes", 1, 0, 'P'},  {"idle", 0, 0, 'd'},        {"certificate", 1, 0, 'C'}, {"key", 1, 0, 'k'},
    {"roots", 1, 0, 'R'},      {"help", 0, 0, '?' + 128},  {0, 0, 0, 0},
};

static void refuse(const char *what) {
    fprintf(stderr, "load: %s\n\n%s", what, usage);
    exit(2);
}

static long number(const char *text, long least, long most) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == 0 || *end != 0 || value < least || value > most) refuse("a number is malformed or out of range");
    return value;
}

static void read_processes(struct options *options, char *list) {
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        if (options->process_count == PROCESSES_MAX) refuse("too many processes");
        options->processes[options->process_count++] = number(item, 1, 1 << 30);
    }
}

static void apply(struct options *options, int name, char *value) {
    switch (name) {
    case 'p': options->port = number(value, 1, 65535); break;
    case 'c': options->connections = number(value, 1, 60000); break;
    case 's': options->seconds = strtod(value, NULL); break;
    case 'n': options->requests = number(value, 1, 4000000); break;
    case 'w': options->warm_up = number(value, 0, 100000); break;
    case 'h': options->host = value; break;
    case 't': options->path = value; break;
    case 'b': options->body_bytes = number(value, 64, 8192); break;
    case 'T': options->token = value; break;
    case 'K': options->token_key = value; break;
    case 'I': options->key_id = value; break;
    case 'i': options->issuer = value; break;
    case 'a': options->audience = value; break;
    case 'S': options->subject = value; break;
    case 'r': options->same_token = 1; break;
    case 'e': options->expected_status = number(value, 0, 599); break;
    case 'P': read_processes(options, value); break;
    case 'd': options->idle = 1; break;
    case 'C': options->certificate = value; break;
    case 'k': options->key = value; break;
    case 'R': options->roots = value; break;
    case '?' + 128: fputs(usage, stdout); exit(0);
    default: refuse("unknown option");
    }
}

struct options read_options(int argc, char **argv) {
    struct options options = {.connections = 1, .body_bytes = 1024, .expected_status = 200, .requests = 1000000,
                              .seconds = 2, .host = "localhost", .path = "/v1/orders", .token = "none"};
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) apply(&options, name, optarg);
    if (optind < argc) refuse("an argument too many");
    if (!options.port || !options.certificate || !options.key || !options.roots) {
        refuse("--port, --certificate, --key and --roots are needed");
    }
    int with_tokens = strcmp(options.token, "none") != 0;
    if (with_tokens && strcmp(options.token, "es256") && strcmp(options.token, "rs256")) {
        refuse("--token is none, es256 or rs256");
    }
    int named = options.token_key && options.key_id && options.issuer && options.audience && options.subject;
    if (with_tokens && !named) {
        refuse("tokens need --token-key, --key-id, --issuer, --audience and --subject");
    }
    return options;
}

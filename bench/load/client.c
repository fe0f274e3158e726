// Connections and what happens on them. Any failure ends the run: a benchmark that forgives would flatter.
#define _GNU_SOURCE
#include "client.h"
#include "requests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_BYTES_MAX = 2048,   // of an answer
    HANDSHAKES_MAX = 64,     // at a time: a crowd of thousands would measure the accept queue
    EVENTS_MAX = 256,
    TOKEN_SECONDS_MAX = 50,  // tokens live 55 s
    STALL_SECONDS_MAX = 20,
};

enum state { CONNECTING, HANDSHAKING, READY, SENDING, AWAITING };

struct connection {
    int fd, head_length, in_body;
    enum state state;
    long request, body_left;
    uint64_t sent_ns;
    SSL *ssl;
    char head[HEAD_BYTES_MAX];
};

static const struct options *options;
static struct connection *connections;
static SSL_CTX *tls;
static int poll_fd, once;   // once: a connection that has its answer stays idle
static struct {
    long limit, issued, answered;
    uint64_t ends_ns;
    uint32_t *latencies_ns;
} phase;
static long next_request, handshakes_open, opened;
static uint64_t progress_ns, tokens_old_ns = UINT64_MAX;
long statuses[STATUSES], unexpected;

_Noreturn void fail(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void watch(struct connection *connection, uint32_t events, int operation) {
    struct epoll_event event = {events, {.ptr = connection}};
    if (epoll_ctl(poll_fd, operation, connection->fd, &event)) fail("epoll_ctl");
}

// After a TLS call that could not go on: wait for what it wants. Anything else ends the run.
static void await(struct connection *connection, int result) {
    switch (SSL_get_error(connection->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        watch(connection, connection->state == SENDING ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
        break;
    case SSL_ERROR_WANT_WRITE: watch(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD); break;
    case SSL_ERROR_ZERO_RETURN: fail("the server closed a connection");
    default: fail(connection->state == HANDSHAKING ? "a handshake failed" : "a connection broke");
    }
}

static void write_request(struct connection *connection) {
    static char bytes[REQUEST_BYTES_MAX];
    int length = request_bytes(bytes, connection->request);
    int n = SSL_write(connection->ssl, bytes, length);
    if (n <= 0) return await(connection, n);
    if (n != length) fail("a request was cut by the TLS library");
    if (connection->state == SENDING) connection->state = AWAITING;
}

static void send_next(struct connection *connection) {
    connection->state = READY;
    if (phase.issued == phase.limit) return;
    uint64_t now = now_ns();
    if (now >= phase.ends_ns) {
        phase.limit = phase.issued;
        return;
    }
    phase.issued++;
    connection->request = next_request++;
    connection->head_length = 0;
    connection->in_body = 0;
    connection->sent_ns = now;
    connection->state = SENDING;
    write_request(connection);
}

static void start(struct connection *connection) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(options->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fail("out of sockets: raise the limit of open files");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) fail("connect");
    connection->state = CONNECTING;
    handshakes_open++;
    watch(connection, EPOLLOUT, EPOLL_CTL_ADD);
}

static void start_some(void) {
    static int started;
    while (started < options->connections && handshakes_open < HANDSHAKES_MAX) start(&connections[started++]);
}

static void connected(struct connection *connection) {
    int error = 0;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    if (error) fail(strerror(error));
    connection->ssl = SSL_new(tls);
    if (!connection->ssl || !SSL_set_fd(connection->ssl, connection->fd)) fail("a TLS session");
    SSL_set_connect_state(connection->ssl);
    connection->state = HANDSHAKING;
}

static void handshake(struct connection *connection) {
    int result = SSL_do_handshake(connection->ssl);
    if (result != 1) return await(connection, result);
    watch(connection, EPOLLIN, EPOLL_CTL_MOD);
    handshakes_open--;
    opened++;
    progress_ns = now_ns();
    start_some();
    send_next(connection);
}

static void answered(struct connection *connection) {
    int status = atoi(connection->head + 9);
    if (status < 100 || status > 599) fail("not an HTTP answer");
    statuses[status]++;
    if (options->expected_status && status != options->expected_status && unexpected++ == 0) {
        fprintf(stderr, "load: first unexpected answer:\n%.*s\n", connection->head_length, connection->head);
    }
    progress_ns = now_ns();
    uint64_t latency_ns = progress_ns - connection->sent_ns;
    if (phase.latencies_ns) phase.latencies_ns[phase.answered] = latency_ns < UINT32_MAX ? latency_ns : UINT32_MAX;
    phase.answered++;
    if (once) connection->state = READY;
    else send_next(connection);
}

static void read_head(struct connection *connection) {
    char *end = strstr(connection->head, "\r\n\r\n");
    if (!end && connection->head_length == HEAD_BYTES_MAX - 1) fail("the head of an answer is too long");
    if (!end) return;
    char *field = strcasestr(connection->head, "\r\ncontent-length:");
    if (!field || field > end) fail("an answer without Content-Length");
    connection->in_body = 1;
    connection->body_left = strtol(field + 17, NULL, 10) - (connection->head + connection->head_length - end - 4);
}

static void take(struct connection *connection, const char *bytes, int count) {
    if (connection->state != AWAITING) fail("bytes that answer nothing");
    if (!connection->in_body) {
        int room = HEAD_BYTES_MAX - 1 - connection->head_length, copied = count < room ? count : room;
        memcpy(connection->head + connection->head_length, bytes, copied);
        connection->head_length += copied;
        connection->head[connection->head_length] = 0;
        read_head(connection);
        count -= copied;
    }
    if (!connection->in_body) return;
    connection->body_left -= count;
    if (connection->body_left < 0) fail("an answer longer than its Content-Length");
    if (connection->body_left == 0) answered(connection);
}

static void read_answer(struct connection *connection) {
    static char bytes[REQUEST_BYTES_MAX];
    do {
        int n = SSL_read(connection->ssl, bytes, sizeof bytes);
        if (n <= 0) return await(connection, n);
        take(connection, bytes, n);
    } while (SSL_has_pending(connection->ssl));
}

static void advance(struct connection *connection, uint32_t events) {
    if (connection->state == CONNECTING) connected(connection);
    if (connection->state == HANDSHAKING) return handshake(connection);
    if (connection->state == SENDING && events & EPOLLOUT) {
        watch(connection, EPOLLIN, EPOLL_CTL_MOD);
        write_request(connection);
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_answer(connection);
}

static void turn(void) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(poll_fd, events, EVENTS_MAX, 1000);
    for (int i = 0; i < count; i++) advance(events[i].data.ptr, events[i].events);
    if (now_ns() - progress_ns > STALL_SECONDS_MAX * 1000000000ull) fail("no answer for 20 s");
}

void open_connections(int requests_each) {
    once = requests_each;
    phase.limit = requests_each ? options->connections : 0;
    phase.ends_ns = UINT64_MAX;
    progress_ns = now_ns();
    start_some();
    while (opened < options->connections || phase.answered < phase.limit) turn();
    once = 0;
}

long run_phase(long requests, double seconds, uint32_t *latencies_ns) {
    progress_ns = now_ns();
    phase.limit = requests;
    phase.issued = phase.answered = 0;
    phase.latencies_ns = latencies_ns;
    phase.ends_ns = progress_ns + seconds * 1e9;
    if (phase.ends_ns > tokens_old_ns) phase.ends_ns = tokens_old_ns;
    for (int i = 0; i < options->connections; i++) send_next(&connections[i]);
    while (phase.answered < phase.limit) turn();
    return phase.answered;
}

// A connection that the server closes meanwhile ends in `fail`.
void hold_connections(void) {
    struct epoll_event input = {EPOLLIN, {.ptr = NULL}}, event;
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input)) fail("standard input is not a pipe or a terminal");
    while (epoll_wait(poll_fd, &event, 1, -1) != 1 || event.data.ptr) {
        if (event.data.ptr) advance(event.data.ptr, event.events);
    }
}

static void prepare_tls(void) {
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);   // the chain alone: an SVID has no DNS name to compare
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1);
    if (SSL_CTX_use_certificate_chain_file(tls, options->certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_file(tls, options->roots) != 1) {
        fail("cannot read certificate, key or roots");
    }
}

void prepare_client(const struct options *chosen) {
    options = chosen;
    prepare_tls();
    uint64_t minting_ns = now_ns();
    if (prepare_requests(options, tls)) tokens_old_ns = minting_ns + TOKEN_SECONDS_MAX * 1000000000ull;
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(options->connections, sizeof *connections);
    if (!connections) fail("memory");
}

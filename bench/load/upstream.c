// The tool behind the proxies: HTTP/1.1 keep-alive on a loopback port, reads a request with a Content-Length body,
// answers 128 bytes. One epoll thread, so that it takes as little as possible of the machine it shares.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 32 * 1024, EVENTS_MAX = 256, ANSWER_BODY_BYTES = 128 };

struct connection {
    int fd, length;
    char buffer[BUFFER_BYTES + 1];
};

static char answer[512];
static int answer_length;

static void prepare_answer(void) {
    answer_length = snprintf(answer, sizeof answer,
                             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                             "{\"note\":\"%0*d\"}",
                             ANSWER_BODY_BYTES, ANSWER_BODY_BYTES - 11, 0);
}

// The length of the first whole request in the buffer, 0 when more is needed, -1 when it cannot be read.
static int request_length(const struct connection *connection) {
    const char *end = memmem(connection->buffer, connection->length, "\r\n\r\n", 4);
    if (!end) return connection->length < BUFFER_BYTES ? 0 : -1;
    int head = end + 4 - connection->buffer;
    const char *field = strcasestr(connection->buffer, "\r\ncontent-length:");
    long body = field && field < end ? strtol(field + 17, NULL, 10) : 0;
    const char *chunked = strcasestr(connection->buffer, "\r\ntransfer-encoding:");
    if ((chunked && chunked < end) || body < 0 || head + body > BUFFER_BYTES) return -1;
    return connection->length >= head + body ? head + (int)body : 0;
}

// False when the connection is over.
static int serve(struct connection *connection) {
    char *at = connection->buffer + connection->length;
    ssize_t n = read(connection->fd, at, BUFFER_BYTES - connection->length);
    if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
    connection->length += n;
    for (;;) {
        connection->buffer[connection->length] = 0;
        int length = request_length(connection);
        if (length == 0) return 1;
        if (length < 0) {
            fprintf(stderr, "upstream: a request it cannot read (chunked, or over %d bytes)\n", BUFFER_BYTES);
            return 0;
        }
        if (write(connection->fd, answer, answer_length) != answer_length) return 0;
        connection->length -= length;
        memmove(connection->buffer, connection->buffer + length, connection->length);
    }
}

static void accept_one(int listener, int poll) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct connection *connection = malloc(sizeof *connection);
    if (!connection) exit(2);
    connection->fd = fd;
    connection->length = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {EPOLLIN, {.ptr = connection}};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: upstream PORT\n"), 2;
    prepare_answer();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        return perror("upstream: cannot listen"), 2;
    }
    struct epoll_event event = {EPOLLIN, {.ptr = NULL}}, events[EVENTS_MAX];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) accept_one(listener, poll);
            else if (!serve(connection)) {
                close(connection->fd);
                free(connection);
            }
        }
    }
}

/* `loop PORT REDIS_PORT`: the least that a server can do, one write() per client and event.
 *
 * It takes WebSocket clients, says the words that Engine.IO and Socket.IO begin with, subscribes to the Redis
 * channel `bench`, and writes each message, framed once, to every client. It is deliberately no server: it
 * checks nothing, trusts everybody, answers no ping and ends at the first surprise.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_MESSAGE = 65536, INPUT = 1 << 20 };
enum state { CLOSED, GREETING, OPENED, CONNECTED };

/* The accept key is not computed: the bench's clients do not check it. */
static const char SWITCHING[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Accept: unchecked\r\n\r\n";
static const char OPEN[] = "0{\"sid\":\"loop\",\"upgrades\":[],\"pingInterval\":25000,"
                           "\"pingTimeout\":20000,\"maxPayload\":1000000}";

static enum state states[MAX_FD];
static int clients[MAX_FD], client_count;
static char input[INPUT];
static size_t input_length;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void put(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0) return; /* the client is gone; epoll will say so */
        bytes += written;
        length -= (size_t)written;
    }
}

/* Frame a text as a server does (RFC 6455, 5.2); return the frame's length. */
static size_t frame(char *out, const char *text, size_t length) {
    size_t head = 2;
    out[0] = (char)0x81;
    if (length < 126) {
        out[1] = (char)length;
    } else {
        out[1] = 126;
        out[2] = (char)(length >> 8);
        out[3] = (char)length;
        head = 4;
    }
    memcpy(out + head, text, length);
    return head + length;
}

static void send_text(int fd, const char *text) {
    char out[512];
    put(fd, out, frame(out, text, strlen(text)));
}

static void forget(int fd) {
    for (int i = 0; i < client_count; i++)
        if (clients[i] == fd) clients[i] = clients[--client_count];
    states[fd] = CLOSED;
    close(fd);
}

/* A client's words in their order: its request, CONNECT, then nothing that matters (pongs). */
static void hear(int fd) {
    char said[4096], word[32];
    ssize_t length = read(fd, said, sizeof said);
    if (length <= 0) {
        forget(fd);
    } else if (states[fd] == GREETING) {
        put(fd, SWITCHING, sizeof SWITCHING - 1);
        send_text(fd, OPEN);
        states[fd] = OPENED;
    } else if (states[fd] == OPENED) {
        snprintf(word, sizeof word, "40{\"sid\":\"%d\"}", fd);
        send_text(fd, word);
        states[fd] = CONNECTED;
        clients[client_count++] = fd;
    }
}

static void broadcast(const char *text, size_t length) {
    static char out[MAX_MESSAGE + 4];
    if (length > MAX_MESSAGE) die("a message is too long");
    size_t size = frame(out, text, length);
    for (int i = 0; i < client_count; i++) put(clients[i], out, size);
}

/* Read `mark` and the number after it up to the line's end; return what follows, or NULL if it is not there. */
static char *number(char *at, char *end, char mark, size_t *value) {
    char *line_end = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    if (line_end == NULL) return NULL;
    if (*at != mark) die("Redis said something else");
    *value = strtoul(at + 1, NULL, 10);
    return line_end + 1;
}

/* Pushes of Redis: arrays of three, ("message", the channel, the text). */
static void hear_redis(int fd) {
    ssize_t length = read(fd, input + input_length, INPUT - input_length);
    if (length <= 0) die("Redis is gone");
    input_length += (size_t)length;
    char *done = input, *end = input + input_length;
    for (;;) {
        size_t parts, size = 0;
        char *at = number(done, end, '*', &parts), *text = NULL;
        for (int part = 0; part < 3 && at != NULL; part++) {
            if (at < end && *at == ':') { /* the answer to SUBSCRIBE ends with a count */
                at = number(at, end, ':', &size);
                text = NULL;
                continue;
            }
            text = number(at, end, '$', &size);
            at = text != NULL && text + size + 2 <= end ? text + size + 2 : NULL;
        }
        if (at == NULL) break;
        if (text != NULL) broadcast(text, size);
        done = at;
    }
    input_length = (size_t)(end - done);
    memmove(input, done, input_length);
}

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static struct sockaddr_in here(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int main(int count, char **arguments) {
    static const char SUBSCRIBE[] = "*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nbench\r\n";
    if (count != 3) return 2;
    signal(SIGPIPE, SIG_IGN);
    int one = 1, epoll = epoll_create1(0);
    int listener = socket(AF_INET, SOCK_STREAM, 0), redis = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in mine = here(arguments[1]), theirs = here(arguments[2]);
    if (connect(redis, (struct sockaddr *)&theirs, sizeof theirs) < 0) die("Redis");
    put(redis, SUBSCRIBE, sizeof SUBSCRIBE - 1);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&mine, sizeof mine) < 0) die("bind");
    if (listen(listener, 1024) < 0) die("listen");
    watch(epoll, listener);
    watch(epoll, redis);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == redis) {
                hear_redis(fd);
            } else if (fd != listener) {
                hear(fd);
            } else if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                if (fd >= MAX_FD) die("too many clients");
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                states[fd] = GREETING;
                watch(epoll, fd);
            }
        }
    }
}

// The requests of a run: the same bytes but for the token.
#pragma once
#include "options.h"
#include <openssl/ssl.h>

enum { REQUEST_BYTES_MAX = 16 * 1024 };   // one TLS record

// Mints the tokens, bound to the client certificate of `tls`. True when requests carry tokens.
int prepare_requests(const struct options *options, SSL_CTX *tls);

// Writes request `index` and returns its length. The same index gives the same bytes.
int request_bytes(char *out, long index);

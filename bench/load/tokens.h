// Capability tokens for the load generator: unique, made before the timed part, laid out back to back.
#pragma once
#include <openssl/evp.h>
#include <stddef.h>

enum algorithm { ES256, RS256 };

struct token_facts {
    enum algorithm algorithm;
    const char *key_id, *issuer, *audience, *subject;
    const char *client_id;    // the SPIFFE ID of the certificate the generator presents
    const char *thumbprint;   // base64url of the SHA-256 of that certificate's DER
    const char *action, *resource;
};

// Every token of one batch has the same length, so token i starts at text + i * length.
struct tokens {
    char *text;
    size_t length;
    long count;
};

// Two threads sign. Exits with a message when OpenSSL fails.
struct tokens mint_tokens(const struct token_facts *facts, EVP_PKEY *key, long count);

// Writes the unpadded base64url of `bytes` (no terminating NUL) and returns its length.
size_t base64url(char *out, const unsigned char *bytes, size_t count);

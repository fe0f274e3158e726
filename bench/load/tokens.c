// Mints capability tokens (JWS compact, ES256 or RS256) in bulk.
//
// Tokens live 55 s, so a batch is made right before the part of the run that spends it.
#define _GNU_SOURCE
#include "tokens.h"

#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIFETIME_SECONDS = 55, CLAIMS_BYTES_MAX = 4096, SIGNATURE_BYTES_MAX = 512, MINTING_THREADS = 2 };

struct share {
    const struct token_facts *facts;
    EVP_PKEY *key;
    struct tokens *tokens;
    long first, end;
    unsigned long long run;   // random, so that two runs never share a `jti`
    long long issued_at;
};

static void fail(const char *what) {
    fprintf(stderr, "load: cannot mint tokens: %s\n", what);
    exit(2);
}

size_t base64url(char *out, const unsigned char *in, size_t count) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = 0;
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        unsigned bits = in[i] << 16 | (left > 1 ? in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        out[n++] = digits[bits >> 18];
        out[n++] = digits[bits >> 12 & 63];
        if (left > 1) out[n++] = digits[bits >> 6 & 63];
        if (left > 2) out[n++] = digits[bits & 63];
    }
    return n;
}

// Every field has a fixed width: all tokens of a batch are equally long.
static size_t signing_input(char *out, const struct share *share, long index) {
    const struct token_facts *facts = share->facts;
    char json[CLAIMS_BYTES_MAX];
    int n = snprintf(json, sizeof json, "{\"typ\":\"capability+jwt\",\"alg\":\"%s\",\"kid\":\"%s\"}",
                     facts->algorithm == ES256 ? "ES256" : "RS256", facts->key_id);
    size_t length = base64url(out, (unsigned char *)json, n);
    out[length++] = '.';
    n = snprintf(json, sizeof json,
                 "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%s\",\"client_id\":\"%s\",\"iat\":%010lld,\"exp\":%010lld,"
                 "\"jti\":\"%016llx%010lx\",\"cnf\":{\"x5t#S256\":\"%s\"},\"authorization_details\":"
                 "[{\"type\":\"tool_action\",\"actions\":[\"%s\"],\"identifier\":\"%s\"}]}",
                 facts->issuer, facts->audience, facts->subject, facts->client_id, share->issued_at,
                 share->issued_at + LIFETIME_SECONDS, share->run, index, facts->thumbprint, facts->action,
                 facts->resource);
    if (n >= (int)sizeof json) fail("claims too long");
    return length + base64url(out + length, (unsigned char *)json, n);
}

static size_t raw_ecdsa(unsigned char *signature, size_t length) {
    const unsigned char *der = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, length);
    if (!pair) fail("ECDSA signature");
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32);
    ECDSA_SIG_free(pair);
    return 64;
}

static EVP_PKEY_CTX *signing_context(EVP_PKEY *key, enum algorithm algorithm) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    if (!context || EVP_PKEY_sign_init(context) <= 0) fail("signing context");
    if (algorithm == RS256 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) <= 0) fail("padding");
    if (EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) <= 0) fail("digest");
    return context;
}

static size_t mint(char *out, const struct share *share, EVP_PKEY_CTX *context, long index) {
    unsigned char digest[SHA256_DIGEST_LENGTH], signature[SIGNATURE_BYTES_MAX];
    size_t length = signing_input(out, share, index), signature_length = sizeof signature;
    SHA256((unsigned char *)out, length, digest);
    if (EVP_PKEY_sign(context, signature, &signature_length, digest, sizeof digest) <= 0) fail("signature");
    if (share->facts->algorithm == ES256) signature_length = raw_ecdsa(signature, signature_length);
    out[length++] = '.';
    return length + base64url(out + length, signature, signature_length);
}

static void *mint_share(void *argument) {
    const struct share *share = argument;
    EVP_PKEY_CTX *context = signing_context(share->key, share->facts->algorithm);
    char token[3 * CLAIMS_BYTES_MAX];
    for (long i = share->first; i < share->end; i++) {
        if (mint(token, share, context, i) != share->tokens->length) fail("tokens of unequal length");
        memcpy(share->tokens->text + i * share->tokens->length, token, share->tokens->length);
    }
    EVP_PKEY_CTX_free(context);
    return NULL;
}

struct tokens mint_tokens(const struct token_facts *facts, EVP_PKEY *key, long count) {
    struct share whole = {facts, key, NULL, 0, 0, 0, time(NULL)};
    if (RAND_bytes((unsigned char *)&whole.run, sizeof whole.run) != 1) fail("randomness");

    char sample[3 * CLAIMS_BYTES_MAX];
    EVP_PKEY_CTX *context = signing_context(key, facts->algorithm);
    struct tokens tokens = {NULL, mint(sample, &whole, context, 0), count};
    EVP_PKEY_CTX_free(context);
    tokens.text = malloc(tokens.length * (count ? count : 1));
    if (!tokens.text) fail("memory");

    pthread_t threads[MINTING_THREADS];
    struct share shares[MINTING_THREADS];
    for (int t = 0; t < MINTING_THREADS; t++) {
        shares[t] = whole;
        shares[t].tokens = &tokens;
        shares[t].first = count * t / MINTING_THREADS;
        shares[t].end = count * (t + 1) / MINTING_THREADS;
        if (pthread_create(&threads[t], NULL, mint_share, &shares[t])) fail("thread");
    }
    for (int t = 0; t < MINTING_THREADS; t++) pthread_join(threads[t], NULL);
    return tokens;
}

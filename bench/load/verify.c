// What one signature check costs on this machine with OpenSSL: SHA-256 of a signing input, then EVP_PKEY_verify
// with a key decoded once and a context that is reused. Thread CPU time, median of the repetitions, as JSON.
#define _GNU_SOURCE
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPETITIONS = 5, CHECKS = 1500, INPUT_BYTES = 600 };

static void must(int ok, const char *what) {
    if (ok > 0) return;
    fprintf(stderr, "verify: %s failed\n", what);
    exit(2);
}

static double cpu_microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static EVP_PKEY_CTX *context_for(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *), int rsa) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    must(context != NULL && init(context) > 0, "context");
    if (rsa) must(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), "padding");
    must(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), "digest");
    return context;
}

static int by_value(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double verify_microseconds(EVP_PKEY *key, int rsa) {
    static unsigned char input[INPUT_BYTES];
    unsigned char digest[SHA256_DIGEST_LENGTH], signature[512];
    size_t length = sizeof signature;
    must(key != NULL, "key");
    SHA256(input, sizeof input, digest);
    EVP_PKEY_CTX *signer = context_for(key, EVP_PKEY_sign_init, rsa);
    must(EVP_PKEY_sign(signer, signature, &length, digest, sizeof digest), "sign");

    EVP_PKEY_CTX *verifier = context_for(key, EVP_PKEY_verify_init, rsa);
    double results[REPETITIONS];
    for (int r = 0; r < REPETITIONS; r++) {
        double start = cpu_microseconds();
        for (int i = 0; i < CHECKS; i++) {
            SHA256(input, sizeof input, digest);
            must(EVP_PKEY_verify(verifier, signature, length, digest, sizeof digest), "verify");
        }
        results[r] = (cpu_microseconds() - start) / CHECKS;
    }
    qsort(results, REPETITIONS, sizeof *results, by_value);
    return results[REPETITIONS / 2];
}

int main(void) {
    double es256 = verify_microseconds(EVP_EC_gen("P-256"), 0);
    double rs256 = verify_microseconds(EVP_RSA_gen(2048), 1);
    printf("{\"es256\": %.2f, \"rs256\": %.2f}\n", es256, rs256);
}

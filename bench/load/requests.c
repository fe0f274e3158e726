// Composes the requests: a head, a token that is never used twice, a JSON body.
#define _GNU_SOURCE
#include "requests.h"
#include "client.h"
#include "tokens.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static struct tokens tokens;
static char *prefix, *suffix;   // of a request, around its token

static const char *spiffe_id(X509 *certificate) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI) return (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
    }
    fail("the certificate has no URI name");
}

static void prepare_tokens(const struct options *options, SSL_CTX *tls) {
    X509 *certificate = SSL_CTX_get0_certificate(tls);
    unsigned char digest[32];
    char thumbprint[44] = "";
    X509_digest(certificate, EVP_sha256(), digest, NULL);
    thumbprint[base64url(thumbprint, digest, sizeof digest)] = 0;
    struct token_facts facts = {
        .algorithm = strcmp(options->token, "es256") ? RS256 : ES256, .key_id = options->key_id,
        .issuer = options->issuer, .audience = options->audience, .subject = options->subject,
        .client_id = spiffe_id(certificate), .thumbprint = thumbprint, .action = "POST", .resource = options->path};

    FILE *file = fopen(options->token_key, "r");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (!key) fail("cannot read the token key");
    fclose(file);
    long wanted = options->idle ? options->connections : options->requests + options->warm_up;
    tokens = mint_tokens(&facts, key, options->same_token ? 1 : wanted);
    EVP_PKEY_free(key);
}

// The body is JSON with the members that the rules of the benchmark look at.
static void prepare_text(const struct options *options) {
    static const char body[] = "{\"table\":\"orders\",\"limit\":100,\"note\":\"\"}";
    int filling = options->body_bytes - (int)(sizeof body - 1);
    const char *open = tokens.text ? "Authorization: Bearer " : "", *close = tokens.text ? "\r\n" : "";
    int n = asprintf(&prefix, "POST %s HTTP/1.1\r\nHost: %s\r\n%s", options->path, options->host, open);
    int m = asprintf(&suffix, "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%.*s%0*d\"}", close,
                     options->body_bytes, (int)sizeof body - 3, body, filling, 0);
    if (n < 0 || m < 0 || n + m + tokens.length > REQUEST_BYTES_MAX) fail("the request is too long");
}

// The same bytes for the same request: a write that TLS could not finish is repeated.
int request_bytes(char *out, long index) {
    char *at = stpcpy(out, prefix);
    if (tokens.text) at = mempcpy(at, tokens.text + (index % tokens.count) * tokens.length, tokens.length);
    return stpcpy(at, suffix) - out;
}

int prepare_requests(const struct options *options, SSL_CTX *tls) {
    if (strcmp(options->token, "none")) prepare_tokens(options, tls);
    prepare_text(options);
    return tokens.text != NULL;
}

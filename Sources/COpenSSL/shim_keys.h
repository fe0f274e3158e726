#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

// Every function here returns a new reference, or NULL with something in OpenSSL's error queue.

static inline EVP_PKEY *sallyport_generate_p256(void) { return EVP_EC_gen("P-256"); }
static inline EVP_PKEY *sallyport_generate_ed25519(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"); }
static inline EVP_PKEY *sallyport_generate_rsa2048(void) { return EVP_RSA_gen(2048); }

static inline EVP_PKEY *sallyport_public_key(const char *type, OSSL_PARAM *params) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context != NULL && EVP_PKEY_fromdata_init(context) == 1
        && EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

// `point` is 04 || X || Y (SEC 1 §2.3.3). NULL when it is not on the curve.
static inline EVP_PKEY *sallyport_p256_key(const unsigned char *point, size_t length) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, length),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = sallyport_public_key("EC", params);
    EVP_PKEY_CTX *check = key != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    if (check == NULL || EVP_PKEY_public_check(check) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(check);
    return key;
}

// Modulus and exponent as big-endian numbers.
static inline EVP_PKEY *sallyport_rsa_key(
    const unsigned char *n, int n_length, const unsigned char *e, int e_length) {
    EVP_PKEY *key = NULL;
    BIGNUM *modulus = BN_bin2bn(n, n_length, NULL);
    BIGNUM *exponent = BN_bin2bn(e, e_length, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (modulus != NULL && exponent != NULL && builder != NULL
        && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1
        && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        params = OSSL_PARAM_BLD_to_param(builder);
    }
    if (params != NULL) key = sallyport_public_key("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(exponent);
    BN_free(modulus);
    return key;
}

// Writes a big-endian number parameter padded to `length` bytes; with length 0, as many as it needs (at most
// `capacity`). The count written, or 0.
static inline size_t sallyport_key_number(
    const EVP_PKEY *key, const char *name, unsigned char *output, size_t capacity, size_t length) {
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return 0;
    size_t count = length != 0 ? length : (size_t)BN_num_bytes(number);
    if (count > capacity || BN_bn2binpad(number, output, (int)count) != (int)count) count = 0;
    BN_free(number);
    return count;
}

// A file never asks a terminal for a passphrase: an encrypted key is an error.
static inline int sallyport_no_passphrase(char *buffer, int size, int writing, void *context) {
    (void)buffer; (void)size; (void)writing; (void)context;
    return -1;
}

static inline EVP_PKEY *sallyport_read_private_pem(const void *text, int length) {
    BIO *bio = BIO_new_mem_buf(text, length);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, sallyport_no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static inline EVP_PKEY *sallyport_read_public_pem(const void *text, int length) {
    BIO *bio = BIO_new_mem_buf(text, length);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, sallyport_no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

// PKCS#8 PEM, not encrypted, in a memory BIO that the caller reads and frees.
static inline BIO *sallyport_write_private_pem(const EVP_PKEY *key) {
    BIO *bio = BIO_new(BIO_s_secmem());
    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        bio = NULL;
    }
    return bio;
}

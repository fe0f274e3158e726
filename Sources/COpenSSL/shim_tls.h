#pragma once
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/buffer.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

// ---- Memory BIOs

// Reads of an empty one mean "later", not "the end".
static inline BIO *sallyport_memory_bio(void) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL) BIO_set_mem_eof_return(bio, -1);
    return bio;
}

// A memory BIO keeps the largest buffer it ever needed.
static inline size_t sallyport_bio_capacity(BIO *bio) {
    BUF_MEM *memory = NULL;
    BIO_get_mem_ptr(bio, &memory);
    return memory != NULL ? memory->max : 0;
}

// ---- Certificates

static inline int sallyport_print_name(BIO *bio, const X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}

static inline int sallyport_name_add_common_name(X509_NAME *name, const unsigned char *text, int length) {
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, text, length, -1, 0);
}

// `value` is OpenSSL's configuration syntax, made of our own constants only.
static inline int sallyport_add_extension(X509 *subject, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int added = extension != NULL && X509_add_ext(subject, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

// The bytes of a URI, DNS or e-mail name; NULL for the other kinds.
static inline const ASN1_STRING *sallyport_name_text(const GENERAL_NAME *name) {
    int type = 0;
    void *value = GENERAL_NAME_get0_value(name, &type);
    return type == GEN_URI || type == GEN_DNS || type == GEN_EMAIL ? (const ASN1_STRING *)value : NULL;
}

static inline int sallyport_add_name(GENERAL_NAMES *names, int type, ASN1_STRING *value) {
    GENERAL_NAME *name = value != NULL ? GENERAL_NAME_new() : NULL;
    if (name == NULL) {
        ASN1_STRING_free(value);
        return 0;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0) return 1;
    GENERAL_NAME_free(name);
    return 0;
}

static inline int sallyport_add_text_name(GENERAL_NAMES *names, int type, const void *bytes, int length) {
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (value != NULL && ASN1_STRING_set(value, bytes, length) != 1) {
        ASN1_IA5STRING_free(value);
        value = NULL;
    }
    return sallyport_add_name(names, type, value);
}

static inline int sallyport_add_ip_name(GENERAL_NAMES *names, const char *text) {
    return sallyport_add_name(names, GEN_IPADD, a2i_IPADDRESS(text));
}

static inline int sallyport_is_ip_address(const char *text) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    ASN1_OCTET_STRING_free(address);
    return address != NULL;
}

// ---- Stacks of certificates

// Takes a reference to every certificate it is given.
static inline STACK_OF(X509) *sallyport_x509_stack(void) { return sk_X509_new_null(); }
static inline int sallyport_x509_push(STACK_OF(X509) *stack, X509 *certificate) {
    if (X509_up_ref(certificate) != 1) return 0;
    if (sk_X509_push(stack, certificate) > 0) return 1;
    X509_free(certificate);
    return 0;
}
static inline int sallyport_x509_count(const STACK_OF(X509) *stack) { return sk_X509_num(stack); }
static inline X509 *sallyport_x509_at(const STACK_OF(X509) *stack, int index) {
    return sk_X509_value(stack, index);
}
static inline void sallyport_x509_stack_free(STACK_OF(X509) *stack) { sk_X509_pop_free(stack, X509_free); }
static inline void sallyport_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }
static inline int sallyport_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *sallyport_name_at(const GENERAL_NAMES *names, int index) {
    return sk_GENERAL_NAME_value(names, index);
}

// ---- TLS contexts

// One place for what every context has in common: no renegotiation, compression, tickets, session cache or
// early data; buffers given back when idle; our own chain and nothing added to it.
static inline int sallyport_harden(SSL_CTX *context, int oldest) {
    SSL_CTX_set_options(context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_clear_options(context, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_mode(context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(context, 2);
    return SSL_CTX_set_min_proto_version(context, oldest) == 1
        && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1
        && SSL_CTX_set_num_tickets(context, 0) == 1
        && SSL_CTX_set_max_early_data(context, 0) == 1
        && SSL_CTX_set_recv_max_early_data(context, 0) == 1
        && SSL_CTX_set_ciphersuites(context,
            "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1
        && SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1
        && SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1
        && SSL_CTX_set1_sigalgs_list(context,
            "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519:"
            "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
            "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512") == 1;
}

static inline void sallyport_set_certificate_bytes_max(SSL_CTX *context, long bytes) {
    SSL_CTX_set_max_cert_list(context, bytes);
}

static inline void sallyport_limit_to_tls12(SSL_CTX *context) {
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

static inline int sallyport_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name) == 1;
}

// What a session keeps for its callbacks.
static inline int sallyport_set_owner(SSL *ssl, void *owner) { return SSL_set_app_data(ssl, owner); }
static inline void *sallyport_owner(X509_STORE_CTX *context) {
    SSL *ssl = (SSL *)X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
    return ssl != NULL ? SSL_get_app_data(ssl) : NULL;
}

// ---- Path building

// Key identifiers help to build a path and prove nothing (RFC 5280 §4.2.1.1, §4.2.1.2), and of a trust anchor only name
// and key count (§6.1.1 d). X509_V_FLAG_X509_STRICT wants more than that of certificates that many authorities issue.
static int sallyport_without_form_of_anchors(int ok, X509_STORE_CTX *context) {
    if (ok) return 1;
    int depth = X509_STORE_CTX_get_error_depth(context);
    int is_anchor = depth == sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;
    switch (X509_STORE_CTX_get_error(context)) {
    case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
    case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
        break;
    case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
    case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
        if (!is_anchor) return 0;
        break;
    default:
        return 0;
    }
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

static inline void sallyport_allow_missing_key_identifiers(X509_STORE_CTX *context) {
    X509_STORE_CTX_set_verify_cb(context, sallyport_without_form_of_anchors);
}

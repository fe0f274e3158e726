// Function-like macros of OpenSSL are not imported into Swift; each one in use has a `static inline` name here.
#include "shim_keys.h"
#include "shim_tls.h"

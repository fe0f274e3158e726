// PCRE2 wants the code unit width before its header is read; Swift then calls the `_8` functions.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

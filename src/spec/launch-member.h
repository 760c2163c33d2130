/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Nested documents by tables: a row per member says how it is called, what it may be and where it lives in
 * the struct, so that an OCI configuration is read, written and freed by one walk. Where base/json's rows
 * hold flat records, these nest, have ranges and enumerations, and every refusal names the member's whole
 * path
 * ("linux.devices[3].major"). */

#include "base/json.h"
#include "spec/error.h"

#define MEMBER_LIST_MAX 65536U

/* Numbers that need not be there, where absent is not zero. */
typedef struct OptionalI64 {
        bool set;
        int64_t value;
} OptionalI64;

typedef struct OptionalU64 {
        bool set;
        uint64_t value;
} OptionalU64;

typedef struct U32List {
        uint32_t *values;
        size_t n;
} U32List;

typedef enum MemberType {
        MEMBER_STRING,       /* char * */
        MEMBER_PATH,         /* char *: absolute, shorter than PATH_MAX */
        MEMBER_BOOL,         /* bool */
        MEMBER_U32,          /* uint32_t */
        MEMBER_I64,          /* int64_t */
        MEMBER_U64,          /* uint64_t; above INT64_MAX as a string of digits */
        MEMBER_OPTIONAL_I64, /* OptionalI64 */
        MEMBER_OPTIONAL_U64, /* OptionalU64 */
        MEMBER_LIMIT,        /* uint64_t: -1 and 2^64-1 are "unlimited" */
        MEMBER_STRV,         /* char ** */
        MEMBER_MAP,          /* Map * of strings */
        MEMBER_JSON,         /* json_t *: an object, kept as it is */
        MEMBER_NAME,         /* int64_t: one of names; 0: none */
        MEMBER_FLAGS,        /* uint64_t: a list of names, each a value to be ORed */
        MEMBER_U32_LIST,     /* U32List */
        MEMBER_CAPABILITIES, /* uint64_t: a list of names, bit = number */
        MEMBER_OBJECT,       /* an embedded struct with a table of its own */
        MEMBER_ARRAY,        /* pointer to structs with a table; their number is at count */
        MEMBER_KEYED,        /* the same from an object; the key is the struct's member at table->key */
        MEMBER_OWN,          /* by functions of the row's */
        _MEMBER_TYPE_MAX,
} MemberType;

typedef struct MemberName {
        const char *name;
        int64_t value;
} MemberName;

/* Where a member stands, for messages: a chain of frames on the stack. */
typedef struct MemberWhere {
        const struct MemberWhere *up;
        const char *name; /* NULL: an element of the list above */
        size_t index;
} MemberWhere;

typedef struct Member Member;
typedef struct MemberTable MemberTable;

typedef struct MemberOwn {
        int (*read)(const Member *m, const json_t *v, void *object, const MemberWhere *where, Error *error);
        json_t *(*write)(const Member *m, const void *object);
        void (*done)(const Member *m, void *object);
} MemberOwn;

struct Member {
        const char *name;
        MemberType type;
        size_t offset;
        size_t has;   /* of a bool that is set when the member is there; 0: none, it cannot be the first */
        size_t count; /* MEMBER_ARRAY, MEMBER_KEYED: of a size_t */
        bool required;
        bool always;      /* written even when it is empty */
        int64_t min, max; /* numbers; both 0: what the type holds. Lists and strings: max elements, bytes */
        const MemberName *names;
        const char *unknown; /* what a name is, for "unknown ..." */
        const MemberTable *table;
        const MemberOwn *own;
};

struct MemberTable {
        const Member *members;
        size_t n;
        size_t size;         /* of an element */
        const void *initial; /* of an element; NULL: zeros */
        size_t key;          /* MEMBER_KEYED: offset of a char * */
        int (*check)(const void *object, const MemberWhere *where, Error *error);
};

#define MEMBER_TABLE(rows, type, ...)                                                                        \
        {                                                                                                    \
                .members = (rows), .n = ELEMENTSOF(rows), .size = sizeof(type), __VA_ARGS__                  \
        }

/* The document called name (it stands in front of every path; NULL: nothing does). Fields already assigned
 * before a failure stay in the struct: its destructor frees them. */
int members_read(const json_t *v, const char *name, const MemberTable *table, void *object, Error *error);
/* NULL: out of memory. */
json_t *members_write(const MemberTable *table, const void *object);
void members_done(const MemberTable *table, void *object);

/* For checks: ERROR_INVALID_ARGUMENT (or ERROR_LIMIT) "PATH.name: message"; name may be NULL. */
int member_invalid(const MemberWhere *where, const char *name, Error *error, const char *format, ...)
        _printf_(4, 5);

const MemberName *member_name_find(const MemberName *names, const char *name);

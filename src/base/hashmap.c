/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chains of entries per bucket, and one list through all entries in the order of insertion. Keys come from
 * strangers (label names, file names), so the hash is SipHash under a key that they cannot know: the 16
 * random bytes that the kernel gives to every program at its start. */

#include <sys/auxv.h>

#include "base/hashmap.h"

#define BUCKETS_MIN 8U

struct MapEntry {
        MapEntry *chain;
        MapEntry *previous, *next;
        uint64_t hash;
        void *value;
        char key[];
};

struct Map {
        MapFree destroy;
        MapEntry **buckets;
        size_t n_buckets; /* a power of two */
        size_t size;
        MapEntry *first, *last;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
        return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[static 4])
{
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
}

/* SipHash-1-3: one round per word, three at the end. */
static uint64_t sip_hash(const char *s, const uint64_t key[static 2])
{
        uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                         key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
        size_t size = strlen(s), n;
        uint64_t word;

        for (size_t at = 0;; at += sizeof(word)) {
                n = MIN(size - at, sizeof(word));
                word = n < sizeof(word) ? (uint64_t) size << 56 : 0;
                memcpy(&word, s + at, n);
                v[3] ^= word;
                sip_round(v);
                v[0] ^= word;
                if (n < sizeof(word))
                        break;
        }
        v[2] ^= 0xff;
        for (unsigned i = 0; i < 3; i++)
                sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_key(const char *s)
{
        static uint64_t key[2];

        if (key[0] == 0) {
                const void *random = (const void *) getauxval(AT_RANDOM);

                assert(random);
                memcpy(key, random, sizeof(key));
                key[0] |= 1;
        }
        return sip_hash(s, key);
}

Map *map_new(MapFree destroy)
{
        Map *m = calloc(1, sizeof(Map));

        if (m)
                m->destroy = destroy;
        return m;
}

Map *map_free(Map *m)
{
        if (!m)
                return NULL;
        MAP_FOREACH(e, m) {
                if (m->destroy)
                        m->destroy(e->value);
                free((MapEntry *) e);
        }
        free(m->buckets);
        free(m);
        return NULL;
}

/* The place that points to the entry of the key, or to the end of its chain. */
static MapEntry **find(const Map *m, const char *key, uint64_t hash)
{
        MapEntry **at = &m->buckets[hash & (m->n_buckets - 1)];

        while (*at && ((*at)->hash != hash || !streq((*at)->key, key)))
                at = &(*at)->chain;
        return at;
}

static MapEntry *lookup(const Map *m, const char *key)
{
        return m && m->size > 0 ? *find(m, key, hash_key(key)) : NULL;
}

static int grow(Map *m)
{
        size_t n = m->n_buckets > 0 ? 2 * m->n_buckets : BUCKETS_MIN;
        MapEntry **buckets = calloc(n, sizeof(MapEntry *));

        if (!buckets)
                return -ENOMEM;
        for (MapEntry *e = m->first; e; e = e->next) {
                MapEntry **bucket = &buckets[e->hash & (n - 1)];

                e->chain = *bucket;
                *bucket = e;
        }
        free(m->buckets);
        m->buckets = buckets;
        m->n_buckets = n;
        return 0;
}

static int insert(Map *m, const char *key, void *value)
{
        size_t size = strlen(key) + 1;
        MapEntry *e;
        int r;

        if (m->size >= m->n_buckets) {
                r = grow(m);
                if (r < 0)
                        return r;
        }
        e = malloc(sizeof(MapEntry) + size);
        if (!e)
                return -ENOMEM;
        *e = (MapEntry){.hash = hash_key(key), .value = value, .previous = m->last};
        memcpy(e->key, key, size);
        *find(m, e->key, e->hash) = e;
        *(m->last ? &m->last->next : &m->first) = e;
        m->last = e;
        m->size++;
        return 0;
}

int map_put(Map *m, const char *key, void *value)
{
        MapEntry *e = lookup(m, key);
        void *old;

        if (!e)
                return insert(m, key, value);
        old = TAKE(e->value, value);
        if (m->destroy && old != value)
                m->destroy(old);
        return 0;
}

int map_add(Map *m, const char *key, void *value)
{
        return lookup(m, key) ? -EEXIST : insert(m, key, value);
}

void *map_get(const Map *m, const char *key)
{
        MapEntry *e = lookup(m, key);

        return e ? e->value : NULL;
}

bool map_has(const Map *m, const char *key)
{
        return lookup(m, key);
}

/* Takes the entry out of its chain and out of the list; it is the caller's then. */
static MapEntry *detach(Map *m, const char *key)
{
        MapEntry **at, *e;

        if (!m || m->size == 0)
                return NULL;
        at = find(m, key, hash_key(key));
        e = *at;
        if (!e)
                return NULL;
        *at = e->chain;
        *(e->previous ? &e->previous->next : &m->first) = e->next;
        *(e->next ? &e->next->previous : &m->last) = e->previous;
        m->size--;
        return e;
}

bool map_remove(Map *m, const char *key)
{
        _cleanup_free_ MapEntry *e = detach(m, key);

        if (e && m->destroy)
                m->destroy(e->value);
        return e;
}

void *map_steal(Map *m, const char *key)
{
        _cleanup_free_ MapEntry *e = detach(m, key);

        return e ? e->value : NULL;
}

size_t map_size(const Map *m)
{
        return m ? m->size : 0;
}

const MapEntry *map_first(const Map *m)
{
        return m ? m->first : NULL;
}

const MapEntry *map_next(const MapEntry *e)
{
        return e->next;
}

const char *map_key(const MapEntry *e)
{
        return e->key;
}

void *map_value(const MapEntry *e)
{
        return e->value;
}

Map *map_new_strings(void)
{
        return map_new(free);
}

int map_put_string(Map *m, const char *key, const char *value)
{
        _cleanup_free_ char *copy = strdup(value);
        int r;

        if (!copy)
                return -ENOMEM;
        r = map_put(m, key, copy);
        if (r < 0)
                return r;
        TAKE_PTR(copy);
        return 0;
}

int map_copy_strings(const Map *m, Map **ret)
{
        _cleanup_(map_freep) Map *copy = NULL;
        int r;

        if (m) {
                copy = map_new_strings();
                if (!copy)
                        return -ENOMEM;
        }
        MAP_FOREACH(e, m) {
                r = map_put_string(copy, map_key(e), map_value(e));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

bool map_equal_strings(const Map *a, const Map *b)
{
        if (map_size(a) != map_size(b))
                return false;
        MAP_FOREACH(e, a)
                if (!streq_ptr(map_value(e), map_get(b, map_key(e))))
                        return false;
        return true;
}

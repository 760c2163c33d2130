/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A ring of slots between two threads. The producer fills the slot after the last full one, the consumer
 * holds the first full one until it asks for the next. The stream's error belongs to the producer until it
 * has ended. */

#include <pthread.h>

#include "engine/pump.h"

#define SLOTS 8U

typedef struct Slot {
        size_t size;
        char data[STREAM_CHUNK];
} Slot;

struct Pump {
        Stream *in;
        pthread_t thread;
        bool running;
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        unsigned first; /* the consumer's */
        unsigned n_full;
        bool held; /* the consumer reads the first slot */
        bool ended;
        bool stopped;
        int failed;
        Error error;
        Slot slots[SLOTS];
};

/* A slot to fill, NULL when nobody wants it any more. */
static Slot *next_free(Pump *p)
{
        Slot *slot;

        (void) pthread_mutex_lock(&p->mutex);
        while (p->n_full == SLOTS && !p->stopped)
                (void) pthread_cond_wait(&p->changed, &p->mutex);
        slot = p->stopped ? NULL : &p->slots[(p->first + p->n_full) % SLOTS];
        (void) pthread_mutex_unlock(&p->mutex);
        return slot;
}

static void filled(Pump *p)
{
        (void) pthread_mutex_lock(&p->mutex);
        p->n_full++;
        (void) pthread_cond_signal(&p->changed);
        (void) pthread_mutex_unlock(&p->mutex);
}

static void ended(Pump *p, int failed)
{
        (void) pthread_mutex_lock(&p->mutex);
        p->ended = true;
        p->failed = failed;
        (void) pthread_cond_signal(&p->changed);
        (void) pthread_mutex_unlock(&p->mutex);
}

/* Small pieces are collected, so that the threads meet once per slot. */
static void *produce(void *userdata)
{
        Pump *p = userdata;
        const char *data = NULL;
        ssize_t left = 0;
        Slot *slot;

        while ((slot = next_free(p))) {
                slot->size = 0;
                while (slot->size < STREAM_CHUNK) {
                        size_t n;

                        if (left == 0) {
                                const void *piece;

                                left = stream_read(p->in, &piece, &p->error);
                                if (left <= 0)
                                        break;
                                data = piece;
                        }
                        n = MIN(STREAM_CHUNK - slot->size, (size_t) left);
                        memcpy(slot->data + slot->size, data, n);
                        slot->size += n;
                        data += n;
                        left -= (ssize_t) n;
                }
                if (slot->size > 0)
                        filled(p);
                if (left <= 0 && slot->size < STREAM_CHUNK)
                        break;
        }
        ended(p, (int) MIN(left, (ssize_t) 0));
        return NULL;
}

int pump_start(Stream *in, Pump **ret)
{
        _cleanup_(pump_freep) Pump *p = malloc(sizeof(Pump));
        int r;

        if (!p)
                return -ENOMEM;
        memset(p, 0, offsetof(Pump, slots));
        p->in = in;
        (void) pthread_mutex_init(&p->mutex, NULL);
        (void) pthread_cond_init(&p->changed, NULL);
        r = pthread_create(&p->thread, NULL, produce, p);
        if (r > 0)
                return -r;
        p->running = true;
        *ret = TAKE_PTR(p);
        return 0;
}

ssize_t pump_read(Pump *p, const void **ret)
{
        ssize_t n;

        (void) pthread_mutex_lock(&p->mutex);
        if (TAKE(p->held, false)) {
                p->first = (p->first + 1) % SLOTS;
                p->n_full--;
                (void) pthread_cond_signal(&p->changed);
        }
        while (p->n_full == 0 && !p->ended)
                (void) pthread_cond_wait(&p->changed, &p->mutex);
        if (p->n_full > 0) {
                p->held = true;
                *ret = p->slots[p->first].data;
                n = (ssize_t) p->slots[p->first].size;
        } else
                n = p->failed;
        (void) pthread_mutex_unlock(&p->mutex);
        return n;
}

int pump_stop(Pump *p, Error *error)
{
        if (TAKE(p->running, false)) {
                (void) pthread_mutex_lock(&p->mutex);
                p->stopped = true;
                (void) pthread_cond_signal(&p->changed);
                (void) pthread_mutex_unlock(&p->mutex);
                (void) pthread_join(p->thread, NULL);
        }
        if (p->failed < 0 && p->error.kind != ERROR_NONE && error && error->kind == ERROR_NONE)
                *error = TAKE(p->error, ERROR_INIT);
        return p->failed;
}

Pump *pump_free(Pump *p)
{
        if (!p)
                return NULL;
        (void) pump_stop(p, NULL);
        error_done(&p->error);
        (void) pthread_cond_destroy(&p->changed);
        (void) pthread_mutex_destroy(&p->mutex);
        free(p);
        return NULL;
}

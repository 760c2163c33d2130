/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blobs are independent of each other, and each is mostly waiting: so every worker is a thread that takes the
 * next one that nobody has, with a connection of its own. */

#include "engine/registry-private.h"

typedef struct Work {
        const Transfers *t;
        pthread_mutex_t lock; /* of all below */
        size_t next;
        int result; /* of the first that failed */
        Error error;
} Work;

struct Meter {
        Work *work;
        size_t item;
};

void meter_move(Meter *m, int64_t bytes)
{
        if (!m)
                return;
        (void) pthread_mutex_lock(&m->work->lock);
        /* Unsigned numbers go down by going round. */
        progress_advance(m->work->t->progress, m->item, (uint64_t) bytes);
        (void) pthread_mutex_unlock(&m->work->lock);
}

static void set_state(Work *w, size_t i, ProgressState state)
{
        (void) pthread_mutex_lock(&w->lock);
        progress_set(w->t->progress, i, state);
        (void) pthread_mutex_unlock(&w->lock);
}

/* False: there is no more to do. */
static bool take_next(Work *w, size_t *ret)
{
        bool more;

        (void) pthread_mutex_lock(&w->lock);
        more = w->result >= 0 && w->next < w->t->n;
        if (more)
                *ret = w->next++;
        (void) pthread_mutex_unlock(&w->lock);
        return more;
}

static void take_failure(Work *w, int r, Error *error)
{
        (void) pthread_mutex_lock(&w->lock);
        if (w->result >= 0) {
                w->result = r;
                w->error = TAKE(*error, ERROR_INIT);
        }
        (void) pthread_mutex_unlock(&w->lock);
        w->t->cancel(w->t->userdata);
}

static int run_one(Work *w, Http *h, size_t i)
{
        _cleanup_error_ Error error = ERROR_INIT;
        Meter meter = {w, i};
        int r;

        set_state(w, i, PROGRESS_WORKING);
        r = w->t->run(w->t->userdata, h, w->t->blobs[i], &meter, &error);
        if (r < 0)
                take_failure(w, r, &error);
        else
                set_state(w, i, r > 0 ? PROGRESS_EXISTS : PROGRESS_DONE);
        return r;
}

static void *work(void *userdata)
{
        _cleanup_(http_freep) Http *h = http_new();
        Work *w = userdata;
        size_t i;

        if (!h) {
                _cleanup_error_ Error error = ERROR_INIT;

                take_failure(w, -ENOMEM, &error);
        }
        while (h && take_next(w, &i))
                if (run_one(w, h, i) < 0)
                        break;
        return NULL;
}

/* The first thread is the caller's. */
static void run_threads(Work *w)
{
        pthread_t threads[FETCH_PARALLEL_MAX];
        size_t wanted = (size_t) MIN(w->t->order->parallel, (uint64_t) w->t->n), n = 0;

        while (n + 1 < wanted && pthread_create(&threads[n], NULL, work, w) == 0)
                n++;
        (void) work(w);
        while (n > 0)
                (void) pthread_join(threads[--n], NULL);
}

int transfers_run(const Transfers *t, Error *error)
{
        Work w = {.t = t, .lock = PTHREAD_MUTEX_INITIALIZER};

        for (size_t i = 0; i < t->n; i++)
                if (progress_add(t->progress, t->blobs[i]->digest, t->blobs[i]->size) < 0)
                        return -ENOMEM;
        run_threads(&w);
        (void) pthread_mutex_destroy(&w.lock);
        if (w.result < 0)
                w.result = registry_fail(error, &w.error, w.result);
        error_done(&w.error);
        return w.result;
}

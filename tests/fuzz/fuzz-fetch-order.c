/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An order that is accepted is written so that it is read as the same. */

#include "fuzz.h"
#include "spec/fetch-order.h"

static void check_verb(const json_t *v, FetchVerb verb)
{
        _cleanup_fetch_order_ FetchOrder *order = NULL, *again = NULL;
        _cleanup_json_ json_t *written = NULL, *rewritten = NULL;
        _cleanup_error_ Error error = ERROR_INIT;

        if (fetch_order_from_json(v, verb, &order, &error) < 0) {
                MUST(error.kind == ERROR_INVALID_ARGUMENT);
                return;
        }
        written = fetch_order_to_json(order);
        MUST(written);
        MUST(order->no_retry || order->retry > 0);
        MUST(fetch_order_from_json(written, verb, &again, NULL) >= 0);
        rewritten = fetch_order_to_json(again);
        MUST(rewritten && json_equal(written, rewritten));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ json_t *v = NULL;

        if (json_parse((const char *) data, size, &v, NULL) < 0)
                return 0;
        for (FetchVerb verb = 0; verb < _FETCH_VERB_MAX; verb++)
                check_verb(v, verb);
        return 0;
}

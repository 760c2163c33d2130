/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Two ends of a socket that talk D-Bus with each other, for tests of what is on the bus without a bus. */

#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "test.h"

typedef struct BusPair {
        sd_bus *server, *client;
} BusPair;

static inline void bus_pair_done(BusPair *p)
{
        sd_bus_close_unref(p->client);
        sd_bus_close_unref(p->server);
}
#define _cleanup_bus_pair_ _cleanup_(bus_pair_done)

static inline sd_bus *bus_pair_end(int fd, bool server)
{
        sd_bus *bus = NULL;

        CHECK_OK(sd_bus_new(&bus));
        CHECK_OK(sd_bus_set_fd(bus, fd, fd));
        if (server)
                CHECK_OK(sd_bus_set_server(bus, true, (sd_id128_t){}));
        CHECK_OK(sd_bus_negotiate_fds(bus, true));
        CHECK_OK(sd_bus_start(bus));
        return bus;
}

static inline void bus_pair_open(BusPair *p)
{
        int fds[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) >= 0);
        p->server = bus_pair_end(fds[0], true);
        p->client = bus_pair_end(fds[1], false);
}

/* Lets both talk until neither has anything to say. */
static inline void bus_pair_run(BusPair *p)
{
        unsigned idle = 0;

        while (idle < 3) {
                int r = sd_bus_process(p->client, NULL), k = sd_bus_process(p->server, NULL);

                CHECK(r >= 0 && k >= 0);
                idle = r == 0 && k == 0 ? idle + 1 : 0;
        }
}

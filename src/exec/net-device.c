/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel moves a device bare: its permanent addresses are read before and given to it again. One request,
 * one answer, on plain netlink sockets; what the answer says about its own length is not believed. */

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/array.h"
#include "exec/net-device.h"

#define ANSWER_MAX 32768U
#define ATTRIBUTE_MAX 64U
#define ADDRESS_MAX 16U
#define ADDRESSES_MAX 4096U

typedef struct Request {
        struct nlmsghdr header;
        union {
                struct ifinfomsg link;
                struct ifaddrmsg address;
        };
        char attributes[256];
} Request;

typedef struct Bytes {
        unsigned char bytes[ADDRESS_MAX];
        size_t n;
} Bytes;

typedef struct Address {
        unsigned char family, prefix;
        Bytes parts[IFA_BROADCAST + 1]; /* IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST */
} Address;

typedef struct Addresses {
        uint32_t link;
        Address *list;
        size_t n;
} Addresses;

static void addresses_done(Addresses *a)
{
        free(a->list);
}

static int open_netlink(void)
{
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        return fd < 0 ? -errno : fd;
}

static Request request_link(uint16_t type, uint16_t flags, uint32_t index)
{
        return (Request){.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                    .nlmsg_type = type,
                                    .nlmsg_flags = NLM_F_REQUEST | flags},
                         .link = {.ifi_family = AF_UNSPEC, .ifi_index = (int) index}};
}

/* False: it does not fit. */
static bool add_attribute(Request *r, uint16_t type, const void *data, size_t size)
{
        size_t at = NLMSG_ALIGN(r->header.nlmsg_len);
        struct rtattr a = {.rta_len = (uint16_t) RTA_LENGTH(size), .rta_type = type};

        if (size > ATTRIBUTE_MAX || at + RTA_SPACE(size) > sizeof(*r))
                return false;
        memcpy((char *) r + at, &a, sizeof(a));
        memcpy((char *) r + at + RTA_LENGTH(0), data, size);
        r->header.nlmsg_len = (uint32_t) (at + RTA_SPACE(size));
        return true;
}

/* Called for each message of the answer; 1: enough. */
typedef int (*Answer)(const struct nlmsghdr *h, size_t size, void *userdata);

static int read_messages(const char *data, size_t size, Answer answer, void *userdata, bool *ret_end)
{
        while (size >= sizeof(struct nlmsghdr)) {
                const struct nlmsghdr *h = (const struct nlmsghdr *) (const void *) data;
                size_t step = NLMSG_ALIGN(h->nlmsg_len);
                int r;

                if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > size)
                        return -EBADMSG;
                *ret_end = h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE ||
                           !(h->nlmsg_flags & NLM_F_MULTI);
                if (h->nlmsg_type == NLMSG_ERROR)
                        return h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))
                                       ? -EBADMSG
                                       : ((const struct nlmsgerr *) NLMSG_DATA(h))->error;
                r = h->nlmsg_type == NLMSG_DONE || !answer ? 0 : answer(h, h->nlmsg_len, userdata);
                if (r < 0)
                        return r;
                data += MIN(step, size);
                size -= MIN(step, size);
        }
        return 0;
}

static int ask(int fd, const Request *request, Answer answer, void *userdata)
{
        _cleanup_free_ char *buffer = malloc(ANSWER_MAX);
        bool end = false;
        int r = 0;

        if (!buffer)
                return -ENOMEM;
        if (send(fd, request, request->header.nlmsg_len, 0) < 0)
                return -errno;
        while (r >= 0 && !end) {
                ssize_t n = recv(fd, buffer, ANSWER_MAX, MSG_TRUNC);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                r = (size_t) n > ANSWER_MAX ? -EMSGSIZE
                                            : read_messages(buffer, (size_t) n, answer, userdata, &end);
        }
        return r;
}

static int take_index(const struct nlmsghdr *h, size_t size, void *userdata)
{
        if (h->nlmsg_type != RTM_NEWLINK || size < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
                return 0;
        *(uint32_t *) userdata = (uint32_t) ((const struct ifinfomsg *) NLMSG_DATA(h))->ifi_index;
        return 0;
}

static int find_link(int fd, const char *name, uint32_t *ret)
{
        Request r = request_link(RTM_GETLINK, 0, 0);
        uint32_t index = 0;
        int n;

        if (!add_attribute(&r, IFLA_IFNAME, name, strlen(name) + 1))
                return -ENAMETOOLONG;
        n = ask(fd, &r, take_index, &index);
        if (n >= 0 && index == 0)
                n = -ENODEV;
        if (n >= 0)
                *ret = index;
        return n;
}

/* The attributes of an address; returns its flags. */
static uint32_t take_attributes(const char *p, size_t left, uint32_t flags, Address *a)
{
        struct rtattr t;

        while (left >= sizeof(t)) {
                size_t step, n;

                memcpy(&t, p, sizeof(t));
                if (t.rta_len < RTA_LENGTH(0) || t.rta_len > left)
                        break;
                n = t.rta_len - RTA_LENGTH(0);
                if (t.rta_type == IFA_FLAGS && n == sizeof(flags))
                        memcpy(&flags, p + RTA_LENGTH(0), sizeof(flags));
                if (t.rta_type < ELEMENTSOF(a->parts) && n <= ADDRESS_MAX) {
                        memcpy(a->parts[t.rta_type].bytes, p + RTA_LENGTH(0), n);
                        a->parts[t.rta_type].n = n;
                }
                step = MIN((size_t) RTA_ALIGN(t.rta_len), left);
                p += step;
                left -= step;
        }
        return flags;
}

static int take_address(const struct nlmsghdr *h, size_t size, void *userdata)
{
        const struct ifaddrmsg *m = NLMSG_DATA(h);
        const size_t head = NLMSG_SPACE(sizeof(*m));
        Addresses *all = userdata;
        Address a = {};
        uint32_t flags;

        if (h->nlmsg_type != RTM_NEWADDR || size < head || m->ifa_index != all->link ||
            m->ifa_scope != RT_SCOPE_UNIVERSE)
                return 0;
        a.family = m->ifa_family;
        a.prefix = m->ifa_prefixlen;
        flags = take_attributes((const char *) h + head, size - head, m->ifa_flags, &a);
        if (!(flags & IFA_F_PERMANENT))
                return 0;
        if (all->n >= ADDRESSES_MAX || !GROW(all->list, all->n))
                return -ENOMEM;
        all->list[all->n++] = a;
        return 0;
}

static int read_addresses(int fd, Addresses *ret)
{
        Request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                                .nlmsg_type = RTM_GETADDR,
                                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

        return ask(fd, &r, take_address, ret);
}

static int move_link(int host, uint32_t index, const char *name)
{
        Request r = request_link(RTM_NEWLINK, NLM_F_ACK, index);
        _cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        uint32_t fd = (uint32_t) own;

        if (own < 0)
                return -errno;
        if (!add_attribute(&r, IFLA_NET_NS_FD, &fd, sizeof(fd)) ||
            !add_attribute(&r, IFLA_IFNAME, name, strlen(name) + 1))
                return -ENAMETOOLONG;
        return ask(host, &r, NULL, NULL);
}

static int give_address(int fd, uint32_t index, const Address *a)
{
        Request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                                .nlmsg_type = RTM_NEWADDR,
                                .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
                     .address = {.ifa_family = a->family, .ifa_prefixlen = a->prefix, .ifa_index = index}};

        for (uint16_t i = IFA_ADDRESS; i < ELEMENTSOF(a->parts); i++)
                if (i != IFA_LABEL && a->parts[i].n > 0 &&
                    !add_attribute(&r, i, a->parts[i].bytes, a->parts[i].n))
                        return -EMSGSIZE;
        return ask(fd, &r, NULL, NULL);
}

static int set_up(int fd, uint32_t index)
{
        Request r = request_link(RTM_NEWLINK, NLM_F_ACK, index);

        r.link.ifi_flags = r.link.ifi_change = IFF_UP;
        return ask(fd, &r, NULL, NULL);
}

static int move_device(int host, int own, const LaunchNetDevice *d)
{
        const char *name = d->name && *d->name ? d->name : d->host_name;
        _cleanup_(addresses_done) Addresses all = {};
        uint32_t index;
        int r;

        r = find_link(host, d->host_name, &all.link);
        if (r >= 0)
                r = read_addresses(host, &all);
        if (r >= 0)
                r = move_link(host, all.link, name);
        if (r >= 0)
                r = find_link(own, name, &index);
        for (size_t i = 0; r >= 0 && i < all.n; i++)
                r = give_address(own, index, &all.list[i]);
        return r < 0 ? r : set_up(own, index);
}

int net_device_open(const Launch *l, int *ret, Error *error)
{
        int fd;

        if (l->n_net_devices == 0)
                return 0;
        if (!(l->namespaces & 1U << LAUNCH_NS_NETWORK))
                return error_set(error, ERROR_INVALID_ARGUMENT,
                                 "linux.netDevices without a network namespace");
        if (l->namespaces & 1U << LAUNCH_NS_USER)
                return error_set(error, ERROR_NOT_SUPPORTED, "linux.netDevices with a user namespace");
        fd = open_netlink();
        if (fd < 0)
                return error_set_errno(error, fd, "Cannot reach the host's network");
        *ret = fd;
        return 0;
}

int net_device_move(int host, const Launch *l, Error *error)
{
        _cleanup_close_ int own = host < 0 ? -EBADF : open_netlink();

        if (host < 0)
                return 0;
        if (own < 0)
                return error_set_errno(error, own, "Cannot reach the container's network");
        for (size_t i = 0; i < l->n_net_devices; i++) {
                int r = move_device(host, own, &l->net_devices[i]);

                if (r < 0)
                        return error_set(error, ERROR_START_FAILED, "Cannot move the network device %s: %s",
                                         l->net_devices[i].host_name, strerror(-r));
        }
        return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every parser reads with one cursor from the left and accepts only what it read to the end; none depends on
 * the locale or skips blanks as strtol() does. Sizes and time spans share the number with a fraction and a
 * unit. */

#include <ctype.h>
#include <signal.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/parse.h"

#define FRACTION_DIGITS_MAX 9U
#define SIGNAL_MAX 64

typedef unsigned __int128 Wide;

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

int parse_bool(const char *s, bool *ret)
{
        static const char *const words[][2] = {
                {"0", "1"}, {"no", "yes"}, {"n", "y"}, {"false", "true"}, {"f", "t"}, {"off", "on"},
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                for (size_t value = 0; value < 2; value++)
                        if (strcasecmp(s, words[i][value]) == 0) {
                                *ret = value;
                                return 0;
                        }
        return -EINVAL;
}

/* Reads digits at *s and moves behind them. -ERANGE: more than 64 bits. */
static int read_digits(const char **s, unsigned base, uint64_t *ret)
{
        const char *start = *s;
        bool overflow = false;
        uint64_t n = 0;

        for (; **s >= '0' && (unsigned) (**s - '0') < base; (*s)++)
                overflow = overflow || __builtin_mul_overflow(n, base, &n) ||
                           __builtin_add_overflow(n, (unsigned) (**s - '0'), &n);
        if (*s == start)
                return -EINVAL;
        if (overflow)
                return -ERANGE;
        *ret = n;
        return 0;
}

/* A whole string of decimal digits. */
static int read_decimal(const char *s, uint64_t *ret)
{
        const char *end = s;
        int r = read_digits(&end, 10, ret);

        if (r == -EINVAL || *end || (s[0] == '0' && s[1]))
                return -EINVAL;
        return r;
}

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
        uint64_t n;
        int r = read_decimal(s, &n);

        if (r < 0)
                return r;
        if (n < min || n > max)
                return -ERANGE;
        *ret = n;
        return 0;
}

int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
        bool negative = *s == '-';
        uint64_t n, limit = negative ? (uint64_t) INT64_MAX + 1 : INT64_MAX;
        int64_t value;
        int r = read_decimal(s + negative, &n);

        if (r < 0)
                return r;
        if (negative && n == 0)
                return -EINVAL;
        if (n > limit)
                return -ERANGE;
        value = (int64_t) (negative ? -n : n);
        if (value < min || value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

int parse_mode(const char *s, mode_t *ret)
{
        uint64_t n;
        int r = read_digits(&s, 8, &n);

        if (r == -EINVAL || *s)
                return -EINVAL;
        if (r < 0 || n > 07777)
                return -ERANGE;
        *ret = (mode_t) n;
        return 0;
}

/* A number with an optional fraction, kept apart until the unit is known. */
typedef struct Decimal {
        uint64_t whole;
        uint64_t fraction;
        uint64_t denominator; /* of the fraction; 1: there is none */
} Decimal;

static int read_fraction(const char **s, Decimal *ret)
{
        const char *start = ++*s;
        int r = read_digits(s, 10, &ret->fraction);

        if (r < 0 || *s - start > (ptrdiff_t) FRACTION_DIGITS_MAX)
                return -EINVAL;
        for (ptrdiff_t i = *s - start; i > 0; i--)
                ret->denominator *= 10;
        return 0;
}

static int read_number(const char **s, Decimal *ret)
{
        int r;

        *ret = (Decimal){.denominator = 1};
        r = read_digits(s, 10, &ret->whole);
        if (r < 0 || **s != '.')
                return r;
        return read_fraction(s, ret);
}

/* -ERANGE also for the largest value, which means infinity. A fraction of the smallest unit is none. */
static int scale(const Decimal *d, uint64_t factor, uint64_t *ret)
{
        Wide n = (Wide) d->whole * factor + (Wide) d->fraction * factor / d->denominator;

        if (d->denominator > 1 && factor == 1)
                return -EINVAL;
        if (n >= UINT64_MAX)
                return -ERANGE;
        *ret = (uint64_t) n;
        return 0;
}

static const Unit *find_unit(const Unit *units, size_t n, const char *name, size_t length)
{
        for (size_t i = 0; i < n; i++)
                if (strlen(units[i].name) == length && strncasecmp(units[i].name, name, length) == 0)
                        return &units[i];
        return NULL;
}

static const Unit size_units[] = {
        {"P", UINT64_C(1) << 50}, {"T", UINT64_C(1) << 40}, {"G", UINT64_C(1) << 30},
        {"M", UINT64_C(1) << 20}, {"K", UINT64_C(1) << 10}, {"", 1},
};

/* The unit behind a size: nothing, "b", or a letter with "b" or "ib" behind it. */
static const Unit *read_size_unit(const char *s)
{
        size_t length = *s && strchr("kmgtpKMGTP", *s) ? 1 : 0;
        const char *rest = s + length;

        if (*rest && strcasecmp(rest, "b") != 0 && (length == 0 || strcasecmp(rest, "ib") != 0))
                return NULL;
        return find_unit(size_units, ELEMENTSOF(size_units), s, length);
}

int parse_size(const char *s, uint64_t *ret)
{
        const Unit *unit;
        Decimal number;
        int r;

        if (streq(s, "infinity") || streq(s, "-1")) {
                *ret = SIZE_INFINITY;
                return 0;
        }
        r = read_number(&s, &number);
        if (r == -EINVAL)
                return r;
        unit = read_size_unit(s);
        if (!unit)
                return -EINVAL;
        return r < 0 ? r : scale(&number, unit->factor, ret);
}

char *format_size(uint64_t size, char buf[static FORMAT_SIZE_MAX])
{
        const Unit *unit = size_units;

        if (size == SIZE_INFINITY)
                return strcpy(buf, "infinity");
        while (unit->factor > 1 && (size == 0 || size % unit->factor != 0))
                unit++;
        (void) snprintf(buf, FORMAT_SIZE_MAX, "%ju%s", (uintmax_t) (size / unit->factor), unit->name);
        return buf;
}

/* Three significant digits without zeros at the end: "1.5 kB", "103 MB". */
char *format_size_human(uint64_t size, char buf[static FORMAT_SIZE_MAX])
{
        static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
        unsigned scaled, power = 1, digits = 0;
        uint64_t factor = 1;
        size_t unit = 0;

        for (; size / factor + (size % factor * 2 >= factor && factor > 1) >= 1000; factor *= 1000)
                unit++;
        if (unit > 0)
                for (; digits < 2 && size / factor < 100 / power; digits++)
                        power *= 10;
        scaled = (unsigned) (((Wide) size * power + factor / 2) / factor);
        for (; digits > 0 && scaled % 10 == 0; digits--, power /= 10)
                scaled /= 10;
        if (digits == 0)
                (void) snprintf(buf, FORMAT_SIZE_MAX, "%u %s", scaled, units[unit]);
        else
                (void) snprintf(buf, FORMAT_SIZE_MAX, "%u.%0*u %s", scaled / power, (int) digits,
                                scaled % power, units[unit]);
        return buf;
}

/* The first name of each factor is the one that is printed; the nameless one stands for a bare number. */
static const Unit usec_units[] = {
        {"d", USEC_PER_DAY},
        {"day", USEC_PER_DAY},
        {"days", USEC_PER_DAY},
        {"h", USEC_PER_HOUR},
        {"hr", USEC_PER_HOUR},
        {"hour", USEC_PER_HOUR},
        {"hours", USEC_PER_HOUR},
        {"min", USEC_PER_MINUTE},
        {"m", USEC_PER_MINUTE},
        {"minute", USEC_PER_MINUTE},
        {"minutes", USEC_PER_MINUTE},
        {"s", USEC_PER_SEC},
        {"sec", USEC_PER_SEC},
        {"second", USEC_PER_SEC},
        {"seconds", USEC_PER_SEC},
        {"", USEC_PER_SEC},
        {"ms", USEC_PER_MSEC},
        {"msec", USEC_PER_MSEC},
        {"us", 1},
        {"usec", 1},
        {"w", 7 * USEC_PER_DAY},
        {"week", 7 * USEC_PER_DAY},
        {"weeks", 7 * USEC_PER_DAY},
};

static size_t letters(const char *s)
{
        size_t n = 0;

        while (isalpha((unsigned char) s[n]))
                n++;
        return n;
}

/* One number with its unit: "90", "1.5h", "10 min". */
static int read_span(const char **s, uint64_t *ret)
{
        const Unit *unit;
        Decimal number;
        size_t length;
        int r = read_number(s, &number);

        if (r == -EINVAL)
                return r;
        if (**s == ' ' && letters(*s + 1) > 0)
                (*s)++;
        length = letters(*s);
        unit = find_unit(usec_units, ELEMENTSOF(usec_units), *s, length);
        if (!unit)
                return -EINVAL;
        *s += length;
        return r < 0 ? r : scale(&number, unit->factor, ret);
}

int parse_usec(const char *s, uint64_t *ret)
{
        uint64_t sum = 0, n = 0;
        bool overflow = false;
        int r;

        if (streq(s, "infinity")) {
                *ret = USEC_INFINITY;
                return 0;
        }
        do {
                r = read_span(&s, &n);
                if (r == -EINVAL)
                        return r;
                overflow = overflow || r < 0 || __builtin_add_overflow(sum, n, &sum) || sum == USEC_INFINITY;
                if (*s == ' ' && s[1])
                        s++;
        } while (*s);
        if (overflow)
                return -ERANGE;
        *ret = sum;
        return 0;
}

char *format_usec(uint64_t usec, char buf[static FORMAT_USEC_MAX])
{
        uint64_t larger = 0;
        size_t n = 0;

        if (usec == USEC_INFINITY)
                return strcpy(buf, "infinity");
        if (usec == 0)
                return strcpy(buf, "0");
        FOREACH_ELEMENT(unit, usec_units) {
                if (unit->factor == larger || unit->factor > USEC_PER_DAY)
                        continue;
                larger = unit->factor;
                if (usec < unit->factor)
                        continue;
                n += (size_t) snprintf(buf + n, FORMAT_USEC_MAX - n, "%s%ju%s", n > 0 ? " " : "",
                                       (uintmax_t) (usec / unit->factor), unit->name);
                usec %= unit->factor;
        }
        return buf;
}

char *format_usec_human(uint64_t usec, char buf[static FORMAT_USEC_MAX])
{
        static const struct {
                uint64_t below; /* the first row above the span counts */
                uint64_t unit;  /* 0: the text as it stands */
                const char *text;
        } rows[] = {
                {USEC_PER_SEC, 0, "Less than a second"},
                {2 * USEC_PER_SEC, 0, "1 second"},
                {USEC_PER_MINUTE, USEC_PER_SEC, "seconds"},
                {2 * USEC_PER_MINUTE, 0, "About a minute"},
                {USEC_PER_HOUR, USEC_PER_MINUTE, "minutes"},
                {2 * USEC_PER_HOUR, 0, "About an hour"},
                {48 * USEC_PER_HOUR, USEC_PER_HOUR, "hours"},
                {14 * USEC_PER_DAY, USEC_PER_DAY, "days"},
                {60 * USEC_PER_DAY, 7 * USEC_PER_DAY, "weeks"},
                {730 * USEC_PER_DAY, 30 * USEC_PER_DAY, "months"},
                {UINT64_MAX, 365 * USEC_PER_DAY, "years"},
        };
        size_t i = 0;

        while (usec >= rows[i].below && i < ELEMENTSOF(rows) - 1)
                i++;
        if (rows[i].unit == 0)
                return strcpy(buf, rows[i].text);
        (void) snprintf(buf, FORMAT_USEC_MAX, "%ju %s", (uintmax_t) (usec / rows[i].unit), rows[i].text);
        return buf;
}

static int signal_from_name(const char *name)
{
        static const struct {
                const char *name;
                int signal;
        } others[] = {{"CLD", SIGCHLD}, {"IOT", SIGABRT}, {"IO", SIGIO}, {"POLL", SIGPOLL}};

        for (int i = 1; i < SIGRTMIN; i++) {
                const char *known = sigabbrev_np(i);

                if (known && strcasecmp(name, known) == 0)
                        return i;
        }
        FOREACH_ELEMENT(other, others)
                if (strcasecmp(name, other->name) == 0)
                        return other->signal;
        return -EINVAL;
}

/* "RTMIN", "RTMIN+3", "RTMAX-2": counted as the C library does, which keeps the first two for itself. */
static int realtime_signal_from_name(const char *name)
{
        bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
        uint64_t n = 0;
        int r;

        if (!from_min && strncasecmp(name, "RTMAX", 5) != 0)
                return -EINVAL;
        name += 5;
        if (*name) {
                if (*name != (from_min ? '+' : '-'))
                        return -EINVAL;
                r = parse_u64(name + 1, 0, (uint64_t) (SIGRTMAX - SIGRTMIN), &n);
                if (r < 0)
                        return r;
        }
        return from_min ? SIGRTMIN + (int) n : SIGRTMAX - (int) n;
}

int parse_signal(const char *s, int *ret)
{
        uint64_t n;
        int r;

        if (isdigit((unsigned char) *s)) {
                r = parse_u64(s, 1, SIGNAL_MAX, &n);
                if (r < 0)
                        return r;
                *ret = (int) n;
                return 0;
        }
        if (strncasecmp(s, "SIG", 3) == 0)
                s += 3;
        r = strncasecmp(s, "RT", 2) == 0 ? realtime_signal_from_name(s) : signal_from_name(s);
        if (r < 0)
                return r;
        *ret = r;
        return 0;
}

const char *format_signal(int sig, char buf[static FORMAT_SIGNAL_MAX])
{
        const char *name;

        if (sig < 1 || sig > SIGNAL_MAX)
                return NULL;
        name = sigabbrev_np(sig);
        if (name)
                (void) snprintf(buf, FORMAT_SIGNAL_MAX, "SIG%s", name);
        else if (sig == SIGRTMIN)
                (void) strcpy(buf, "SIGRTMIN");
        else if (sig > SIGRTMIN && sig <= SIGRTMAX)
                (void) snprintf(buf, FORMAT_SIGNAL_MAX, "SIGRTMIN+%d", sig - SIGRTMIN);
        else
                (void) snprintf(buf, FORMAT_SIGNAL_MAX, "%d", sig);
        return buf;
}

char *format_time(uint64_t realtime_usec, char buf[static FORMAT_TIME_MAX])
{
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;
        size_t n;

        (void) gmtime_r(&seconds, &tm);
        n = strftime(buf, FORMAT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(buf + n, FORMAT_TIME_MAX - n, ".%06uZ", (unsigned) (realtime_usec % USEC_PER_SEC));
        return buf;
}

/* Exactly so many digits, then the character behind them. */
static int read_field(const char **s, size_t digits, char behind, int *ret)
{
        int n = 0;

        for (; digits > 0; digits--, (*s)++) {
                if (!isdigit((unsigned char) **s))
                        return -EINVAL;
                n = n * 10 + (**s - '0');
        }
        if (behind && *(*s)++ != behind)
                return -EINVAL;
        *ret = n;
        return 0;
}

/* "Z", "+02:00": seconds to the east of Greenwich. */
static int read_zone(const char **s, int *ret)
{
        char sign = *(*s)++;
        int hours, minutes;

        if (sign == 'Z') {
                *ret = 0;
                return 0;
        }
        if (sign != '+' && sign != '-')
                return -EINVAL;
        if (read_field(s, 2, ':', &hours) < 0 || read_field(s, 2, '\0', &minutes) < 0 || hours > 23 ||
            minutes > 59)
                return -EINVAL;
        *ret = (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
        return 0;
}

static int days_in_month(int year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        return days[month - 1] + (month == 2 && leap);
}

int parse_time(const char *s, uint64_t *ret)
{
        Decimal number = {.denominator = 1};
        struct tm tm = {};
        int year, month, zone;
        time_t seconds;

        if (read_field(&s, 4, '-', &year) < 0 || read_field(&s, 2, '-', &month) < 0 ||
            read_field(&s, 2, 'T', &tm.tm_mday) < 0 || read_field(&s, 2, ':', &tm.tm_hour) < 0 ||
            read_field(&s, 2, ':', &tm.tm_min) < 0 || read_field(&s, 2, '\0', &tm.tm_sec) < 0)
                return -EINVAL;
        if (*s == '.' && read_fraction(&s, &number) < 0)
                return -EINVAL;
        if (read_zone(&s, &zone) < 0 || *s)
                return -EINVAL;
        if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > days_in_month(year, month) ||
            tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
                return -EINVAL;
        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        seconds = timegm(&tm) - zone;
        if (seconds < 0)
                return -ERANGE;
        *ret = (uint64_t) seconds * USEC_PER_SEC + number.fraction * USEC_PER_SEC / number.denominator;
        return 0;
}

static uint64_t now(clockid_t clock)
{
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

uint64_t now_realtime(void)
{
        return now(CLOCK_REALTIME);
}

uint64_t now_monotonic(void)
{
        return now(CLOCK_MONOTONIC);
}

int random_hex(size_t n, char *buf)
{
        unsigned char bytes[64];
        size_t chunk;

        for (; n > 0; n -= chunk) {
                chunk = MIN(n, sizeof(bytes));
                if (getrandom(bytes, chunk, 0) != (ssize_t) chunk)
                        return errno > 0 ? -errno : -EIO;
                for (size_t i = 0; i < chunk; i++, buf += 2)
                        (void) snprintf(buf, 3, "%02x", bytes[i]);
        }
        return 0;
}

bool is_hex(const char *s, size_t digits)
{
        return strspn(s, "0123456789abcdef") == digits && s[digits] == '\0';
}

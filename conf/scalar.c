/* SPDX-License-Identifier: MIT
 *
 * conf/scalar.c: durations, sizes, addresses.
 */
#include "conf/scalar.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* value := digit+ unit, without a space. */
static bool number_with_unit(struct str s, const struct unit *units, uint64_t *out)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9') {
        n++;
    }
    int64_t value;
    if (!str_to_i64((struct str){s.ptr, n}, &value)) {
        return false;
    }
    struct str name = {s.ptr + n, s.len - n};
    for (; units->name != NULL; units++) {
        if (str_is(name, units->name)) {
            /* Kept below 2^63, so that sums with a clock do not wrap. */
            return !__builtin_mul_overflow((uint64_t)value, units->factor, out) &&
                   *out <= INT64_MAX;
        }
    }
    return false;
}

bool scalar_duration(struct str s, uint64_t *ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    return number_with_unit(s, units, ms) && *ms <= INT64_MAX / 1000000;
}

bool scalar_size(struct str s, uint64_t *bytes)
{
    static const struct unit units[] = {{"B", 1},
                                        {"KiB", UINT64_C(1) << 10},
                                        {"MiB", UINT64_C(1) << 20},
                                        {"GiB", UINT64_C(1) << 30},
                                        {"TiB", UINT64_C(1) << 40},
                                        {NULL, 0}};
    return number_with_unit(s, units, bytes);
}

bool scalar_bool(struct str s, bool *out)
{
    *out = str_ieq(s, STR("true")) || str_is(s, "on");
    return *out || str_ieq(s, STR("false")) || str_is(s, "off");
}

bool scalar_mode(struct str s, uint32_t *mode)
{
    uint32_t v = 0;
    if (s.len < 3 || s.len > 4) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '7') {
            return false;
        }
        v = v * 8 + (uint32_t)(s.ptr[i] - '0');
    }
    *mode = v;
    return v <= 0777;
}

static bool host_of(struct str s, struct str *host)
{
    if (s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']') {
        s = (struct str){s.ptr + 1, s.len - 2};
    } else if (str_find(s, ':', 0) >= 0) {
        return false;
    }
    *host = s;
    return s.len > 0 && s.len < 256;
}

bool scalar_address(struct str s, struct str *host, uint16_t *port)
{
    size_t colon = s.len;
    while (colon > 0 && s.ptr[colon - 1] != ':') {
        colon--;
    }
    int64_t number;
    if (colon == 0 || !str_to_i64((struct str){s.ptr + colon, s.len - colon}, &number) ||
        number < 1 || number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return host_of((struct str){s.ptr, colon - 1}, host);
}

bool scalar_is_loopback(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    if (host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    struct in6_addr v6;
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return str_is(host, "localhost");
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/carrier_settings.h"

#include "base/context.h"
#include "base/names.h"
#include "base/timestamp.h"

#include <string.h>

#define INTERVAL_DEFAULT (60 * USEC_PER_SEC)
#define INTERVAL_MIN     USEC_PER_SEC
#define INTERVAL_MAX     (24 * 3600 * USEC_PER_SEC)

void carrier_settings_done(CarrierSettings *settings)
{
    json_object_put(settings->root);
    *settings = (CarrierSettings){0};
}

static int invalid(Reason *reason, const char *member, const char *what)
{
    return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "\"%.40s\" of the carrier %s", member,
                      what);
}

/* Printable ASCII that needs no quotes, with a host. A question mark or a user would not survive
 * that paths are appended. */
static bool is_https(const char *url)
{
    size_t prefix = strlen("https://");

    return strncmp(url, "https://", prefix) == 0 && url[prefix] && url[prefix] != '/' &&
           name_made_of(url, ":/.-_~%+[]");
}

/* "dir:/srv/fleet" or "https://example.org/fleet/" */
static int read_location(const char *member, const char *url, Reason *reason,
                         CarrierSettings *settings)
{
    if (strncmp(url, "dir:", strlen("dir:")) == 0) {
        settings->kind = CARRIER_DIR;
        settings->location = url + strlen("dir:");
        return path_canonical(settings->location)
                   ? 0
                   : invalid(reason, member, "needs an absolute path after \"dir:\"");
    }
    settings->kind = CARRIER_HTTPS;
    settings->location = url;
    if (!is_https(url) || url[strlen(url) - 1] != '/')
        return invalid(reason, member, "is not \"dir:/PATH\", \"https://HOST/PATH/\" or \"etcd:\"");
    return 0;
}

static int read_endpoints(struct json_object *array, Reason *reason, CarrierSettings *settings)
{
    size_t count = json_length(array);

    if (count < 1 || count > LIMIT_CARRIER_ENDPOINTS)
        return invalid(reason, "endpoints", "is not a list of 1 to 8 URLs, which etcd needs");
    for (size_t i = 0; i < count; i++) {
        settings->endpoints[i] = json_text(json_object_array_get_idx(array, i));
        if (!settings->endpoints[i] || !is_https(settings->endpoints[i]))
            return invalid(reason, "endpoints", "has an element that is not an https URL");
    }
    settings->endpoint_count = count;
    return 0;
}

static int read_interval(const char *text, Reason *reason, uint64_t *ret)
{
    char length[32] = "+";

    *ret = INTERVAL_DEFAULT;
    if (!text)
        return 0;
    if (strlen(text) < sizeof(length) - 1)
        strcpy(length + 1, text);
    if (timestamp_parse(length, 0, NULL, ret) != 0 || *ret < INTERVAL_MIN || *ret > INTERVAL_MAX)
        return invalid(reason, "interval", "is not a time from 1s to 24h, such as \"60s\"");
    return 0;
}

/* The members' texts. Anything else in OBJECT is an error. */
static int read_texts(struct json_object *object, const char **ret_url,
                      struct json_object **ret_endpoints, const char **ret_interval, Reason *reason,
                      CarrierSettings *settings)
{
    const struct {
        const char *name;
        const char **text;
        bool path;
    } members[] = {
        {"url", ret_url, false},
        {"ca", &settings->ca, true},
        {"certificate", &settings->certificate, true},
        {"key", &settings->key, true},
        {"user", &settings->user, false},
        {"passwordFile", &settings->password_file, true},
        {"reports", &settings->reports, false},
        {"interval", ret_interval, false},
    };

    json_object_object_foreach(object, name, value)
    {
        size_t i = 0;

        if (strcmp(name, "endpoints") == 0) {
            *ret_endpoints = value;
            continue;
        }
        while (i < sizeof(members) / sizeof(members[0]) && strcmp(members[i].name, name) != 0)
            i++;
        if (i == sizeof(members) / sizeof(members[0]))
            return invalid(reason, name, "is unknown");
        *members[i].text = json_text(value);
        if (!*members[i].text || !**members[i].text)
            return invalid(reason, name, "is not a text");
        if (members[i].path && !path_canonical(*members[i].text))
            return invalid(reason, name, "is not an absolute path");
    }
    return 0;
}

/* Which settings fit together. */
static int check(const CarrierSettings *settings, const struct json_object *endpoints,
                 Reason *reason)
{
    if (!settings->certificate != !settings->key)
        return invalid(reason, "certificate", "and \"key\" need each other");
    if (!settings->user != !settings->password_file)
        return invalid(reason, "user", "and \"passwordFile\" need each other");
    if (settings->kind != CARRIER_ETCD && endpoints)
        return invalid(reason, "endpoints", "are for etcd alone");
    if (settings->kind == CARRIER_ETCD && settings->reports)
        return invalid(reason, "reports", "is not for etcd, which takes the reports itself");
    return 0;
}

int carrier_settings_parse(struct json_object *object, Reason *reason, CarrierSettings *ret)
{
    CarrierSettings settings = {.location = ""}, reports;
    struct json_object *endpoints = NULL;
    const char *url = NULL, *interval = NULL;
    int r;

    if (!json_object_is_type(object, json_type_object))
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "the carrier is not an object");
    r = read_texts(object, &url, &endpoints, &interval, reason, &settings);
    if (r != 0)
        return r;
    if (!url)
        return invalid(reason, "url", "is missing");
    if (strcmp(url, "etcd:") == 0) {
        settings.kind = CARRIER_ETCD;
        r = read_endpoints(endpoints, reason, &settings);
    } else {
        r = read_location("url", url, reason, &settings);
    }
    if (r == 0)
        r = read_interval(interval, reason, &settings.interval);
    if (r == 0)
        r = check(&settings, endpoints, reason);
    if (r == 0 && settings.reports)
        r = read_location("reports", settings.reports, reason, &reports);
    if (r != 0)
        return r;
    settings.root = json_object_get(object);
    *ret = settings;
    return 0;
}

int carrier_settings_for_reports(const CarrierSettings *settings, Reason *reason,
                                 CarrierSettings *ret)
{
    CarrierSettings reports = *settings;
    int r = read_location("reports", settings->reports, reason, &reports);

    if (r != 0)
        return r;
    json_object_get(reports.root);
    *ret = reports;
    return 0;
}

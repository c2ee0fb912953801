/* SPDX-License-Identifier: MIT
 *
 * daemon/report_group.c: this daemon as a member of its group, in both reports and in `show`.
 */
#include "daemon/report.h"

const struct report_field report_group_figures[] = {
    {"joined", "cache_group_joined", "1 while this daemon is a member of its group.",
     offsetof(struct sharing_figures, joined)},
    {"whole", "cache_group_whole",
     "1 while all members are heard; else nothing older than a second is served.",
     offsetof(struct sharing_figures, whole)},
    {"members", "cache_group_members", "Daemons of the group, with this one.",
     offsetof(struct sharing_figures, members)},
    {"silent", "cache_group_silent", "Those of them that are not heard.",
     offsetof(struct sharing_figures, silent)},
    {"told", "cache_group_told_total", "Messages of this daemon.",
     offsetof(struct sharing_figures, told)},
    {"heard", "cache_group_heard_total", "Messages of others.",
     offsetof(struct sharing_figures, heard)},
    {"slots_told", "cache_group_slots_told_total", "Slots of which others were told.",
     offsetof(struct sharing_figures, slots_told)},
    {"slots_heard", "cache_group_slots_heard_total", "Slots of which others told.",
     offsetof(struct sharing_figures, slots_heard)},
    {"missed", "cache_group_missed_total",
     "Times that a message may have been missed, and all that was cached was given up.",
     offsetof(struct sharing_figures, missed)},
    {"forgotten", "cache_group_forgotten_total",
     "Members that were silent for so long that they are none.",
     offsetof(struct sharing_figures, forgotten)},
    {"lost", "cache_group_lost_total", "Times that Redis went away.",
     offsetof(struct sharing_figures, lost)},
    {NULL, NULL, NULL, 0},
};

void report_group_json(struct buf *b, const struct report_in *in)
{
    if (in->group == NULL) {
        return;
    }
    BUF_LIT(b, ",\"group\":{");
    for (const struct report_field *f = report_group_figures; f->json != NULL; f++) {
        buf_printf(b, "%s\"%s\":%llu", f == report_group_figures ? "" : ",", f->json,
                   (unsigned long long)report_value(in->group, f->offset));
    }
    buf_char(b, '}');
}

void report_group_metrics(struct buf *b, const struct report_in *in)
{
    const size_t gauges = offsetof(struct sharing_figures, told); /* what stands before it */
    for (const struct report_field *f = report_group_figures;
         in->group != NULL && f->json != NULL; f++) {
        metric_head(b, f->metric, f->offset < gauges ? METRIC_GAUGE : METRIC_COUNTER, f->help);
        metric_u64(b, f->metric, NULL, report_value(in->group, f->offset));
    }
}

/* SPDX-License-Identifier: MIT
 *
 * conf/print.c: the schema table as help, as a page of the docs, and as a sample
 * file.
 */
#include "conf/conf.h"
#include "conf/keys.h"

#include <string.h>

#define COLUMNS 96

/* Prints text in lines that begin with `lead` and end before column 96. */
static void print_wrapped(FILE *out, const char *lead, const char *text)
{
    size_t column = 0, lead_len = strlen(lead);
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (column == 0 || column + 1 + n > COLUMNS) {
            fprintf(out, "%s%s", column == 0 ? "" : "\n", lead);
            column = lead_len;
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)n, text);
        column += n;
        text += n;
        text += *text == ' ';
    }
    fputc('\n', out);
}

static const char *scope_prefix(enum key_scope scope)
{
    switch (scope) {
    case SCOPE_CONF:
        return "";
    case SCOPE_DATABASE:
        return "databases.NAME.";
    case SCOPE_LISTEN:
        return "listen[].";
    case SCOPE_REPLICA:
        return "databases.NAME.replicas[].";
    case SCOPE_REGION:
        return "cache.regions.NAME.";
    case SCOPE_RULE:
        return "cache.rules[].";
    }
    return "";
}

void conf_print_help(FILE *out)
{
    fputs("Keys of a conf file (YAML). databases.NAME stands for any name.\n", out);
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->type == KEY_LATER) {
            continue;
        }
        fprintf(out, "\n%s%s: %s", scope_prefix(k->scope), k->path, key_type_name(k->type));
        for (const char *const *w = k->words; w != NULL && *w != NULL; w++) {
            fprintf(out, "%s%s", w == k->words ? " (" : ", ", *w);
        }
        fprintf(out, "%s%s%s\n", k->words != NULL ? ")" : "",
                k->def != NULL ? ", default " : "", k->def != NULL ? k->def : "");
        print_wrapped(out, "    ", k->help);
    }
}

void conf_print_markdown(FILE *out)
{
    fputs("| key | type | default | meaning |\n|---|---|---|---|\n", out);
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->type == KEY_LATER) {
            continue;
        }
        fprintf(out, "| `%s%s` | %s", scope_prefix(k->scope), k->path, key_type_name(k->type));
        for (const char *const *w = k->words; w != NULL && *w != NULL; w++) {
            fprintf(out, "%s`%s`", w == k->words ? ": " : ", ", *w);
        }
        fprintf(out, " | %s%s%s | %s |\n", k->def != NULL ? "`" : "",
                k->def != NULL ? k->def : "", k->def != NULL ? "`" : "", k->help);
    }
}

/* One key with its help above it. Keys without a default stand there as a comment,
 * so that the sample as a whole says what is so anyway. */
static void print_sample_key(FILE *out, const struct key *k, unsigned indent)
{
    char lead[32];
    const char *dot = strrchr(k->path, '.');
    const char *name = dot != NULL ? dot + 1 : k->path;
    indent += dot != NULL ? 2 : 0;
    snprintf(lead, sizeof lead, "%*s# ", (int)indent, "");
    print_wrapped(out, lead, k->help);
    if (k->type == KEY_SECTION) {
        fprintf(out, "%*s%s:\n", (int)indent, "", name);
    } else if (k->def != NULL || k->type == KEY_URL) {
        fprintf(out, "%*s%s: %s\n", (int)indent, "", name,
                k->def != NULL ? k->def : k->example);
    } else {
        fprintf(out, "%*s# %s: %s\n", (int)indent, "", name, k->example);
    }
}

/* The keys of the items of a list, below it. */
static void print_item_keys(FILE *out, enum key_scope scope, const char *lead)
{
    char text[512];
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->scope == scope) {
            snprintf(text, sizeof text, "%s: %s", k->path, k->help);
            print_wrapped(out, lead, text);
        }
    }
}

static void print_sample_databases(FILE *out)
{
    fputs("databases:\n  main:\n", out);
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->scope == SCOPE_DATABASE && k->type != KEY_LATER) {
            print_sample_key(out, k, 4);
        }
        if (k->scope == SCOPE_DATABASE && k->type == KEY_REPLICAS) {
            print_item_keys(out, SCOPE_REPLICA, "    #   ");
        }
    }
}

static void print_items(FILE *out, const struct key *k)
{
    if (k->type == KEY_LISTEN) {
        print_item_keys(out, SCOPE_LISTEN, "#   ");
    } else if (k->type == KEY_REGIONS) {
        print_item_keys(out, SCOPE_REGION, "  #   ");
    } else if (k->type == KEY_RULES) {
        print_item_keys(out, SCOPE_RULE, "  #   ");
    }
}

void conf_print_sample(FILE *out)
{
    fputs("# tribikos.yaml: every key of tribikosd with its default, made from the schema "
          "table by\n"
          "# `make docs`. A conf file needs nothing but a database.\n",
          out);
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->scope != SCOPE_CONF || k->type == KEY_LATER) {
            continue;
        }
        if (strchr(k->path, '.') == NULL) {
            fputc('\n', out);
        }
        if (k->type == KEY_DATABASES) {
            print_wrapped(out, "# ", k->help);
            print_sample_databases(out);
            continue;
        }
        print_sample_key(out, k, 0);
        print_items(out, k);
    }
}

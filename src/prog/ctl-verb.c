/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of verbs. */

#include "base/str.h"
#include "prog/ctl-option.h"

#define LIST_FLAGS (F(FILTER) | F(FORMAT) | F(NO_HEADING) | F(NO_TRUNC) | F(QUIET) | F(SORT))
#define MAKE_FLAGS                                                                                           \
        (F(AUTHFILE) | F(CID_FILE) | F(ENV_FILE) | F(LABEL_FILE) | F(NO_PROGRESS) | F(REPLACE) |             \
         F(TLS_VERIFY))

#define FETCH_FLAGS (F(AUTHFILE) | F(CERT_DIR) | F(CREDS) | F(RETRY) | F(RETRY_DELAY) | F(TLS_VERIFY))
#define PLATFORM_FLAGS (F(ARCH) | F(OS) | F(PLATFORM) | F(VARIANT))

#define ANY ARGS_UNLIMITED

static const Verb verbs[] = {
        {"create|container create", "IMAGE [COMMAND [ARGUMENT...]]", 1, ANY, ARG_IMAGE, .flags = MAKE_FLAGS,
         .settings = SPEC_CONTAINER, .in_order = true, .changes = true, .run = verb_create,
         .help = "Make a container without starting it"},
        {"diff|image diff", "IMAGE [IMAGE]", 1, 2, ARG_IMAGE, .flags = F(FORMAT), .run = verb_diff,
         .help = "Show which files differ between images, or what an image's last layer changes"},
        {"events", "", 0, 0, ARG_NONE, .flags = F(FILTER) | F(FORMAT) | F(NO_STREAM) | F(SINCE) | F(UNTIL),
         .no_letter = F(FORMAT), .run = verb_events, .help = "Show what happens to containers and images"},
        {"exec|container exec", "CONTAINER COMMAND [ARGUMENT...]", 2, ANY, ARG_RUNNING,
         .flags = F(ENV_FILE) | F(TTY), .settings = SPEC_EXEC, .in_order = true, .changes = true,
         .run = verb_exec, .help = "Run a command in a running container"},
        {"help", "[COMMAND]", 0, 2, ARG_VERB, .run = verb_help, .help = "Show help for a command"},
        {"history|image history", "IMAGE", 1, 1, ARG_IMAGE,
         .flags = F(FORMAT) | F(HUMAN) | F(NO_HEADING) | F(NO_TRUNC) | F(QUIET), .run = verb_history,
         .help = "Show how an image was made"},
        {"images|image ls|image list", "[NAME]", 0, 1, ARG_IMAGE,
         .flags = LIST_FLAGS | F(ALL_STATES) | F(DIGESTS), .no_letter = F(FORMAT), .run = verb_images,
         .help = "List images"},
        {"import|image import", "FILE [NAME]", 1, 2, ARG_FILE,
         .flags = PLATFORM_FLAGS | F(CHANGE) | F(MESSAGE) | F(NO_PROGRESS), .changes = true,
         .run = verb_import, .help = "Make an image of an archive of files"},
        {"info", "", 0, 0, ARG_NONE, .flags = F(FORMAT), .run = verb_info,
         .help = "Show where and how Berth works here"},
        {"inspect", "NAME...", 1, ANY, ARG_OBJECT, .flags = F(FORMAT) | F(TYPE), .run = verb_inspect,
         .help = "Show everything about containers or images"},
        {"kill|container kill", "CONTAINER...", 0, ANY, ARG_RUNNING, .flags = F(ALL) | F(LATEST) | F(SIGNAL),
         .changes = true, .run = verb_kill, .help = "Send a signal to the main process of containers"},
        {"load|image load", "[FILE]", 0, 1, ARG_FILE, .flags = F(INPUT) | F(MOVE_NAMES) | F(NO_PROGRESS),
         .changes = true, .run = verb_load, .help = "Bring in images from an OCI or docker archive"},
        {"login", "[REGISTRY]", 0, 1, ARG_NONE,
         .flags = F(AUTHFILE) | F(CERT_DIR) | F(GET_LOGIN) | F(PASSWORD) | F(PASSWORD_STDIN) | F(TLS_VERIFY) |
                  F(USERNAME) | F(VERBOSE),
         .changes = true, .run = verb_login, .help = "Try credentials for a registry and keep them"},
        {"logout", "[REGISTRY]", 0, 1, ARG_NONE, .flags = F(ALL) | F(AUTHFILE), .run = verb_logout,
         .help = "Forget the credentials for a registry"},
        {"logs|container logs", "CONTAINER...", 1, ANY, ARG_CONTAINER,
         .flags = F(FOLLOW) | F(NAMES) | F(SINCE) | F(TAIL) | F(TIMESTAMPS) | F(UNTIL), .run = verb_logs,
         .help = "Show what containers wrote to their output"},
        {"ps|container ls|container list|container ps", "", 0, 0, ARG_NONE,
         .flags = LIST_FLAGS | F(ALL_STATES) | F(LAST) | F(LATEST), .no_letter = F(FORMAT), .run = verb_ps,
         .help = "List containers"},
        {"pull|image pull", "NAME...", 1, ANY, ARG_IMAGE,
         .flags =
                 FETCH_FLAGS | PLATFORM_FLAGS | F(ALL_TAGS) | F(MOVE_NAMES) | F(NO_PROGRESS) | F(PULL_POLICY),
         .changes = true, .run = verb_pull, .help = "Bring in images from registries"},
        {"push|image push", "IMAGE [DESTINATION]", 1, 2, ARG_IMAGE,
         .flags = FETCH_FLAGS | F(COMPRESSION_FORMAT) | F(DIGEST_FILE) | F(NO_PROGRESS) | F(PUSH_FORMAT),
         .changes = true, .run = verb_push, .help = "Send an image to a registry"},
        {"quadlet create", "FILE [DROP-IN...]", 1, ANY, ARG_FILE, .flags = F(SPECIFIER) | F(UNIT),
         .run = verb_quadlet_create, .help = "Make the container of a .container file, for its unit"},
        {"restart|container restart", "CONTAINER...", 0, ANY, ARG_CONTAINER,
         .flags = F(ALL) | F(LATEST) | F(TIME), .changes = true, .run = verb_restart,
         .help = "Stop and start containers"},
        {"rm|container rm", "CONTAINER...", 0, ANY, ARG_CONTAINER,
         .flags = F(ALL) | F(FILTER) | F(FORCE) | F(IGNORE) | F(LATEST) | F(TIME), .no_letter = F(FILTER),
         .changes = true, .run = verb_rm, .help = "Remove containers"},
        {"rmi|image rm", "IMAGE...", 0, ANY, ARG_IMAGE, .flags = F(ALL) | F(FORCE) | F(IGNORE),
         .changes = true, .run = verb_rmi, .help = "Remove images, or their names when they have several"},
        {"run|container run", "IMAGE [COMMAND [ARGUMENT...]]", 1, ANY, ARG_IMAGE,
         .flags = MAKE_FLAGS | F(DETACH) | F(SIG_PROXY) | F(TTY), .settings = SPEC_CONTAINER,
         .in_order = true, .changes = true, .run = verb_run, .help = "Make a container and start it"},
        {"save|image save", "IMAGE...", 1, ANY, ARG_IMAGE,
         .flags =
                 F(COMPRESS) | F(MULTI_IMAGE) | F(NO_PROGRESS) | F(OUTPUT) | F(SAVE_FORMAT) | F(UNCOMPRESSED),
         .changes = true, .run = verb_save, .help = "Write images to an archive or a directory"},
        {"search|image search", "TERM", 1, 1, ARG_NONE,
         .flags = FETCH_FLAGS | F(FORMAT) | F(LIMIT) | F(LIST_TAGS) | F(NO_HEADING) | F(NO_TRUNC),
         .changes = true, .run = verb_search, .help = "Look for images in registries"},
        {"settings", "", 0, 0, ARG_NONE, .flags = F(JSON) | F(FORMAT) | F(NO_HEADING), .run = verb_settings,
         .help = "List all settings with their flags and Quadlet keys"},
        {"start|container start", "CONTAINER...", 0, ANY, ARG_STOPPED,
         .flags = F(ALL) | F(ATTACH) | F(FILTER) | F(INTERACTIVE) | F(LATEST) | F(SIG_PROXY),
         .no_letter = F(ALL), .changes = true, .run = verb_start, .help = "Start containers"},
        {"stop|container stop", "CONTAINER...", 0, ANY, ARG_RUNNING,
         .flags = F(ALL) | F(FILTER) | F(IGNORE) | F(LATEST) | F(TIME), .changes = true, .run = verb_stop,
         .help = "Stop containers"},
        {"system check", "", 0, 0, ARG_NONE, .flags = F(NO_PROGRESS) | F(REPAIR), .changes = true,
         .run = verb_system_check, .help = "Check whether the image store is whole"},
        {"tag|image tag", "IMAGE NAME...", 2, ANY, ARG_IMAGE, .changes = true, .run = verb_tag,
         .help = "Give an image further names"},
        {"tags|image tags", "REPOSITORY", 1, 1, ARG_NONE,
         .flags = FETCH_FLAGS | F(FORMAT) | F(LIMIT) | F(NO_HEADING), .changes = true, .run = verb_tags,
         .help = "List the tags of a repository in a registry"},
        {"untag|image untag", "IMAGE [NAME...]", 1, ANY, ARG_IMAGE, .changes = true, .run = verb_untag,
         .help = "Take names from an image"},
        {"update|container update", "CONTAINER", 1, 1, ARG_CONTAINER, .settings = SPEC_UPDATE,
         .changes = true, .run = verb_update, .help = "Change limits and the restart policy of a container"},
        {"version", "", 0, 0, ARG_NONE, .flags = F(FORMAT), .run = verb_version,
         .help = "Show the versions of both sides"},
        {"wait|container wait", "CONTAINER...", 0, ANY, ARG_RUNNING, .flags = F(IGNORE) | F(LATEST),
         .run = verb_wait, .help = "Wait until containers end and print their exit statuses"},
        {"container exists", "CONTAINER", 1, 1, ARG_CONTAINER, .run = verb_container_exists,
         .help = "Exit with 0 when there is such a container, with 1 when not"},
        {"container inspect", "CONTAINER...", 1, ANY, ARG_CONTAINER, .flags = F(FORMAT),
         .run = verb_container_inspect, .help = "Show everything about containers"},
        {"container prune", "", 0, 0, ARG_NONE, .flags = F(FILTER) | F(FORCE_PRUNE), .no_letter = F(FILTER),
         .changes = true, .run = verb_container_prune, .help = "Remove all containers that do not run"},
        {"image exists", "IMAGE", 1, 1, ARG_IMAGE, .run = verb_image_exists,
         .help = "Exit with 0 when there is such an image, with 1 when not"},
        {"image inspect", "IMAGE...", 1, ANY, ARG_IMAGE, .flags = F(FORMAT), .run = verb_image_inspect,
         .help = "Show everything about images"},
        {"image mount", "[IMAGE...]", 0, ANY, ARG_IMAGE, .flags = F(ALL) | F(FORMAT), .changes = true,
         .run = verb_image_mount, .help = "Show the files of images below a directory, or which are mounted"},
        {"image prune", "", 0, 0, ARG_NONE, .flags = F(ALL) | F(FILTER) | F(FORCE_PRUNE),
         .no_letter = F(FILTER), .changes = true, .run = verb_image_prune,
         .help = "Remove images without a name, with --all those without a container"},
        {"image tree", "IMAGE", 1, 1, ARG_IMAGE, .run = verb_image_tree,
         .help = "Show the layers of an image, and which images share them"},
        {"image unmount|image umount", "[IMAGE...]", 0, ANY, ARG_IMAGE, .flags = F(ALL), .changes = true,
         .run = verb_image_unmount, .help = "End what image mount has begun"},
};

const Verb *verb_get(size_t i)
{
        return i < ELEMENTSOF(verbs) ? &verbs[i] : NULL;
}

static bool has_name(const Verb *v, const char *name)
{
        size_t n = strlen(name);

        for (const char *p = v->names; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
                if (strncmp(p, name, n) == 0 && (p[n] == '\0' || p[n] == '|'))
                        return true;
        return false;
}

const char *verb_name(const Verb *v)
{
        static char name[32];

        (void) snprintf(name, sizeof(name), "%.*s", (int) strcspn(v->names, "|"), v->names);
        return name;
}

bool verb_is_noun(const char *word)
{
        static const char *const nouns[] = {"container", "image", "quadlet", "system"};

        FOREACH_ELEMENT(n, nouns)
                if (streq(*n, word))
                        return true;
        return false;
}

const Verb *verb_find(char **argv, size_t *ret_words)
{
        _cleanup_free_ char *two =
                verb_is_noun(argv[0]) && argv[1] ? str_printf("%s %s", argv[0], argv[1]) : NULL;
        const char *name = two ?: argv[0];

        if (strchr(argv[0], ' ') || strchr(argv[0], '|'))
                return NULL;
        *ret_words = two ? 2 : 1;
        FOREACH_ELEMENT(v, verbs)
                if (has_name(v, name))
                        return v;
        return NULL;
}

int verb_unknown(Ctl *c, char **argv)
{
        _cleanup_strv_ char **names = NULL;
        bool noun = verb_is_noun(argv[0]);
        const char *word = noun ? argv[1] : argv[0], *near;

        FOREACH_ELEMENT(v, verbs) {
                _cleanup_strv_ char **of_verb = NULL;

                if (strv_split(v->names, "|", &of_verb) < 0)
                        return -ENOMEM;
                STRV_FOREACH(n, of_verb) {
                        const char *below = noun ? startswith(*n, argv[0]) : *n;

                        if (below && strv_append(&names, noun ? below + 1 : below) < 0)
                                return -ENOMEM;
                }
        }
        near = word ? nearest_of(word, names) : NULL;
        if (!word)
                return error_set(&c->error, ERROR_INVALID_ARGUMENT, "\"%s\" wants a command behind it",
                                 argv[0]);
        return error_set(&c->error, ERROR_INVALID_ARGUMENT, "unknown command \"%s\"%s%s%s", word,
                         near ? "; did you mean \"" : "", strempty(near), near ? "\"?" : "");
}

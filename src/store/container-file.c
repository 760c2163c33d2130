/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container.json, by rows. */

#include "base/str.h"
#include "spec/id-map.h"
#include "spec/name.h"
#include "spec/setting.h"
#include "store/container-file.h"

typedef struct Document {
        ContainerFile file;
        uint64_t version;
        json_t *settings;
        char **uid_map, **gid_map;
} Document;

static const JsonRow rows[] = {
        {"Version", JSON_ROW_U64, offsetof(Document, version), true},
        {"Id", JSON_ROW_STRING, offsetof(Document, file.id), true},
        {"Created", JSON_ROW_U64, offsetof(Document, file.created), true},
        {"ImageId", JSON_ROW_STRING, offsetof(Document, file.image_id), true},
        {"ImageName", JSON_ROW_STRING, offsetof(Document, file.image_name), false},
        {"Unit", JSON_ROW_STRING, offsetof(Document, file.unit), true},
        {"StoppedByUser", JSON_ROW_BOOL, offsetof(Document, file.stopped_by_user), false},
        {"UIDMap", JSON_ROW_STRV, offsetof(Document, uid_map), false},
        {"GIDMap", JSON_ROW_STRV, offsetof(Document, gid_map), false},
        {"Settings", JSON_ROW_JSON, offsetof(Document, settings), true},
};

static void document_done(Document *d)
{
        container_file_done(&d->file);
        json_decref(d->settings);
        strv_free(d->uid_map);
        strv_free(d->gid_map);
}

void container_file_done(ContainerFile *f)
{
        free(f->id);
        free(f->image_id);
        free(f->image_name);
        free(f->unit);
        launch_id_maps_done(&f->maps);
        spec_free(f->spec);
        json_decref(f->unknown_settings);
        json_decref(f->unknown);
        *f = (ContainerFile){};
}

static int damaged(Error *error, const char *what)
{
        (void) error_set(error, ERROR_STORE_DAMAGED, CONTAINER_FILE ": %s", what);
        return -EBADMSG;
}

static int check(const ContainerFile *f, Error *error)
{
        if (!id_is_valid(f->id))
                return damaged(error, "Id is no ID");
        if (!id_is_valid(f->image_id))
                return damaged(error, "ImageId is no ID");
        if (!unit_name_is_valid(f->unit))
                return damaged(error, "Unit is no name of a service");
        if (!name_is_valid(f->spec->name))
                return damaged(error, "Settings.Name is no name");
        return 0;
}

static int read_maps(Document *d, Error *error)
{
        LaunchIdMaps *m = &d->file.maps;
        int r;

        r = id_map_list_parse(d->uid_map, &m->uids, &m->n_uids, NULL);
        if (r >= 0)
                r = id_map_list_parse(d->gid_map, &m->gids, &m->n_gids, NULL);
        return r == -EINVAL ? damaged(error, "UIDMap or GIDMap is none") : r;
}

int container_file_from_json(const json_t *v, ContainerFile *ret, Error *error)
{
        _cleanup_(document_done) Document d = {};
        _cleanup_free_ char *text = NULL;
        _cleanup_error_ Error inner = ERROR_INIT;
        int r;

        if (json_get_i64(v, "Version", 0) > CONTAINER_FILE_VERSION)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 CONTAINER_FILE " is of a newer version of Berth");
        r = json_read(v, rows, ELEMENTSOF(rows), &d, &d.file.unknown, &text);
        if (r == -EBADMSG)
                return damaged(error, strempty(text));
        if (r < 0)
                return r;
        d.file.spec = spec_new(SPEC_CONTAINER);
        if (!d.file.spec)
                return -ENOMEM;
        if (!json_is_object(d.settings))
                return damaged(error, "Settings is no object");
        r = spec_from_json(d.file.spec, d.settings, &d.file.unknown_settings, &inner);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return damaged(error, strempty(inner.message));
        r = read_maps(&d, error);
        if (r >= 0)
                r = check(&d.file, error);
        if (r < 0)
                return r;
        *ret = TAKE(d.file, (ContainerFile){});
        return 0;
}

json_t *container_file_to_json(const ContainerFile *f)
{
        Document d = {.file = *f, .version = CONTAINER_FILE_VERSION};
        _cleanup_json_ json_t *settings = spec_to_json(f->spec);
        _cleanup_strv_ char **uids = NULL, **gids = NULL;

        if (!settings ||
            (f->unknown_settings && json_object_update_missing(settings, f->unknown_settings) < 0))
                return NULL;
        if (id_map_list_text(f->maps.uids, f->maps.n_uids, &uids) < 0 ||
            id_map_list_text(f->maps.gids, f->maps.n_gids, &gids) < 0)
                return NULL;
        d.settings = settings;
        d.uid_map = uids;
        d.gid_map = gids;
        return json_write(rows, ELEMENTSOF(rows), &d, f->unknown);
}

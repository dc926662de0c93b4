/* sandbox.c: a picture decoded in a child that can only compute.  The parent reads the size from
 * the header, makes room for that many pixels and no more, and believes the child nothing else. */
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "image/image.h"
#include "media/media.h"

struct result { /* shared memory: the child writes, the parent reads when the child is gone */
    uint32_t finished, width, height;
    int32_t status;
    vlm_error err;
    uint8_t rgb[];
};
struct job {
    const uint8_t *data;
    size_t n;
    const char *name;
    size_t room; /* bytes of rgb */
    struct result *result;
};

/* In the child. */
static void decode(void *arg)
{
    struct job *j = arg;
    struct result *r = j->result;
    struct vlm_image *image;
    int rc = vlm_image_load(&image, &vlm_mem_system, j->data, j->n, j->name, &r->err);
    r->status = rc;
    if (rc == VLM_OK) {
        size_t bytes = (size_t)image->width * image->height * 3;
        r->width = image->width;
        r->height = image->height;
        if (bytes == j->room)
            memcpy(r->rgb, image->rgb, bytes);
    }
    r->finished = 1;
}

static int judge(const struct job *j, const struct vlm_child_end *end, uint32_t width,
                 uint32_t height, vlm_error *err)
{
    const struct result *r = j->result;
    if (end->signal || (end->known && end->code != 0) || r->finished != 1)
        return vlm_fail(err, VLM_ERR_FORMAT,
                        "%s: the picture could not be decoded: its decoder "
                        "was ended by signal %d",
                        j->name, end->signal);
    if (r->status < VLM_ERR_NUMERIC || r->status > VLM_OK)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: its decoder gave no valid answer", j->name);
    if (r->status != VLM_OK) /* bytes of the child: vlm_fail makes one clean line of them */
        return vlm_fail(err, (vlm_status)r->status, "%.*s", (int)sizeof r->err.message,
                        r->err.message);
    bool same = r->width == width && r->height == height;
    bool turned = r->width == height && r->height == width;
    if (!same && !turned)
        return vlm_fail(err, VLM_ERR_FORMAT, "%s: its decoder gave %ux%u pixels, expected %ux%u",
                        j->name, r->width, r->height, width, height);
    return VLM_OK;
}

int vlm_image_decode_sandboxed(vlm_image **out, const vlm_engine *engine, const void *data,
                               size_t n, const char *name, vlm_error *err)
{
    enum vlm_image_kind kind;
    uint32_t width, height;
    struct vlm_child_end end;
    unsigned guards;
    int rc = vlm_image_probe(&kind, &width, &height, data, n, name, err);
    if (rc < 0)
        return rc;
    struct job j = {.data = data, .n = n, .name = name, .room = (size_t)width * height * 3};
    size_t bytes = sizeof *j.result + j.room;
    j.result = vlm_child_share(bytes);
    if (!j.result)
        return vlm_fail_memory(err, bytes, "a picture");
    const struct vlm_child_limits limits = {VLM_LIMIT_CHILD_BYTES, VLM_LIMIT_CHILD_CPU_SECONDS,
                                            VLM_LIMIT_CHILD_SECONDS};
    rc = vlm_child_call(decode, &j, &limits, &guards, &end, err);
    if (rc == VLM_OK)
        rc = judge(&j, &end, width, height, err);
    if (rc == VLM_OK)
        rc = vlm_image_from_rgb(out, engine, j.result->rgb, j.result->width, j.result->height, err);
    vlm_child_unshare(j.result, bytes);
    return rc;
}

int vlm_image_open_sandboxed(vlm_image **out, const vlm_engine *engine, const char *path,
                             vlm_error *err)
{
    struct vlm_map map;
    const vlm_allocator *alloc = vlm_engine_allocator(engine);
    int rc = vlm_map_open(&map, alloc, NULL, path, true, VLM_LIMIT_IMAGE_FILE_BYTES, err);
    if (rc < 0)
        return rc;
    rc = vlm_image_decode_sandboxed(out, engine, map.data, map.n, path, err);
    vlm_map_close(&map, alloc);
    return rc;
}

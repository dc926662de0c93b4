/* allocator.c: lends the engine's account to the rooms above it (media), which do not see inside. */
#include "engine/engine.h"
#include "vlm_tools.h"

const vlm_allocator *vlm_engine_allocator(const vlm_engine *engine)
{
    return &engine->alloc;
}

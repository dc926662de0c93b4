/* wear.c: wear and photography of a finished page. */
#include "docgen/page.h"

bool vlm_docgen_wear(struct vlm_docgen_page *p, double strength)
{
    (void)p;
    (void)strength;
    return true;
}

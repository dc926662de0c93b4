/* outside.c: a program from somewhere else that found vlm installed. */
#include <stdio.h>
#include <vlm.h>
#include <vlm_tools.h>

int main(void)
{
    vlm_engine *engine = NULL;
    vlm_error err;
    if (vlm_engine_open(&engine, "/nonexistent", NULL, &err) >= 0 || !err.message[0])
        return 1;
    if (vlm_isa_name(0) == NULL)
        return 2;
    printf("vlm %s\n", vlm_version());
    return 0;
}
